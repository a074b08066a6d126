import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { InvalidTaskError } from '../../../src/errors.ts'
import { NO_EMBED, readLegacyTask, readTaskBody } from '../../../src/protocol/task-body.ts'

const callback = { task: 'c', args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }

suite('readTaskBody', () => {
  test('nothing follows [5-018]', () => {
    const embed = { callbacks: null, errbacks: null, chain: null, chord: null }
    assert.deepEqual(readTaskBody([[1], { a: 2 }, embed]), { args: [1], kwargs: { a: 2 }, embed: NO_EMBED })
  })

  test('the embed may be missing or hold what nobody knows [5-021]', () => {
    assert.equal(readTaskBody([[], {}]).embed, NO_EMBED)
    assert.equal(readTaskBody([[], {}, null]).embed, NO_EMBED)
    assert.equal(readTaskBody([[], {}, { future: 1 }]).embed, NO_EMBED)
  })

  test('the empty chain of the last task stays one [5-019]', () => {
    const { embed } = readTaskBody([[], {}, { callbacks: [callback], chain: [] }])
    assert.deepEqual(embed, { callbacks: [callback], errbacks: undefined, chain: [], chord: undefined })
  })

  test('a hybrid: body of protocol 1 under headers of protocol 2 [5-027]', () => {
    const body = readTaskBody({ args: [1], kwargs: { a: 2 }, callbacks: [callback], retries: 3 })
    assert.deepEqual(body.args, [1])
    assert.deepEqual(body.kwargs, { a: 2 })
    assert.deepEqual(body.embed.callbacks, [callback])
  })

  for (const [name, body, message] of [
    ['no list', 'text', /must be \[args, kwargs, embed\]/],
    ['null', null, /must be \[args, kwargs, embed\]/],
    ['an object without args', { kwargs: {} }, /must be \[args, kwargs, embed\]/],
    ['args no list', [{}, {}, {}], /Task arguments must be a list/],
    ['kwargs no object [2-173]', [[], [], {}], /Task keyword arguments is not a mapping/],
    ['kwargs null [2-173]', [[], null, {}], /Task keyword arguments is not a mapping/],
    ['embed no object', [[], {}, 3], /embed of a task message must be an object/],
    ['a chord that is none', [[], {}, { chord: [] }], /^chord: a signature must be/],
    ['a callback that is none', [[], {}, { callbacks: ['c'] }], /^callbacks\[0\]: a signature must be/],
  ] as const) {
    test(`refused: ${name}`, () => {
      assert.throws(
        () => readTaskBody(body),
        (error) => error instanceof InvalidTaskError && message.test(error.message),
      )
    })
  }
})

suite('readLegacyTask', () => {
  test('all fields of protocol 1 [5-022 5-023 5-029]', () => {
    const legacy = readLegacyTask(
      {
        task: 't',
        id: 'i',
        args: [1],
        kwargs: {},
        taskset: 'g',
        group_index: 2,
        retries: 1,
        eta: '2030-01-02T04:00:00',
        expires: null,
        utc: false,
        timelimit: [30, 20],
        errbacks: [callback],
      },
      { tenant: 'a' },
    )
    assert.ok(legacy)
    const { headers, body, utc } = legacy
    assert.equal(headers.groupId, 'g')
    assert.equal(headers.groupIndex, 2)
    assert.equal(headers.retries, 1)
    assert.equal(headers.eta, '2030-01-02T04:00:00')
    assert.equal(headers.timeLimit, 30_000)
    assert.deepEqual(headers.custom, { tenant: 'a' })
    assert.deepEqual(body.embed.errbacks, [callback])
    assert.equal(utc, false)
  })

  test('the headers of a hybrid go before its body [5-027]', () => {
    const legacy = readLegacyTask(
      { task: 'b', id: 'i', args: [], retries: 1, expires: 'x' },
      { task: 'h', retries: 2 },
    )
    assert.equal(legacy?.headers.task, 'h')
    assert.equal(legacy?.headers.retries, 2)
    assert.equal(legacy?.headers.expires, 'x')
  })

  test('args and kwargs may be missing', () => {
    const legacy = readLegacyTask({ task: 't', id: 'i' }, {})
    assert.deepEqual(legacy?.body, { args: [], kwargs: {}, embed: NO_EMBED })
  })

  test('what names no task is another kind of message; a task needs an id [5-026 5-028]', () => {
    assert.equal(readLegacyTask({ hello: 1 }, {}), undefined)
    assert.equal(readLegacyTask([[], {}, {}], {}), undefined)
    assert.equal(readLegacyTask('text', {}), undefined)
    assert.throws(() => readLegacyTask({ task: 't' }, {}), InvalidTaskError)
  })
})
