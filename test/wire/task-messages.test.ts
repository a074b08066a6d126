import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import type { TaskBody } from '../../src/protocol/task-body.ts'
import { readLegacyTask, readTaskBody } from '../../src/protocol/task-body.ts'
import type { TaskHeaders } from '../../src/protocol/task-headers.ts'
import { readTaskHeaders } from '../../src/protocol/task-headers.ts'
import type { EncodedTask, TaskCallData } from '../../src/protocol/task-message.ts'
import {
  createTaskTemplate,
  encodeTaskMessage,
  encodeTaskMessageV1,
  expirationProperty,
} from '../../src/protocol/task-message.ts'
import { isRecord } from '../../src/util/is-record.ts'
import { parseIsoDate } from '../../src/util/iso8601.ts'

interface Vector {
  readonly properties: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

/** The messages about tasks, by `entry#index`; only those whose body is plain JSON. */
function load(file: string): Map<string, Vector> {
  const document: unknown = JSON.parse(readFileSync(new URL(`vectors/${file}`, import.meta.url), 'utf8'))
  const vectors = new Map<string, Vector>()
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  for (const entry of document['entries']) {
    for (const [index, message] of (entry.messages ?? []).entries()) {
      const { properties, headers, body, exchange } = message
      if (exchange === 'celeryev' || properties.content_type !== 'application/json') continue
      if (typeof body !== 'string' || headers.compression !== undefined) continue
      // Python's own numbers; what they become is the business of the serializer.
      const text = body.replaceAll(/-?\b(?:NaN|Infinity)\b/g, '0')
      vectors.set(`${entry.name}#${index}`, { properties, headers, body: JSON.parse(text) })
    }
  }
  return vectors
}

function callOf(headers: TaskHeaders, body: TaskBody, properties: Vector['properties']): TaskCallData {
  return {
    ...headers,
    argsrepr: headers.argsrepr ?? '',
    kwargsrepr: headers.kwargsrepr ?? '',
    headers: headers.custom,
    args: body.args,
    kwargs: body.kwargs,
    ...body.embed,
    replyTo: String(properties['reply_to'] ?? ''),
  }
}

function assertSame(encoded: EncodedTask, vector: Vector): void {
  // Compared as texts, so that the order of the keys counts, too.
  const headers = 'lang' in vector.headers ? { ...vector.headers, lang: 'js' } : vector.headers
  assert.equal(JSON.stringify(encoded.headers), JSON.stringify(headers))
  assert.equal(JSON.stringify(encoded.body), JSON.stringify(vector.body))
  assert.equal(encoded.correlationId, vector.properties['correlation_id'])
  assert.equal(encoded.replyTo, vector.properties['reply_to'] ?? '')
}

function call(fields: Partial<TaskCallData>): TaskCallData {
  const id = 'aaaaaaaa-0000-4000-8000-000000000001'
  return { id, args: [2, 3], kwargs: {}, argsrepr: '(2, 3)', kwargsrepr: '{}', ...fields }
}

const v2 = load('task-messages-v2.json')
const add = createTaskTemplate({ task: 'golden.add', origin: 'gen12345@golden.local' })
const replyTo = '0d0d0d0d-0000-3000-8000-000000000000'

suite('messages of Celery 5.6 are read, and written again alike', () => {
  for (const [file, least] of [
    ['task-messages-v2.json', 185],
    ['task-messages-worker.json', 54],
  ] as const) {
    test(`${file} [5-001 5-002 5-006 5-007 5-008 5-009 5-010 5-011 5-012 5-013 5-014 5-015 5-017 5-018 5-019 5-020]`, () => {
      const vectors = load(file)
      assert.ok(vectors.size >= least, `only ${vectors.size} messages`)
      for (const [name, vector] of vectors) {
        const headers = readTaskHeaders(vector.headers)
        assert.ok(headers, name)
        const template = createTaskTemplate({ task: headers.task, origin: 'nobody' })
        const encoded = encodeTaskMessage(
          template,
          callOf(headers, readTaskBody(vector.body), vector.properties),
        )
        assertSame(encoded, vector)
      }
    })
  }

  test('protocol 1 [5-022 5-023 5-024 5-026 5-029]', () => {
    const vectors = load('task-messages-v1.json')
    assert.ok(vectors.size >= 25, `only ${vectors.size} messages`)
    for (const [name, vector] of vectors) {
      assert.equal(readTaskHeaders(vector.headers), undefined, name)
      const legacy = readLegacyTask(vector.body, vector.headers)
      assert.ok(legacy, name)
      assert.equal(legacy.utc, true)
      assert.equal(legacy.body.embed.chain, undefined)
      const template = createTaskTemplate({ task: legacy.headers.task, origin: 'nobody' })
      assertSame(
        encodeTaskMessageV1(template, callOf(legacy.headers, legacy.body, vector.properties)),
        vector,
      )
    }
  })
})

suite('calls are written as Celery 5.6 writes them', () => {
  const linked = {
    task: 'golden.add',
    args: [10],
    kwargs: {},
    options: {},
    subtask_type: null,
    immutable: false,
  }
  const calls: readonly [string, Partial<TaskCallData>][] = [
    ['args', {}],
    ['kwargs', { args: [], kwargs: { x: 2, y: 3 }, argsrepr: '()', kwargsrepr: "{'x': 2, 'y': 3}" }],
    ['eta-utc', { eta: new Date('2030-01-02T04:00:00Z') }],
    ['eta-offset', { eta: '2030-01-02T04:00:00+05:30' }],
    ['expires-datetime', { expires: new Date('2030-01-02T03:05:00Z') }],
    ['retries', { retries: 3 }],
    ['time-limits', { timeLimit: 30_000, softTimeLimit: 20_000 }],
    ['time-limit-float', { timeLimit: 500 }],
    ['shadow', { shadow: 'golden.add-alias' }],
    ['ignore-result', { ignoreResult: true }],
    ['group-id-index', { groupId: 'my-group', groupIndex: 4 }],
    ['root-parent', { rootId: 'my-root', parentId: 'my-parent' }],
    ['reply-to', { replyTo: 'my-reply-queue' }],
    ['argsrepr-given', { argsrepr: '(<secret>, 3)', kwargsrepr: '{}' }],
    ['link', { callbacks: [linked] }],
    ['stamp', { stampedHeaders: ['stamp'], stamps: { stamp: 'value' } }],
  ]
  for (const [name, fields] of calls) {
    test(`${name} [5-001 5-006 5-009 5-011]`, () => {
      const vector = v2.get(`${name}#0`)
      assert.ok(vector)
      assertSame(encodeTaskMessage(add, call({ replyTo, ...fields })), vector)
    })
  }

  test('what a task always says is in its template [5-011 5-014]', () => {
    const template = createTaskTemplate({
      task: 't',
      origin: 'o',
      timeLimit: 30_000,
      ignoreResult: true,
      shadow: 's',
    })
    const { headers } = encodeTaskMessage(template, call({ softTimeLimit: 1500 }))
    assert.deepEqual(headers['timelimit'], [30, 1.5])
    assert.equal(headers['ignore_result'], true)
    assert.equal(headers['shadow'], 's')
    assert.equal(headers['origin'], 'o')
    assert.equal(encodeTaskMessage(template, call({ ignoreResult: false })).headers['ignore_result'], false)
  })

  test("the caller's headers win over the protocol's [5-017]", () => {
    const vector = v2.get('header-overrides#0')
    const { headers } = encodeTaskMessage(add, call({ replyTo, headers: { lang: 'xx', argsrepr: 'mine' } }))
    assert.equal(JSON.stringify(headers), JSON.stringify(vector?.headers))
  })
})

suite('the property expiration [5-003]', () => {
  const now = parseIsoDate('2030-01-02T03:04:05.678901+00:00').getTime()
  for (const name of ['expires-seconds', 'expires-past', 'timezone-london', 'countdown+expires']) {
    test(name, () => {
      const vector = v2.get(`${name}#0`)
      const expires = vector?.headers['expires']
      assert.ok(typeof expires === 'string')
      assert.equal(expirationProperty(expires, now), vector?.properties['expiration'])
      assert.equal(expirationProperty(parseIsoDate(expires), now), vector?.properties['expiration'])
    })
  }
})
