import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { Celery } from '../../src/app/celery.ts'
import type { Backend, BackendOptions, ResultCodec } from '../../src/backends/backend.ts'
import { createRedisBackend } from '../../src/backends/redis/backend.ts'
import { redisBackendOptions } from '../../src/backends/redis/redis-backend-options.ts'
import { RedisLink } from '../../src/backends/redis/redis-link.ts'
import { UnreadableResults } from '../../src/backends/unreadable-results.ts'
import { BackendGetMetaError, BackendStoreError } from '../../src/errors.ts'
import type { ResultMeta } from '../../src/protocol/result-meta.ts'
import { ResultSet } from '../../src/result/result-set.ts'
import {
  backendOptions,
  jsonResultCodec,
  KEEP,
  resultMeta,
} from '../../src/testing/conformance/backend-session.ts'
import { systemClock } from '../../src/util/clock.ts'
import { isRecord } from '../../src/util/is-record.ts'
import type { RedisConnection } from '../../src/util/redis/redis-connection.ts'
import type { CleanupContext } from '../support/cleanup.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { openTestConnection } from '../support/redis-store.ts'
import { needs } from '../support/require-server.ts'
import type { RedisServer } from '../support/servers/redis.ts'
import { startRedis } from '../support/servers/redis.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

let shared: Promise<RedisServer> | undefined
let databases = 0
/** A database of its own on one server for all tests of this file. */
async function database(): Promise<string> {
  shared ??= startRedis(undefined, { args: ['--databases', '400'] })
  databases += 1
  return `${(await shared).url}/${databases}`
}

async function open(
  t: CleanupContext,
  url: string,
  overrides: Partial<BackendOptions> = {},
): Promise<Backend> {
  const backend = await createRedisBackend(backendOptions(url, overrides))
  onCleanup(
    t,
    () => backend.close(),
    () => undefined,
  )
  return backend
}

interface GoldenKey {
  readonly type: string
  readonly ttl: number
  readonly value?: string
  readonly members?: readonly { readonly score: number; readonly value: string }[]
  readonly items_left_to_right?: readonly { readonly value: string }[]
}

interface GoldenEntry {
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
  readonly expires: number | undefined
  readonly keys: Readonly<Record<string, GoldenKey>>
}

const DAY = 86_400
/** What JavaScript cannot read as JSON. */
const NOT_JSON = /\b(?:NaN|Infinity)\b/

/** What Python left behind in Redis, where it wrote JSON. */
function goldenEntries(): readonly GoldenEntry[] {
  const document: unknown = JSON.parse(
    readFileSync(new URL('../wire/vectors/results-redis.json', import.meta.url), 'utf8'),
  )
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  const entries: GoldenEntry[] = []
  for (const { name, settings, keys } of document['entries']) {
    const {
      result_serializer: serializer,
      result_expires: expires,
      result_backend_transport_options: options,
    } = settings ?? {}
    if (serializer !== undefined || Object.keys(keys ?? {}).length === 0) continue
    if (NOT_JSON.test(JSON.stringify(keys))) continue
    entries.push({
      name,
      options: options ?? {},
      expires: expires === undefined ? DAY * 1000 : expires === null ? undefined : expires * 1000,
      keys,
    })
  }
  assert.ok(entries.length > 80)
  return entries
}

/** Lifetimes are looked at some time after they were set: how many seconds that may be. */
const LATE = 60

/**
 * All keys but ours, in the form of the golden files; texts are decoded, since spaces in JSON do not matter. A lifetime
 * is shown as the one that was wanted when no more of it has passed than may have by now.
 */
async function contents(
  redis: RedisConnection,
  keyed: Readonly<Record<string, GoldenKey>>,
): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  const keys = await redis.send('KEYS', '*')
  for (const key of Array.isArray(keys) ? keys.map(String) : []) {
    if (key.includes('celeriac:')) continue
    const type = await redis.send('TYPE', key)
    const left = Number(await redis.send('TTL', key))
    const { ttl: full = left } = keyed[key] ?? {}
    const ttl = full > LATE && left <= full && left > full - LATE ? full : left
    if (type === 'string') found[key] = { ttl, value: JSON.parse(String(await redis.send('GET', key))) }
    else {
      const [command, ...more] = type === 'zset' ? (['ZRANGE', 'WITHSCORES'] as const) : (['LRANGE'] as const)
      const items = await redis.send(command, key, 0, -1, ...more)
      found[key] = { ttl, value: Array.isArray(items) && items.map((item) => JSON.parse(String(item))) }
    }
  }
  return found
}

