/** Quorum queues of RabbitMQ, set up as Celery's documentation recommends it. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { UserAppOptions } from '../../src/index.ts'
import { Celery, Exchange, Queue } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import { endWorker } from '../support/end-worker.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq } from '../support/servers/rabbitmq.ts'

/** Each task tells how it has come; one that is called with `later` is due a second after its call. */
async function setup(t: TestContext, settings: UserAppOptions) {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const common = { backend: 'cache+memory://', logger: silentLogger, setAsCurrent: false }
  const app = new Celery('quorum', { broker: url, ...common, ...settings })
  const keyOf = app.task('t.key', { bind: true }, ({ request }, _: string) => request.deliveryInfo.routingKey)
  const worker = new Worker(app, { pool: 'async', concurrency: 2, logger: silentLogger })
  endWorker(t, worker, app)
  await worker.start()
  const call = (name: string): Promise<unknown> =>
    keyOf.applyAsync([name], name === 'later' ? { countdown: 1 } : {}).get({ timeout: 60 })
  return { app, call }
}

/** Whether a queue is there and of that type: RabbitMQ takes a declaration again only if it is the same. */
async function assertQuorum(app: Celery, name: string): Promise<void> {
  const declare = async (args: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const channel = await app.amqp.broker.openChannel()
    return channel.declareQueue({ name, durable: true, exclusive: false, autoDelete: false, arguments: args })
  }
  await declare({ 'x-queue-type': 'quorum' })
  await assert.rejects(declare({}), /inequivalent arg 'x-queue-type'/)
}

test(
  'a queue with the argument, confirmed publishing, a topic for all routes [11-018]',
  needs('rabbitmq-server'),
  async (t) => {
    const work = new Queue('work', {
      exchange: new Exchange('work', { type: 'topic' }),
      routingKey: 'work.#',
      queueArguments: { 'x-queue-type': 'quorum' },
    })
    const { app, call } = await setup(t, {
      brokerTransportOptions: { confirm_publish: true },
      taskQueues: [work],
      taskDefaultQueue: 'work',
      taskDefaultExchange: 'work',
      taskDefaultExchangeType: 'topic',
      taskRoutes: { '*': { routing_key: 'work.any' } },
    })
    await assertQuorum(app, 'work')
    const names = Array.from({ length: 20 }, (_, index) => `${index}`)
    assert.deepEqual(new Set(await Promise.all(names.map(call))), new Set(['work.any']))
    // What is due later waits in the broker, which tells by the key.
    assert.match(String(await call('later')), /^(?:[01]\.){28}work\.any$/)
  },
)

test('queues whose type is that of the settings [11-018]', needs('rabbitmq-server'), async (t) => {
  const { app, call } = await setup(t, {
    taskDefaultQueueType: 'quorum',
    taskDefaultExchangeType: 'topic',
  })
  await assertQuorum(app, 'celery')
  assert.equal(await call('now'), 'celery')
  assert.match(String(await call('later')), /^(?:[01]\.){28}celery$/)
})
