import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import type { Backend, BackendOptions } from '../../src/backends/backend.ts'
import { createBackend } from '../../src/backends/create-backend.ts'
import { createMemcachedBackend } from '../../src/backends/memcached.ts'
import {
  BackendError,
  BackendGetMetaError,
  BackendStoreError,
  ImproperlyConfigured,
} from '../../src/errors.ts'
import { JsonSerializer } from '../../src/messaging/serialization/json.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import { backendOptions, KEEP, resultMeta } from '../../src/testing/conformance/backend-session.ts'
import { isRecord } from '../../src/util/is-record.ts'
import { eventually } from '../support/eventually.ts'
import { findProgram, needs } from '../support/require-server.ts'
import type { MemcachedServer } from '../support/servers/memcached.ts'
import { startMemcached } from '../support/servers/memcached.ts'
import { onEnd } from './fixtures/on-end.ts'

const json = new JsonSerializer()
let shared: Promise<MemcachedServer> | undefined
const server = (): Promise<MemcachedServer> => (shared ??= startMemcached())

async function open(t: TestContext, url: string, overrides: Partial<BackendOptions> = {}): Promise<Backend> {
  const backend = await createBackend(backendOptions(url, { codec: json, ...overrides }))
  onEnd(t, () => backend.close())
  return backend
}

if (findProgram('memcached') || process.env['CI']) {
  const [one, two] = [await server(), await startMemcached()]
  for (const servers of [one.address, `${one.address};${two.address}`]) {
    exerciseBackend({
      name: servers.includes(';') ? 'two servers of memcached' : 'memcached',
      features: { persistent: true, autoExpire: true, nativeJoin: true, groups: true },
      watch: false,
      create: (_t, overrides) =>
        createMemcachedBackend(backendOptions(`cache+memcached://${servers}/`, overrides)),
    })
  }
}

interface GoldenItem {
  readonly key: string
  readonly flags: number
  readonly value: string
}

function golden(): readonly { readonly name: string; readonly items: readonly GoldenItem[] }[] {
  const path = new URL('../wire/vectors/results-cache.json', import.meta.url)
  const document: unknown = JSON.parse(readFileSync(path, 'utf8'))
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  return document['entries'].filter(({ name }) => !name.includes('/'))
}

// What Python's client put there is read, and written again with the same flags, so that Python gets a text.
suite('items as Celery stores them [4-045] [4-046] [4-073]', needs('memcached'), () => {
  for (const { name, items } of golden()) {
    for (const [index, item] of items.entries()) {
      const [, kind, id = ''] = /^celery-(task|taskset)-meta-(.+)$/.exec(item.key) ?? []
      if (kind === undefined) continue
      test(`${name} #${index}`, async (t) => {
        const { address, command } = await server()
        const backend = await open(t, `cache+pylibmc://${address}`)
        const size = Buffer.byteLength(item.value)
        assert.match(await command(`set ${item.key} ${item.flags} 0 ${size}`, item.value), /^STORED/)
        if (kind === 'taskset') {
          const group = await backend.groups?.load(id)
          assert.ok(group)
          await command(`delete ${item.key}`)
          await backend.groups?.save(id, group, KEEP)
        } else {
          const [meta] = await backend.load([id])
          assert.ok(meta)
          await command(`delete ${item.key}`)
          await backend.save(meta, KEEP)
        }
        const [head = '', value = ''] = (await command(`get ${item.key}`)).split('\r\n')
        assert.equal(head.split(' ')[2], String(item.flags))
        assert.equal(value, JSON.stringify(JSON.parse(item.value)))
        await backend.forget([id])
        await backend.groups?.forget(id)
      })
    }
  }
})