function wanted(keys: Readonly<Record<string, GoldenKey>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(keys).map(([key, { ttl, value, members, items_left_to_right: items }]) => {
      if (value !== undefined) return [key, { ttl, value: JSON.parse(value) }]
      const parsed = members?.flatMap((member) => [JSON.parse(member.value), member.score])
      return [key, { ttl, value: parsed ?? items?.map((item) => JSON.parse(item.value)) }]
    }),
  )
}

/** Does what led to those keys, with our backend. */
async function imitate(
  backend: Backend,
  redis: RedisConnection,
  { keys, expires }: GoldenEntry,
): Promise<void> {
  const options = { expires, replyTo: undefined, size: undefined }
  // Parts last: with each of them the lifetimes of the other keys are set anew.
  const inOrder = Object.entries(keys).sort(([a], [b]) => Number(a.endsWith('.j')) - Number(b.endsWith('.j')))
  for (const [key, { value, members, items_left_to_right: items }] of inOrder) {
    const group = /celery-taskset-meta-(.*?)(\.[jst])?$/.exec(key)
    const [, id = '', suffix] = group ?? []
    if (group === null) await backend.save(JSON.parse(value ?? ''), options)
    else if (suffix === undefined) await backend.groups?.save(id, JSON.parse(value ?? '').result, options)
    else if (suffix === '.s') await backend.chords?.setSize(id, Number(value), options)
    else if (suffix === '.t') await redis.send('INCRBY', key, Number(value))
    else {
      for (const [index, { value: text, score = index }] of (members ?? items ?? []).map(
        (item) => [0, { score: undefined, ...item }] as const,
      )) {
        const [, task, state, result] = JSON.parse(text)
        await backend.chords?.add(id, { index: score ?? index, id: task, state, result }, options)
      }
    }
  }
}

