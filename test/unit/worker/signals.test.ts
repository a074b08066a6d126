import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { systemClock } from '../../../src/util/clock.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestApp } from '../app/test-app.ts'

function solo(app: ReturnType<typeof createTestApp>): Worker {
  return new Worker(app, { hostname: 'w@here', pool: 'solo', concurrency: 1 })
}

suite('signals of a worker', () => {
  test('tell how it comes and goes, in order [9-033 9-034 9-036 9-038 9-040 9-041 9-042]', async () => {
    const app = createTestApp({ clock: systemClock })
    const { signals } = app
    const told: unknown[] = []
    signals.celerydInit.connect(({ sender, instance, conf }) => {
      told.push(['celerydInit', sender, instance instanceof Worker, conf === app.conf])
    })
    signals.workerInit.connect(({ sender }) => told.push(['workerInit', sender instanceof Worker]))
    signals.celerydAfterSetup.connect(({ sender }) => told.push(['celerydAfterSetup', sender]))
    signals.workerProcessInit.connect(() => told.push('workerProcessInit'))
    signals.workerReady.connect(({ sender }) => told.push(['workerReady', sender === worker]))
    signals.workerShuttingDown.connect(({ sender, sig, how, exitcode }) => {
      told.push(['workerShuttingDown', sender, sig, how, exitcode])
    })
    signals.workerShutdown.connect(({ sender }) => told.push(['workerShutdown', sender === worker]))
    const worker = solo(app)
    await worker.start()
    await worker.stop('warm', 'SIGTERM')
    assert.deepEqual(told, [
      ['celerydInit', 'w@here', true, true],
      ['workerInit', true],
      ['celerydAfterSetup', 'w@here'],
      'workerProcessInit',
      ['workerReady', true],
      ['workerShuttingDown', 'w@here', 'SIGTERM', 'Warm', 0],
      ['workerShutdown', true],
    ])
  })

  test('let receivers change options and queues before it starts [9-033 9-034]', async () => {
    const app = createTestApp({ clock: systemClock })
    app.signals.celerydInit.connect(({ options }) => {
      options['concurrency'] = 7
    })
    app.signals.celerydAfterSetup.connect(() => {
      app.queues.selectAdd('extra')
    })
    const echo = app.task('t.echo', (x: number) => x)
    await using worker = new Worker(app, { pool: 'async' })
    await worker.start()
    assert.equal(worker.options.concurrency, 7)
    assert.equal(await echo.applyAsync([3], { queue: 'extra' }).get({ timeout: 60 }), 3)
  })

  test('tell of each sign of life [9-043]', async () => {
    const app = createTestApp({ clock: systemClock })
    const senders: unknown[] = []
    app.signals.heartbeatSent.connect(({ sender }) => void senders.push(sender))
    await using worker = new Worker(app, { pool: 'solo', heartbeatInterval: '10ms' })
    await worker.start()
    await eventually(() => senders.length >= 3)
    assert.ok(senders.every((sender) => sender === worker))
  })

  test('tell of the tasks that it gets [9-023 9-030 9-031 9-032]', async () => {
    const app = createTestApp({ clock: systemClock })
    const { signals } = app
    const told: unknown[] = []
    signals.taskReceived.connect(({ request, sender }) => {
      told.push(['received', request.name, sender instanceof Worker])
    })
    signals.taskRevoked.connect(({ request, expired, terminated, signum, sender }) => {
      told.push(['revoked', request.name, expired, terminated, signum, sender === app.tasks.get('t.add')])
    })
    signals.taskUnknown.connect(({ name, id, error }) => told.push(['unknown', name, id, error.name]))
    signals.taskRejected.connect(({ error }) => told.push(['rejected', error.name]))
    app.task('t.add', (x: number) => x)
    await app.sendTask('t.other', [], {}, { taskId: 'other' })
    await app.sendTask('t.add', [1], {}, { expires: new Date(Date.now() + 60_000), countdown: 3600 })
    const producer = app.amqp.broker.producer
    await producer.publish(
      { body: new TextEncoder().encode('[]'), headers: {}, properties: { contentType: 'application/json' } },
      { target: { exchange: '', routingKey: 'celery' } },
    )
    // A broker that does not know when a message expires.
    signals.beforeTaskPublish.connect(({ properties }) => {
      properties['expiration'] = undefined
    })
    await app.sendTask('t.add', [1], {}, { expires: new Date(Date.now() - 1000) })
    await using worker = solo(app)
    await worker.start()
    await eventually(() => assert.equal(told.length, 5))
    assert.deepEqual(told, [
      ['unknown', 't.other', 'other', 'NotRegistered'],
      ['received', 't.add', true],
      ['rejected', 'InvalidTaskError'],
      ['received', 't.add', true],
      ['revoked', 't.add', true, false, undefined, true],
    ])
  })
})
