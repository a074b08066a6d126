/** What tasks and their runs offer, as users meet it. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Ignore, Retry } from '../../../src/errors.ts'
import { IGNORED } from '../../../src/protocol/states.ts'
import { executionOptions } from '../../../src/task/request.ts'
import { runInRequest } from '../../../src/testing/run-in-request.ts'
import { startWorker } from '../../../src/testing/start-worker.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { sentMessages } from '../app/golden-app.ts'
import { createTestApp, listeningLogger } from '../app/test-app.ts'

suite('a run', () => {
  test('is tried again with all that can be said of it [2-116]', async () => {
    const app = createTestApp()
    const work = app.task('t.work', (x: number, y: number) => x + y)
    const error = new RangeError('busy')
    const eta = new Date(Date.UTC(2031, 0, 2))
    const retry = await runInRequest(app, work, { id: 'one', retries: 5, args: [1] }, (self) =>
      self.retry({
        args: [2],
        kwargs: { y: 3 },
        error,
        eta,
        maxRetries: 9,
        queue: 'again',
        throw: false,
        options: { priority: 4, expires: 60, headers: { tenant: 'a' } },
      }),
    )
    assert.ok(retry instanceof Retry)
    assert.deepEqual([retry.when, retry.cause, retry.isEager], [eta, error, false])
    const [message] = await sentMessages(app, ['again'])
    const { id, retries, eta: due, tenant } = message?.headers ?? {}
    assert.deepEqual([id, retries, due, tenant], ['one', 6, '2031-01-02T00:00:00+00:00', 'a'])
    assert.equal(message?.properties['priority'], 4)
    assert.ok(Array.isArray(message?.body))
    assert.deepEqual(message.body.slice(0, 2), [[2], { y: 3 }])
  })

  test('leaves behind what the broker wrote on a dead message [2-142]', async () => {
    const app = createTestApp()
    const work = app.task('t.work', () => 1)
    const headers = { tenant: 'a', 'x-death': [{ count: 1 }], 'x-death-reason': 'expired' }
    await runInRequest(app, work, { headers }, (self) =>
      self.retry({ throw: false, countdown: 0, queue: 'q' }),
    )
    const [message] = await sentMessages(app, ['q'])
    assert.equal(message?.headers['tenant'], 'a')
    assert.deepEqual(
      Object.keys(message.headers).filter((name) => name.startsWith('x-death')),
      [],
    )
  })

  test('keeps a trail of the calls that it makes, and of others it is told of [2-127]', () => {
    const app = createTestApp()
    const work = app.task('t.work', () => 1)
    const silent = app.task('t.silent', { trail: false }, () => 1)
    const result = app.AsyncResult('child')
    const childrenOf = (task: { readonly name: string }): readonly unknown[] =>
      runInRequest(app, task, {}, (self) => {
        assert.equal(self.addTrail(result), result)
        return self.request.children
      })
    assert.deepEqual(childrenOf(work), [result])
    assert.deepEqual(childrenOf(silent), [])
  })

  test('gives the options that send it once more [2-158]', () => {
    const app = createTestApp()
    const work = app.task('t.work', () => 1)
    const fields = { id: 'one', rootId: 'root', retries: 2, group: 'g', groupIndex: 3, shadow: 'other' }
    const options = runInRequest(app, work, fields, ({ request }) => executionOptions(request))
    assert.deepEqual(
      [
        options['task_id'],
        options['root_id'],
        options['retries'],
        options['group_id'],
        options['group_index'],
      ],
      ['one', 'root', 2, 'g', 3],
    )
    assert.equal(options['shadow'], 'other')
  })
})

suite('options of a task', () => {
  test('store the result of a run in place [2-092]', async () => {
    const app = createTestApp()
    const stored = app.task('t.stored', { storeEagerResult: true }, () => 5)
    const other = app.task('t.other', () => 5)
    const { id } = await stored.apply()
    assert.equal(await app.AsyncResult(id).get(), 5)
    assert.equal(await app.AsyncResult((await other.apply()).id).state(), 'PENDING')
  })

  test('name errors that are expected: logged without traceback, and still a failure [2-101]', async () => {
    const { logger, messages } = listeningLogger()
    const app = createTestApp({ clock: systemClock, logger: { ...logger, isEnabled: () => true } })
    const lookUp = app.task('t.lookUp', { throws: [RangeError] }, () => {
      throw new RangeError('no such thing')
    })
    await using worker = await startWorker(app)
    const result = await lookUp.applyAsync([], { taskId: 'one' })
    await assert.rejects(result.get({ timeout: 60 }), /no such thing/)
    assert.equal(await result.state(), 'FAILURE')
    await worker.stop()
    const line = messages.find((text) => text.includes('raised'))
    assert.equal(line, "Task t.lookUp[one] raised expected: RangeError('no such thing')")
  })
})

test('a run that says that it shall be ignored has a state of its own, which is stored nowhere [2-181]', async () => {
  const app = createTestApp({ taskAlwaysEager: true })
  const states: unknown[] = []
  app.signals.taskPostrun.connect(({ state }) => states.push(state))
  const skip = app.task('t.skip', { storeEagerResult: true }, () => {
    throw new Ignore()
  })
  const { id } = await skip.apply()
  assert.deepEqual(states, [IGNORED])
  assert.equal(IGNORED, 'IGNORED')
  assert.equal(await app.AsyncResult(id).state(), 'PENDING')
})