suite('results in Redis', needs('redis-server'), () => {
  test('we write what Celery writes: keys, documents, lifetimes [4-045] [4-046] [4-048] [4-054] [4-067] [4-068] [1-326] [1-328] [11-022]', async (t) => {
    for (const entry of goldenEntries()) {
      const url = await database()
      const backend = await open(t, url, { transportOptions: entry.options })
      const redis = await openTestConnection(t, url)
      await imitate(backend, redis, entry)
      assert.deepEqual(await contents(redis, entry.keys), wanted(entry.keys), entry.name)
      await Promise.all([backend.close(), redis.close()])
    }
  })

  test('we read what Celery wrote [4-045] [4-067]', async (t) => {
    const url = await database()
    const redis = await openTestConnection(t, url)
    const backend = await open(t, url)
    for (const { name, keys, options } of goldenEntries()) {
      if (Object.keys(options).length > 0) continue
      for (const [key, { value }] of Object.entries(keys)) {
        if (value === undefined) continue
        await redis.send('SET', key, value)
        const task = /^celery-task-meta-(.*)$/.exec(key)?.[1]
        const group = /^celery-taskset-meta-([^.]*)$/.exec(key)?.[1]
        if (task !== undefined) assert.deepEqual(await backend.load([task]), [JSON.parse(value)], name)
        if (group !== undefined)
          assert.deepEqual(await backend.groups?.load(group), JSON.parse(value).result, name)
      }
    }
  })

  test('a chord begun by Python is finished by us, with what was added to its size [4-068]', async (t) => {
    const url = await database()
    const redis = await openTestConnection(t, url)
    const backend = await open(t, url)
    const key = 'celery-taskset-meta-g'
    await redis.send('SET', `${key}.s`, 2)
    await redis.send('INCR', `${key}.t`)
    await redis.send(
      'ZADD',
      `${key}.j`,
      1,
      '[1, "py", "SUCCESS", 20]',
      '+inf',
      '[1, "added", "SUCCESS", null]',
    )
    const part = { index: 0, id: 'js', state: 'SUCCESS', result: 10 }
    const options = { expires: 5_000_000, size: undefined }
    assert.deepEqual(await backend.chords?.add('g', { ...part, id: 'py', index: 1 }, options), {
      complete: false,
      count: 2,
      size: 3,
    })
    assert.deepEqual(await backend.chords?.add('g', part, options), { complete: true, count: 3, size: 3 })
    assert.deepEqual(await backend.chords?.collect('g'), [
      part,
      { index: 1, id: 'py', state: 'SUCCESS', result: 20 },
      { index: Number.POSITIVE_INFINITY, id: 'added', state: 'SUCCESS', result: null },
    ])
    const left = Number(await redis.send('TTL', `${key}.t`))
    assert.ok(left > 4900 && left <= 5000, `${left} s`)
    await backend.chords?.forget('g')
    assert.deepEqual(await redis.send('KEYS', '*'), [])
  })

  test('parts without order count once, too [1-328]', async (t) => {
    const url = await database()
    const backend = await open(t, url, { transportOptions: { result_chord_ordered: false } })
    const options = { expires: undefined, size: 2 }
    const part = (id: string) => ({ index: 7, id, state: 'SUCCESS', result: id })
    await backend.chords?.add('g', part('b'), options)
    assert.deepEqual(await backend.chords?.add('g', part('b'), options), {
      complete: false,
      count: 1,
      size: 2,
    })
    assert.equal((await backend.chords?.add('g', part('a'), options))?.complete, true)
    const collected = await backend.chords?.collect('g')
    assert.deepEqual(
      collected?.map(({ id, index }) => [id, index]),
      [
        ['b', 0],
        ['a', 1],
      ],
    )
    await backend.chords?.forget('g')
  })

  test('each result is published on the channel named like its key, a kept one is not [12-031]', async (t) => {
    const url = await database()
    const redis = await openTestConnection(t, url)
    const backend = await open(t, url, { transportOptions: { global_keyprefix: 'pre' } })
    const heard: string[] = []
    redis.listen((channel, payload) => heard.push(`${channel} ${JSON.parse(String(payload)).status}`))
    await redis.subscribePatterns(['*'])
    await backend.save(resultMeta({ task_id: 'a', status: 'STARTED' }), KEEP)
    await backend.save(resultMeta({ task_id: 'a' }), KEEP)
    await backend.save(resultMeta({ task_id: 'a', status: 'FAILURE' }), KEEP)
    await backend.save(resultMeta({ task_id: 'b' }), KEEP)
    await eventually(() => heard.length === 3)
    assert.deepEqual(heard, [
      'pre_celery-task-meta-a STARTED',
      'pre_celery-task-meta-a SUCCESS',
      'pre_celery-task-meta-b SUCCESS',
    ])
  })

  test('nobody listens any more when the results of a chord have been had [3-162]', async (t) => {
    const url = await database()
    const redis = await openTestConnection(t, url)
    const app = new Celery('t', { broker: 'memory://listens', backend: url, setAsCurrent: false })
    onCleanup(
      t,
      () => app.close(),
      () => undefined,
    )
    const channels = async (): Promise<unknown> => redis.send('PUBSUB', 'CHANNELS', 'celery-task-meta-l-*')
    const header = new ResultSet([app.AsyncResult('l-1'), app.AsyncResult('l-2')], app.resultContext)
    const values = Promise.all([header.get({ timeout: 60 }), app.AsyncResult('l-body').get({ timeout: 60 })])
    await eventually(async () => assert.equal([await channels()].flat().length, 3))
    for (const id of ['l-1', 'l-2', 'l-body']) await app.results.save(resultMeta({ task_id: id, result: id }))
    assert.deepEqual(await values, [['l-1', 'l-2'], 'l-body'])
    await eventually(async () => assert.deepEqual(await channels(), []))
  })

  test('a success is kept in whatever form it is stored [4-050]', async (t) => {
    const reversed: ResultCodec = {
      contentType: 'application/x-reversed',
      contentEncoding: 'binary',
      encode: (value) => jsonResultCodec.encode(value).toReversed(),
      decode: (bytes) => jsonResultCodec.decode(bytes.toReversed()),
    }
    const url = await database()
    const backend = await open(t, url, { codec: reversed })
    const states = ['STARTED', 'RETRY', 'SUCCESS', 'FAILURE', 'SUCCESS']
    for (const [index, status] of states.entries()) {
      await backend.save(resultMeta({ task_id: 'a', status, result: index }), KEEP)
    }
    const [meta] = await backend.load(['a'])
    assert.deepEqual([meta?.status, meta?.result], ['SUCCESS', 2])
    // All of them at once, too.
    await Promise.all(
      states.map((status, index) => backend.save(resultMeta({ task_id: 'b', status, result: index }), KEEP)),
    )
    assert.equal((await backend.load(['b']))[0]?.status, 'SUCCESS')
  })

  test('ids must not be empty [4-049]', async (t) => {
    const backend = await open(t, await database())
    await assert.rejects(backend.save(resultMeta({ task_id: '' }), KEEP), RangeError)
    await assert.rejects(backend.load(['']), RangeError)
  })

  test('a document that cannot be read fails the reading, with its key', async (t) => {
    const url = await database()
    const redis = await openTestConnection(t, url)
    const backend = await open(t, url)
    await redis.send('SET', 'celery-task-meta-a', 'no json')
    await redis.send('SET', 'celery-task-meta-b', '{"status": 1}')
    await assert.rejects(backend.load(['a']), (error: unknown) => {
      assert.ok(error instanceof BackendGetMetaError)
      assert.match(error.message, /celery-task-meta-a/)
      return true
    })
    await assert.rejects(backend.load(['b']), /it is no result/)
    // The others of the same trip are there all the same, and what is stored with them is stored.
    await backend.save(resultMeta({ task_id: 'c' }), KEEP)
    await assert.rejects(backend.load(['a', 'c']), (error: unknown) => {
      assert.ok(error instanceof UnreadableResults)
      assert.deepEqual([...error.errors.keys()], ['a'])
      return error.metas[1]?.task_id === 'c'
    })
    await Promise.all(['a', 'd'].map((task_id) => backend.save(resultMeta({ task_id }), KEEP)))
    assert.deepEqual(
      (await backend.load(['a', 'd'])).map((meta) => meta?.status),
      ['SUCCESS', 'SUCCESS'],
    )
  })

  test('a document that cannot be read is told of when it is published', async (t) => {
    const url = await database()
    const redis = await openTestConnection(t, url)
    const backend = await open(t, url)
    const told: string[] = []
    const watch = backend.watch?.(
      ({ task_id }) => told.push(task_id),
      (id, error) => told.push(`${id}: ${error.message}`),
    )
    await watch?.add(['p', 'q'])
    await redis.send('PUBLISH', 'celery-task-meta-p', 'no json')
    await backend.save(resultMeta({ task_id: 'q' }), KEEP)
    await eventually(() => assert.equal(told.length, 2))
    assert.match(told[0] ?? '', /^p: The stored result of task p is unreadable/)
    assert.equal(told[1], 'q')
  })

  test('documents that lack what old versions did not write are read [4-045]', async (t) => {
    const url = await database()
    const redis = await openTestConnection(t, url)
    const backend = await open(t, url)
    await redis.send('SET', 'celery-task-meta-o', '{"status": "SUCCESS", "result": 5, "children": {}}')
    assert.deepEqual(await backend.load(['o']), [
      { task_id: 'o', status: 'SUCCESS', result: 5, traceback: null, children: null, date_done: null },
    ])
  })
})

