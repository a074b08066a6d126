/** Tasks that are due long after now wait in the broker, not in the memory of the worker that was told of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Celery } from '../../src/index.ts'
import { resolveTransport } from '../../src/messaging/transports/resolve-transport.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import { testBrokers } from '../support/brokers.ts'
import { endWorker } from '../support/end-worker.ts'
import { eventually } from '../support/eventually.ts'

/** How many a worker may hold that wait for their ETA. */
const LIMIT = 200

for (const [name, tasks] of [
  ['sqlite', 2_000],
  ['redis', 10_000],
] as const) {
  const kind = testBrokers.find((each) => each.name === name)
  test(`${name}: ${tasks} tasks that are due in an hour take no room in a worker`, {
    skip: kind?.needs.skip ?? true,
    timeout: 240_000,
  }, async (t) => {
    assert.ok(kind !== undefined)
    const { broker } = await kind.open(t)
    const app = new Celery('far', {
      broker,
      logger: silentLogger,
      setAsCurrent: false,
      workerEtaTaskLimit: LIMIT,
    })
    let ran = 0
    const task = app.task('t.count', { ignoreResult: true }, () => {
      ran += 1
    })
    const worker = new Worker(app, { pool: 'async', concurrency: 2, logger: silentLogger })
    endWorker(t, worker, app)
    await task.applyAsync([], { countdown: 3600 })
    await publishAgain(app, tasks - 1)
    await task.delay()
    await worker.start()
    let most = 0
    await eventually(() => {
      most = Math.max(most, worker.state.requests.size)
      return ran === 1
    })
    assert.equal(worker.state.delivered, tasks + 1)
    assert.ok(most <= LIMIT, `${most} requests`)
    assert.equal(worker.state.held, 0)
    // None of them waits in the queue, where it would be delivered again at once.
    await eventually(async () => assert.equal(await app.purge(), 0))
  })
}

/** Publishes what is in the queue so many times more. */
async function publishAgain(app: Celery, times: number): Promise<void> {
  const [candidate] = app.brokers('write')
  assert.ok(candidate !== undefined)
  const transport = await resolveTransport(candidate.url)
  const connection = await transport.connect(candidate)
  const channel = await connection.openChannel()
  const message = await channel.get('celery')
  assert.ok(message !== undefined)
  await channel.reject([message.tag], { requeue: true })
  const target = { exchange: '', routingKey: 'celery' }
  for (let left = times; left > 0; left -= 5000) {
    const count = Math.min(left, 5000)
    await Promise.all(Array.from({ length: count }, () => channel.publish(message, target)))
  }
  await connection.close()
}
