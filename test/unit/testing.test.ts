import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { TimeoutError } from '../../src/errors.ts'
import { currentTask } from '../../src/task/current-task.ts'
import { recordSent } from '../../src/testing/record-sent.ts'
import { runInRequest } from '../../src/testing/run-in-request.ts'
import { startWorker } from '../../src/testing/start-worker.ts'
import { createTestApp } from '../../src/testing/test-app.ts'

suite('helpers for tests', () => {
  test('an app in memory, apart from all others [10-058]', async () => {
    const app = createTestApp({ taskDefaultQueue: 'mine' })
    const other = createTestApp()
    assert.equal(app.conf.taskDefaultQueue, 'mine')
    assert.notEqual(app.conf.brokerUrl, other.conf.brokerUrl)
    assert.match(app.conf.brokerUrl, /^memory:/)
    assert.deepEqual(app.taskNames.includes('celery.ping'), true)
    await app.tasks.require('celery.ping').delay()
    assert.deepEqual([await other.purge(), await app.purge()], [0, 1])
  })

  test('a worker that has answered celery.ping when it is there, and is gone afterwards [10-060]', async () => {
    const app = createTestApp()
    const ran: string[] = []
    app.signals.taskSuccess.connect(({ request, result }) => ran.push(`${request.task} ${String(result)}`))
    let closed: Promise<number>
    {
      await using worker = await startWorker(app)
      closed = worker.closed
      assert.deepEqual(ran, ['celery.ping pong'])
      assert.equal(worker.pool?.info().implementation, 'solo')
    }
    assert.equal(await closed, 0)
  })

  test('a worker that does not answer is stopped, and that is an error [10-060]', async () => {
    const app = createTestApp()
    const told: string[] = []
    app.signals.workerShutdown.connect(() => told.push('stopped'))
    app.queues.add('nobody-listens')
    app.conf.taskRoutes = { 'celery.ping': 'nobody-listens' }
    app.conf.taskQueues = { celery: {} }
    await assert.rejects(startWorker(app, { pingTaskTimeout: '50ms' }), TimeoutError)
    assert.deepEqual(told, ['stopped'])
  })

  test('what was sent is recorded [10-063]', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number, y: number) => x + y)
    {
      using sent = recordSent(app)
      await add.applyAsync({ args: [1, 2], taskId: 'one', queue: 'q' })
      await app.sendTask('t.other', [], { a: 1 })
      assert.deepEqual(
        sent.all.map(({ id, name, args, kwargs, routingKey }) => [
          id === 'one',
          name,
          args,
          kwargs,
          routingKey,
        ]),
        [
          [true, 't.add', [1, 2], {}, 'q'],
          [false, 't.other', [], { a: 1 }, 'celery'],
        ],
      )
      assert.equal(sent.of('t.add').length, 1)
    }
    assert.equal(app.signals.afterTaskPublish.hasReceivers, false)
  })

  test('code runs as if a task ran it [2-127]', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    const seen = await runInRequest(app, add, { id: 'one', retries: 3 }, async (self) => {
      await Promise.resolve()
      return [currentTask() === self, add.request?.id, self.request.retries]
    })
    assert.deepEqual(seen, [true, 'one', 3])
    assert.equal(add.request, undefined)
  })
})