suite('the Redis backend and lost connections', needs('redis-server'), () => {
  test('it connects again by itself, and what came meanwhile is told', { timeout: 240_000 }, async (t) => {
    const server = await startRedis(t, { appendonly: true })
    const proxy = await startTcpProxy(t, server.port)
    const warnings: string[] = []
    const warn = (text: string) => void warnings.push(text)
    const backend = await open(t, proxy.through(server.url), { warn })
    const direct = await open(t, server.url)
    const told: ResultMeta[] = []
    const watch = backend.watch?.((meta) => told.push(meta))
    await watch?.add(['a', 'b', 'c'])
    await proxy.refuse()
    await direct.save(resultMeta({ task_id: 'a' }), KEEP)
    await direct.save(resultMeta({ task_id: 'not watched' }), KEEP)
    const saving = backend.save(resultMeta({ task_id: 'b' }), KEEP)
    await proxy.resume()
    await saving
    await eventually(() =>
      assert.deepEqual([...new Set(told.map(({ task_id }) => task_id))].sort(), ['a', 'b']),
    )
    await direct.save(resultMeta({ task_id: 'c' }), KEEP)
    await eventually(() => told.some(({ task_id }) => task_id === 'c'))
    assert.match(warnings.join('\n'), /The connection of the result backend was lost/)
  })

  test('what cannot be read does not keep it from telling of what came meanwhile', {
    timeout: 240_000,
  }, async (t) => {
    const server = await startRedis(t)
    const proxy = await startTcpProxy(t, server.port)
    const backend = await open(t, proxy.through(server.url))
    const direct = await open(t, server.url)
    const redis = await openTestConnection(t, server.url)
    const told: string[] = []
    const watch = backend.watch?.(
      ({ task_id }) => told.push(task_id),
      (id) => told.push(`${id} is unreadable`),
    )
    await watch?.add(['a', 'b', 'c'])
    await proxy.refuse()
    await redis.send('SET', 'celery-task-meta-a', 'no json')
    await direct.save(resultMeta({ task_id: 'b' }), KEEP)
    await proxy.resume()
    await eventually(() => assert.deepEqual(told, ['a is unreadable', 'b']))
    await direct.save(resultMeta({ task_id: 'c' }), KEEP)
    await eventually(() => assert.deepEqual(told, ['a is unreadable', 'b', 'c']))
  })

  test('a connection that cannot be put to use is not kept', { timeout: 240_000 }, async (t) => {
    const server = await startRedis(t)
    const proxy = await startTcpProxy(t, server.port)
    const link = new RedisLink({
      options: redisBackendOptions(backendOptions(proxy.through(server.url))),
      clock: systemClock,
      warn: () => undefined,
      opened: () => Promise.reject(new RangeError('no')),
    })
    for (let attempts = 1; attempts <= 3; attempts += 1) {
      await assert.rejects(
        link.run(() => Promise.resolve()),
        RangeError,
      )
      await eventually(() => assert.deepEqual([proxy.accepted, proxy.connections], [attempts, 0]))
    }
    await link.close()
  })

  test('when attempts are used up it says so [1-327]', { timeout: 240_000 }, async (t) => {
    const warnings: string[] = []
    const retry = (policy: Readonly<Record<string, unknown>>) => {
      const transportOptions = { retry_policy: policy }
      return open(t, 'redis://127.0.0.1:1', { transportOptions, warn: (message) => warnings.push(message) })
    }
    const few = await retry({ max_retries: 2, interval_start: 0, interval_step: 0.01, interval_max: 0.01 })
    await assert.rejects(few.save(resultMeta(), KEEP), (error: unknown) => {
      assert.ok(error instanceof BackendStoreError)
      assert.match(error.message, /could not be reached in 3 attempts \(retry_policy .*ECONNREFUSED/)
      return true
    })
    await assert.rejects(few.load(['a']), BackendGetMetaError)
    // Each retry once, however many try at the same time or one after the other.
    assert.match(
      warnings.join('\n'),
      /^.*ECONNREFUSED.*Trying again in 0\.00 seconds\.\.\. \(1\/2\)\n.*in 0\.01.*\(2\/2\)$/,
    )
    const short = await retry({ max_retries: 0, interval_start: 0.01, interval_max: 0.01, timeout: 0.1 })
    await assert.rejects(short.load(['a']), /could not be reached in \d+ attempts/)
    await assert.rejects(retry({ max_retry: 1 }), /"max_retry" \(did you mean "max_retries"\?\)/)
  })

  test('closing ends the attempts', { timeout: 240_000 }, async (t) => {
    const backend = await open(t, 'redis://127.0.0.1:1')
    const failed = assert.rejects(backend.load(['a']), BackendGetMetaError)
    await backend.close()
    await failed
    await assert.rejects(backend.load(['a']), /was closed/)
  })

  test('other errors can be counted as lost connections [1-329]', { timeout: 240_000 }, async (t) => {
    const server = await startRedis(t)
    const options = {
      retry_policy: { interval_step: 0.01, interval_max: 0.01 },
      additional_connection_errors: ['NOREPLICAS'],
    }
    const backend = await open(t, server.url, { transportOptions: options })
    const strict = await open(t, server.url)
    await server.command('CONFIG SET min-replicas-to-write 1')
    await assert.rejects(strict.save(resultMeta(), KEEP), /NOREPLICAS/)
    const saving = backend.save(resultMeta({ task_id: 'a' }), KEEP)
    await server.command('CONFIG SET min-replicas-to-write 0')
    await saving
    assert.equal((await backend.load(['a'])).length, 1)
  })

  test('TLS by the URL alone [1-078] [4-067] [11-023]', async (t) => {
    const redis = (url: string, settings: Readonly<Record<string, unknown>>) => open(t, url, { settings })
    await assert.rejects(
      redis('redis://localhost', { redis_backend_use_ssl: { ssl_cert_reqs: 'none' } }),
      /write rediss:\/\//,
    )
    await assert.rejects(redis('redis://localhost?ssl_cert_reqs=none', {}), /write rediss:\/\//)
    await assert.rejects(
      redis('rediss://localhost?ssl_cert_reqs=maybe', {}),
      /ssl_cert_reqs must be required, optional or none/,
    )
  })
})
