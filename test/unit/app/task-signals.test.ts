import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Celery } from '../../../src/app/celery.ts'
import { createTestApp } from './test-app.ts'

function eagerApp(): Celery {
  return createTestApp({ taskAlwaysEager: true })
}

suite('signals of tasks', () => {
  test('tell of the run and how it ended [9-024 9-025 9-026]', async () => {
    const app = eagerApp()
    const told: unknown[] = []
    const add = app.task('t.add', (x: number, y: number) => x + y)
    const { taskPrerun, taskSuccess, taskPostrun } = app.signals
    taskPrerun.connect(({ sender, taskId, task, args, kwargs }) => {
      told.push(['prerun', sender === add, taskId, task === add, args, kwargs])
    })
    taskSuccess.connect(({ sender, result }) => told.push(['success', sender === add, result]))
    taskPostrun.connect(({ sender, taskId, args, kwargs, retval, state }) => {
      told.push(['postrun', sender === add, taskId, args, kwargs, retval, state])
    })
    await add.applyAsync([1, 2], { taskId: 'one' })
    assert.deepEqual(told, [
      ['prerun', true, 'one', true, [1, 2], {}],
      ['success', true, 3],
      ['postrun', true, 'one', [1, 2], {}, 3, 'SUCCESS'],
    ])
  })

  test('tell of failures and retries [9-027 9-028]', async () => {
    const app = eagerApp()
    const told: unknown[] = []
    const boom = new RangeError('boom')
    const fail = app.task('t.fail', { autoretryFor: [RangeError], maxRetries: 1 }, (_x: number) => {
      throw boom
    })
    app.signals.taskRetry.connect(({ sender, request, reason, traceback }) => {
      told.push(['retry', sender === fail, request.id, String(reason), typeof traceback])
    })
    app.signals.taskFailure.connect(({ sender, taskId, exception, args, kwargs, traceback }) => {
      told.push(['failure', sender === fail, taskId, exception, args, kwargs, typeof traceback])
    })
    await fail.applyAsync([1], { taskId: 'one' })
    assert.deepEqual(told, [
      ['retry', true, 'one', 'Retry: Retry in 180s: RangeError: boom', 'string'],
      ['failure', true, 'one', boom, [1], {}, 'string'],
    ])
  })

  test('tell of what fails outside of the body [9-029]', async () => {
    const app = eagerApp()
    const told: unknown[] = []
    const oops = new Error('handler')
    const add = app.task(
      't.add',
      {
        onSuccess: () => {
          throw oops
        },
      },
      (x: number) => x,
    )
    app.signals.taskInternalError.connect(({ sender, taskId, exception, args, request }) => {
      told.push([sender === add, taskId, exception, args, request.task])
    })
    await add.applyAsync([1], { taskId: 'one' })
    assert.deepEqual(told, [[true, 'one', oops, [1], 't.add']])
  })

  test('reach those who listen for one task, by its name or itself', async () => {
    const app = eagerApp()
    const told: string[] = []
    const add = app.task('t.add', (x: number) => x)
    const mul = app.task('t.mul', (x: number) => x)
    app.signals.taskSuccess.connect(() => told.push('by name'), { sender: 't.add' })
    app.signals.taskSuccess.connect(() => told.push('by task'), { sender: add })
    app.signals.taskSuccess.connect(() => told.push('other'), { sender: mul })
    await add.delay(1)
    assert.deepEqual(told, ['by name', 'by task'])
  })
})
