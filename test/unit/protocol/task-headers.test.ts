import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { InvalidTaskError } from '../../../src/errors.ts'
import { readTaskHeaders, taskTime } from '../../../src/protocol/task-headers.ts'

const least = { task: 't', id: 'i' }

suite('readTaskHeaders', () => {
  test('missing headers and null get their default [5-021]', () => {
    const empty = readTaskHeaders(least)
    assert.deepEqual(empty, {
      id: 'i',
      task: 't',
      rootId: undefined,
      parentId: undefined,
      groupId: undefined,
      groupIndex: undefined,
      shadow: undefined,
      eta: undefined,
      expires: undefined,
      retries: 0,
      timeLimit: undefined,
      softTimeLimit: undefined,
      argsrepr: undefined,
      kwargsrepr: undefined,
      origin: undefined,
      ignoreResult: false,
      replacedTaskNesting: 0,
      stampedHeaders: undefined,
      stamps: undefined,
      custom: undefined,
    })
    const nulls = Object.fromEntries(
      ['root_id', 'group', 'retries', 'timelimit', 'ignore_result', 'stamps', 'eta', 'shadow'].map((key) => [
        key,
        null,
      ]),
    )
    assert.deepEqual(readTaskHeaders({ ...least, ...nulls }), empty)
    assert.deepEqual(readTaskHeaders({ ...least, timelimit: [null, null], shadow: '' }), empty)
  })

  test('a message without a task is of another kind [5-026]', () => {
    assert.equal(readTaskHeaders({}), undefined)
    assert.equal(readTaskHeaders({ task: null, id: 'i' }), undefined)
  })

  test('time limits: hard first, in seconds [5-011 12-001]', () => {
    const headers = readTaskHeaders({ ...least, timelimit: [30, 0.5] })
    assert.equal(headers?.timeLimit, 30_000)
    assert.equal(headers?.softTimeLimit, 500)
  })

  test('other headers are custom, and no way into prototypes [5-017]', () => {
    const hostile: unknown = JSON.parse('{"task":"t","id":"i","tenant":"a","none":null,"__proto__":{"x":1}}')
    assert.ok(typeof hostile === 'object' && hostile !== null)
    const custom = readTaskHeaders({ ...hostile, lang: 'py', compression: 'application/x-gzip' })?.custom
    assert.deepEqual(custom, { tenant: 'a', none: null })
    assert.equal(Object.getPrototypeOf(custom), Object.prototype)
  })

  test('times may come as dates from serializers that know them', () => {
    const headers = readTaskHeaders({ ...least, eta: new Date('2030-01-02T03:04:05.678Z') })
    assert.equal(headers?.eta, '2030-01-02T03:04:05.678000+00:00')
  })

  test('texts for people may be no UTF-8, as lone surrogates of Python are [5-012]', () => {
    const bytes = Uint8Array.from([0x27, 0xed, 0xa0, 0x80, 0x27])
    const headers = readTaskHeaders({
      ...least,
      argsrepr: bytes,
      kwargsrepr: bytes,
      shadow: bytes,
      origin: bytes,
    })
    const shown = "'\ufffd\ufffd\ufffd'"
    assert.deepEqual(
      [headers?.argsrepr, headers?.kwargsrepr, headers?.shadow, headers?.origin],
      [shown, shown, shown, shown],
    )
  })

  for (const [key, value] of [
    ['id', 7],
    ['task', 7],
    ['root_id', {}],
    ['parent_id', []],
    ['group', 1],
    ['group_index', '1'],
    ['group_index', 1.5],
    ['retries', '3'],
    ['timelimit', 30],
    ['timelimit', ['30', null]],
    ['timelimit', [1, 2, 3]],
    ['timelimit', [-1, null]],
    ['timelimit', [Number.NaN, null]],
    ['ignore_result', 'no'],
    ['replaced_task_nesting', true],
    ['stamped_headers', 'stamp'],
    ['stamped_headers', [1]],
    ['stamps', []],
    ['eta', 1.5],
    ['expires', {}],
    ['origin', 1],
    ['argsrepr', []],
  ] as const) {
    test(`refused by name: ${key} = ${JSON.stringify(value)} [5-021]`, () => {
      assert.throws(
        () => readTaskHeaders({ ...least, [key]: value }),
        (error) => error instanceof InvalidTaskError && error.message.includes(`'${key}'`),
      )
    })
  }

  test('a task without an id is refused [5-028]', () => {
    assert.throws(() => readTaskHeaders({ task: 't' }), /'id' of a message for t is missing/)
    assert.throws(() => readTaskHeaders({ task: '', id: 'i' }), /'task' of a message is missing or empty/)
  })
})

suite('taskTime', () => {
  test('with an offset [5-009]', () => {
    assert.equal(taskTime('2030-01-02T04:00:00+05:30', 'eta'), Date.parse('2030-01-01T22:30:00Z'))
    assert.equal(taskTime('2030-01-02T04:00:00.000001Z', 'eta'), Date.parse('2030-01-02T04:00:00.001Z'))
    assert.equal(taskTime('2030-01-02T04:00:00.001000Z', 'eta'), Date.parse('2030-01-02T04:00:00.001Z'))
  })

  test('without an offset: UTC, whatever the zone of the app, as in Celery’s workers [5-025]', () => {
    assert.equal(taskTime('2030-07-01T12:00:00', 'eta'), Date.parse('2030-07-01T12:00:00Z'))
    assert.equal(taskTime('2030-07-01T12:00:00.5', 'eta'), Date.parse('2030-07-01T12:00:00.500Z'))
  })

  test('no time at all [7-071]', () => {
    assert.throws(
      () => taskTime('soon', 'expires'),
      (error) =>
        error instanceof InvalidTaskError && error.message.startsWith("invalid expires value 'soon'"),
    )
  })
})