// Items of a client that compresses; items of one that pickles, which could run code.
test('compressed items are read, pickled ones refused [4-073]', needs('memcached'), async (t) => {
  const { address } = await server()
  const backend = await open(t, `cache+memcache://${address}/`)
  const other = await import('../../src/backends/memcached/memcached-connection.ts')
  const [host = '', port] = address.split(':')
  const raw = new other.MemcachedConnection({
    address: { host, port: Number(port) },
    connectTimeout: 1000,
    replyTimeout: 1000,
  })
  onEnd(t, () => raw.close())
  const meta = resultMeta({ result: 'x'.repeat(1000) })
  const packed = deflateSync(JSON.stringify(meta))
  await raw.command(`set celery-task-meta-${meta.task_id} 24 0 ${packed.length}`, packed)
  assert.deepEqual(await backend.load([meta.task_id]), [meta])
  await raw.command('set celery-task-meta-pickled 1 0 4', Buffer.from('\x80\x04N.', 'latin1'))
  await assert.rejects(backend.load(['pickled']), BackendGetMetaError)
})

// Times to live of more than thirty days mean a moment to Memcached, and less than a second would mean for ever.
test('results are kept for resultExpires, however long [4-062]', needs('memcached'), async (t) => {
  const { address, command } = await server()
  const backend = await open(t, `cache+memcached://${address}`)
  const [long, short] = [resultMeta(), resultMeta()]
  await backend.save(long, { expires: 90 * 86_400_000, replyTo: undefined })
  await backend.save(short, { expires: 1, replyTo: undefined })
  assert.match(await command(`mg celery-task-meta-${long.task_id} t`), /^HD t77[67]\d{4}\r/)
  await eventually(async () => (await backend.load([short.task_id]))[0] === undefined)
  assert.deepEqual(await backend.load([long.task_id]), [long])
})

// A worker outlives its cache.
test('a lost server is an error, and found again when it is back', needs('memcached'), async (t) => {
  const own = await startMemcached(t)
  const backend = await open(t, `cache+memcached://${own.address}`)
  const meta = resultMeta()
  await backend.save(meta, KEEP)
  await own.kill()
  await assert.rejects(backend.load([meta.task_id]), BackendGetMetaError)
  await assert.rejects(backend.save(meta, KEEP), BackendStoreError)
  await own.restart()
  await backend.save(meta, KEEP)
  assert.deepEqual(await backend.load([meta.task_id]), [meta])
})

test(
  'results that are too large, and ids that are no keys, are told of [4-073]',
  needs('memcached'),
  async (t) => {
    const { address } = await server()
    const backend = await open(t, `cache+memcached://${address}`)
    await assert.rejects(backend.save(resultMeta({ result: 'x'.repeat(5 << 20) }), KEEP), /too large.*-I 8m/)
    for (const id of ['two words', 'line\r\nflush_all', 'x'.repeat(300)]) {
      await assert.rejects(backend.save(resultMeta({ task_id: id }), KEEP), BackendError)
      await assert.rejects(backend.load([id]), BackendError)
    }
  },
)

// The setting of Python's client, and the short form of the URL.
test('cacheBackend and cacheBackendOptions [1-036] [1-037]', needs('memcached'), async (t) => {
  const { address } = await server()
  const meta = resultMeta()
  const backend = await open(t, 'cache', {
    settings: {
      cache_backend: `memcached://${address}/`,
      cache_backend_options: { behaviors: { tcp_nodelay: true, connect_timeout: 500 } },
    },
  })
  await backend.save(meta, KEEP)
  assert.deepEqual(await (await open(t, `cache+memcached://${address}`)).load([meta.task_id]), [meta])
  const memory = await open(t, 'cache', { settings: { cache_backend: 'memory://' } })
  assert.deepEqual(await memory.load([meta.task_id]), [undefined])
  const refused: readonly (readonly [string, unknown])[] = [
    ['cache', undefined],
    ['cache+memcached://a:b', {}],
    ['cache+memcached://a;b', { behaviors: { ketama: true } }],
    ['cache+memcached://a;b', { behaviors: { hash: 'md5' } }],
    ['cache+memcached://a', { username: 'me', password: 'x' }],
    ['cache+memcached://a', { behaviors: { connect_timeout: 'soon' } }],
  ]
  for (const [url, cache_backend_options] of refused) {
    const settings = cache_backend_options === undefined ? {} : { cache_backend_options }
    await assert.rejects(createBackend(backendOptions(url, { settings })), ImproperlyConfigured, url)
  }
})
