import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ConnectionError } from '../../../src/errors.ts'
import type { Delivery } from '../../../src/messaging/message.ts'
import type { Channel, Transport } from '../../../src/messaging/transport.ts'
import { resolveTransport } from '../../../src/messaging/transports/resolve-transport.ts'
import { StreamLogger, silentLogger } from '../../../src/util/logger.ts'
import { type ConsumedQueue, Consumer } from '../../../src/worker/consumer.ts'
import type { Session } from '../../../src/worker/session.ts'
import { eventually } from '../../support/eventually.ts'
import { memoryBroker } from './memory-connection.ts'

test('a broker that closes every connection at once is not flooded with them [7-016]', async () => {
  const memory = await resolveTransport('memory://')
  let connections = 0
  const transport: Transport = {
    name: memory.name,
    features: memory.features,
    connect: async (options) => {
      connections += 1
      const connection = await memory.connect(options)
      setImmediate(() => void connection.close())
      return connection
    },
  }
  const lines: string[] = []
  const logger = new StreamLogger('t', {
    write: (text) => lines.push(text.trimEnd()),
    format: ({ level, message }) => `${level} ${message}`,
  })
  const url = 'memory://frequent-restarts'
  const consumer = new Consumer({
    candidates: [
      { url, transportOptions: {}, connectTimeout: undefined, heartbeat: 0, ssl: false, clientName: 'test' },
    ],
    resolve: () => Promise.resolve(transport),
    queues: [],
    prefetch: () => 1,
    deliver: () => undefined,
    opened: () => undefined,
    lost: () => undefined,
    retry: { enabled: true, onStartup: true, policy: { start: 0, step: 0, max: 0, maxRetries: undefined } },
    patience: 10_000,
    logger,
  })
  await consumer.start()
  await eventually(() => lines.some((line) => line.startsWith('CRITICAL Frequent restarts detected')))
  assert.ok(connections >= 6, `${connections} connections`)
  // It stops during the pause, too.
  await consumer.close()
  assert.equal(consumer.session, undefined)
})

/** A consumer of a broker in memory whose queue `first` takes until `declared` to be declared. */
async function openingConsumer(t: TestContext) {
  const transport = await resolveTransport('memory://')
  const broker = memoryBroker()
  const other = await transport.connect(broker)
  const producer = await other.openChannel()
  const declared = Promise.withResolvers<void>()
  const declaring = Promise.withResolvers<void>()
  const delivered: string[] = []
  const queue = (name: string, ready = Promise.resolve()): ConsumedQueue => ({
    name,
    declare: async (channel) => {
      declaring.resolve()
      await ready
      await channel.declareQueue({ name, durable: true, exclusive: false, autoDelete: false, arguments: {} })
    },
  })
  const consumer = new Consumer({
    candidates: [broker],
    resolve: () => Promise.resolve(transport),
    queues: [queue('first', declared.promise)],
    prefetch: () => 10,
    deliver: (delivery, session) => {
      delivered.push(delivery.queue)
      session.settle(delivery.tag, 'ack')
    },
    opened: () => undefined,
    lost: () => undefined,
    retry: { enabled: true, onStartup: true, policy: { start: 0, step: 0, max: 0, maxRetries: 0 } },
    patience: 10_000,
    logger: silentLogger,
  })
  t.after(async () => {
    await consumer.close()
    await other.close()
  })
  const send = (name: string) =>
    producer.publish(
      { body: new Uint8Array(), headers: {}, properties: {} },
      { exchange: '', routingKey: name },
    )
  const started = consumer.start()
  await declaring.promise
  return { consumer, queue, delivered, send, started, declared }
}

test('a queue that is added while a connection is being made is consumed from on it', async (t) => {
  const { consumer, queue, delivered, send, started, declared } = await openingConsumer(t)
  const added = consumer.addQueue(queue('late'))
  declared.resolve()
  await started
  await added
  await send('late')
  await eventually(() => assert.deepEqual(delivered, ['late']))
  assert.deepEqual(
    consumer.queues.map(({ name }) => name),
    ['first', 'late'],
  )
})

