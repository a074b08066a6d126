import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Celery } from '../../../src/app/celery.ts'
import { chain } from '../../../src/canvas/compose-chain.ts'
import { ChordError } from '../../../src/errors.ts'
import { describeException } from '../../../src/protocol/exception-info.ts'
import { buildResultMeta } from '../../../src/protocol/result-meta.ts'
import { sentMessages } from './golden-app.ts'
import { createTestApp } from './test-app.ts'

/** Runs a task of Celery’s own. */
async function run(app: Celery, name: string, args: readonly unknown[], kwargs = {}): Promise<unknown> {
  const result = await app.tasks.require(name).apply([...args], { kwargs })
  return result.get()
}

async function put(app: Celery, id: string, state: string, value: unknown): Promise<void> {
  const result = state === 'FAILURE' ? describeException(value) : value
  await app.results.save(buildResultMeta({ id, state, result, now: 0 }))
}

test('celery.accumulate gives its arguments back, or one of them [2-065]', async () => {
  const app = createTestApp()
  assert.deepEqual(await run(app, 'celery.accumulate', [1, 2]), [1, 2])
  assert.equal(await run(app, 'celery.accumulate', [[1, 2]].flat(), { index: 0 }), 1)
  assert.deepEqual(await run(app, 'celery.accumulate', [[4, 5]], { index: 0 }), [4, 5])
})

test('celery.map and celery.starmap call a task for each item [2-067 3-098]', async () => {
  const app = createTestApp()
  const sum = app.task('t.sum', (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0))
  const add = app.task('t.add', async (x: number, y: number) => x + y)
  const it = [
    [1, 2],
    [3, 4],
  ]
  assert.deepEqual(await run(app, 'celery.map', [], { task: sum.s().toJSON(), it }), [3, 7])
  assert.deepEqual(await run(app, 'celery.starmap', [], { task: add.s().toJSON(), it }), [3, 7])
  await assert.rejects(
    run(app, 'celery.map', [], { task: app.signature('t.none').toJSON(), it }),
    /t\.none is not registered/,
  )
})

test('celery.backend_cleanup needs nothing to clean [2-064 4-061]', async () => {
  await run(createTestApp(), 'celery.backend_cleanup', [])
  await run(createTestApp({ backend: 'disabled://' }), 'celery.backend_cleanup', [])
})

suite('tasks of old senders [2-064 2-068]', () => {
  test('celery.group sends its members with the ids that they have', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number, y: number) => x + y)
    const tasks = [add.s(1).set({ taskId: 'm-1' }).toJSON(), add.s(2).set({ taskId: 'm-2' }).toJSON()]
    const result = [
      ['g', null],
      [
        [['m-1', null], null],
        [['m-2', null], null],
      ],
    ]
    await run(app, 'celery.group', [], { tasks, result, group_id: 'g', partial_args: [10] })
    const messages = await sentMessages(app, ['celery'])
    assert.deepEqual(
      messages.map(({ headers, body }) => [headers['id'], headers['group'], Array.isArray(body) && body[0]]),
      [
        ['m-1', 'g', [10, 1]],
        ['m-2', 'g', [10, 2]],
      ],
    )
  })

  test('celery.chord sends the header with its body', async () => {
    const app = createTestApp()
    const header = ['a', 'b'].map((name) => app.signature(`t.${name}`).toJSON())
    await run(app, 'celery.chord', [header, app.signature('t.body').toJSON()])
    const messages = await sentMessages(app, ['celery'])
    assert.deepEqual(messages.map(({ headers }) => headers['task']).toSorted(), ['t.a', 't.b'])
    for (const { body } of messages) assert.equal(Array.isArray(body) && body[2].chord.task, 't.body')
  })

  test('celery.chunks sends its portions [3-096]', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number, y: number) => x + y)
    const it = [
      [1, 1],
      [2, 2],
      [3, 3],
    ]
    await run(app, 'celery.chunks', [add.s().toJSON(), it, 2])
    const messages = await sentMessages(app, ['celery'])
    assert.deepEqual(
      messages.map(({ headers, body }) => [headers['task'], Array.isArray(body) && body[1].it]),
      [
        ['celery.starmap', it.slice(0, 2)],
        ['celery.starmap', it.slice(2)],
      ],
    )
  })

  test('celery.chain is refused', async () => {
    await assert.rejects(run(createTestApp(), 'celery.chain', []), /celery\.chain is no task/)
  })
})

suite('celery.chord_unlock [2-066 3-092]', () => {
  function call(app: Celery, ids: readonly string[]): Promise<unknown> {
    const body = app.signature('t.body', { taskId: 'body-id' }).toJSON()
    const result = ids.map((id) => [[id, null], null])
    return run(app, 'celery.chord_unlock', ['group-id', body], { result, max_retries: 1 })
  }

  test('sends the body with all values when the header is done', async () => {
    const app = createTestApp()
    await put(app, 'cu-1', 'SUCCESS', 1)
    await put(app, 'cu-2', 'SUCCESS', 2)
    await call(app, ['cu-1', 'cu-2'])
    const [message] = await sentMessages(app, ['celery'])
    assert.equal(message?.headers['id'], 'body-id')
    assert.ok(Array.isArray(message.body))
    assert.deepEqual(message.body[0], [[1, 2]])
  })

  test('looks again while it is not [3-118]', async () => {
    const app = createTestApp()
    await put(app, 'cu-3', 'SUCCESS', 1)
    // Eagerly both attempts are made at once.
    await assert.rejects(call(app, ['cu-3', 'cu-never']), /Can't retry celery.chord_unlock/)
    assert.deepEqual(await sentMessages(app, ['celery']), [])
  })

  test('fails the body with the culprit when a part failed [3-107]', async () => {
    const app = createTestApp()
    await put(app, 'cu-4', 'SUCCESS', 1)
    await put(app, 'cu-5', 'FAILURE', new RangeError('no'))
    await call(app, ['cu-4', 'cu-5'])
    const body = app.AsyncResult('body-id')
    await assert.rejects(body.get(), (error) => {
      return error instanceof ChordError && error.message === "Dependency cu-5 raised RangeError('no')"
    })
    await body.forget()
  })

  test('fails the end of a chain that is the body, when the end of one in the header has failed [3-181]', async () => {
    const app = createTestApp()
    await put(app, 'cu-end', 'FAILURE', new RangeError('no'))
    const steps = ['first', 'last'].map((id) => app.signature(`t.${id}`, { taskId: `cu-${id}` }))
    const body = chain(steps).toJSON()
    const result = [[['cu-end', [['cu-begin', null], null]], null]]
    await run(app, 'celery.chord_unlock', ['group-id', body], { result, max_retries: 1 })
    for (const id of ['cu-first', 'cu-last']) assert.equal(await app.AsyncResult(id).state(), 'FAILURE')
    await assert.rejects(app.AsyncResult('cu-last').get(), /Dependency cu-end raised RangeError\('no'\)/)
  })

  test('fails the body when it cannot be sent [3-110]', async () => {
    const app = createTestApp()
    await put(app, 'cu-6', 'SUCCESS', 1)
    app.publish = () => Promise.reject(new RangeError('gone'))
    await call(app, ['cu-6'])
    const body = app.AsyncResult('body-id')
    await assert.rejects(body.get(), /Callback error: RangeError\('gone'\)/)
    await body.forget()
  })
})
