import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { TaskError } from '../../../src/errors.ts'
import { allowJoinResult, currentWorkerTask, deniedJoinResult } from '../../../src/task/current-task.ts'
import { withRequest } from '../app/golden-app.ts'
import { createTestApp } from '../app/test-app.ts'

suite('waiting for results inside a task [4-004 4-030]', () => {
  const app = createTestApp()
  const task = app.task('t.waits', () => 1)
  const get = (): Promise<unknown> => app.AsyncResult('never').get({ timeout: '1ms' })

  test('is refused', async () => {
    await assert.rejects(
      withRequest(app, task, {}, () => app.AsyncResult('x').get()),
      (error) => error instanceof TaskError && /Never wait for a result inside a task/.test(error.message),
    )
    await assert.rejects(
      withRequest(app, task, {}, () => app.AsyncResult('x').get()),
      TaskError,
    )
  })

  test('is allowed on request, and outside of tasks', async () => {
    const clock = app.clock
    assert.ok('advance' in clock && typeof clock.advance === 'function')
    for (const waiting of [
      () => withRequest(app, task, {}, () => allowJoinResult(get)),
      () =>
        withRequest(app, task, {}, () =>
          app.AsyncResult('never').get({ timeout: '1ms', disableSyncSubtasks: false }),
        ),
      () => deniedJoinResult(get),
      () => allowJoinResult(get),
    ]) {
      const outcome = assert.rejects(waiting(), /Waited 1 ms for the result of task never in vain/)
      await new Promise(setImmediate)
      await clock.advance(1)
      await outcome
    }
  })

  test('stays refused in what a task calls directly', async () => {
    const inner = app.task('t.inner', () => app.AsyncResult('x').get())
    await assert.rejects(
      withRequest(app, task, {}, () => inner()),
      TaskError,
    )
  })
})

test('a task that is only called like a function is no worker’s task [2-048]', () => {
  const app = createTestApp()
  const outer = app.task('t.outer', () => 1)
  const inner = app.task('t.inner', () => currentWorkerTask()?.name)
  assert.equal(
    withRequest(app, outer, {}, () => inner()),
    't.outer',
  )
  assert.equal(inner(), undefined)
})