test('a queue that is cancelled while a connection is being made is not consumed from', async (t) => {
  const { consumer, queue, delivered, send, started, declared } = await openingConsumer(t)
  const cancelled = consumer.cancelQueue('first')
  declared.resolve()
  await started
  await cancelled
  await consumer.addQueue(queue('next'))
  await send('first')
  await send('next')
  await eventually(() => assert.ok(delivered.includes('next')))
  assert.deepEqual(delivered, ['next'])
})

test('a queue that is to be added is given up when the consumer is closed before there is a connection', async (t) => {
  const { consumer, queue, started } = await openingConsumer(t)
  const added = consumer.addQueue(queue('late'))
  await consumer.close()
  await started
  await assert.rejects(added, /the worker stops/)
})

/** A broker whose connections tell the test before they consume from the queue `second`, with one message in `first`. */
async function slowSecondQueue(
  t: TestContext,
  before: (connection: number, channel: Channel) => Promise<void>,
) {
  const memory = await resolveTransport('memory://')
  const broker = memoryBroker()
  let connections = 0
  const connect: Transport['connect'] = async (options) => {
    connections += 1
    const number = connections
    const connection = await memory.connect(options)
    const channel = await connection.openChannel()
    const consume = channel.consume.bind(channel)
    Object.assign(channel, {
      consume: async (name: string, ...rest: [deliver: (delivery: Delivery) => void]) => {
        if (name === 'second') await before(number, channel)
        return consume(name, ...rest)
      },
    })
    Object.assign(connection, { openChannel: () => Promise.resolve(channel) })
    return connection
  }
  const queue = (name: string): ConsumedQueue => ({
    name,
    declare: (channel) =>
      channel.declareQueue({ name, durable: true, exclusive: false, autoDelete: false, arguments: {} }),
  })
  const other = await memory.connect(broker)
  t.after(() => other.close())
  const producer = await other.openChannel()
  await queue('first').declare(producer)
  const message = { body: new Uint8Array(), headers: {}, properties: {} }
  await producer.publish(message, { exchange: '', routingKey: 'first' })
  return {
    candidates: [broker],
    resolve: () => Promise.resolve({ name: memory.name, features: memory.features, connect }),
    queues: [queue('first'), queue('second')],
    opened: () => undefined,
    retry: { enabled: true, onStartup: true, policy: { start: 0, step: 0, max: 0, maxRetries: 1 } },
    patience: 10_000,
    logger: silentLogger,
  }
}

test('a connection that fails after its first queues has delivered is a lost one', async (t) => {
  const delivered: Session[] = []
  const gone: Session[] = []
  const broker = await slowSecondQueue(t, async (connection) => {
    if (connection > 1) return
    await eventually(() => assert.equal(delivered.length, 1))
    throw new ConnectionError('the line is dead')
  })
  const consumer = new Consumer({
    ...broker,
    prefetch: () => 10,
    deliver: (_delivery, session) => void delivered.push(session),
    lost: (session) => void gone.push(session),
  })
  t.after(() => consumer.close())
  await consumer.start()
  assert.deepEqual(gone, [delivered[0]])
  assert.ok(gone[0]?.lost)
  assert.notEqual(consumer.session, gone[0])
})

test('a prefetch count that changes by what the first queues of a connection deliver is told to the broker', async (t) => {
  let held = 0
  const told: number[] = []
  const broker = await slowSecondQueue(t, async (_connection, channel) => {
    await eventually(() => assert.equal(held, 1))
    await new Promise((resolve) => setImmediate(resolve))
    Object.assign(channel, { prefetch: async (count: number) => void told.push(count) })
  })
  const consumer = new Consumer({
    ...broker,
    prefetch: () => 1 + held,
    deliver: () => {
      held += 1
      consumer.applyPrefetch()
    },
    lost: () => undefined,
  })
  t.after(() => consumer.close())
  await consumer.start()
  await eventually(() => assert.deepEqual(told, [2]))
})
