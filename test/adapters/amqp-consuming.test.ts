import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { ChannelError, ConnectionError } from '../../src/errors.ts'
import { Exchange, Queue } from '../../src/messaging/entity.ts'
import type { Delivery } from '../../src/messaging/message.ts'
import type { Channel } from '../../src/messaging/transport.ts'
import {
  Collector,
  publishTexts,
  tagsOf,
  textMessage,
  textOf,
} from '../../src/testing/conformance/transport-session.ts'
import { Deferred } from '../../src/util/deferred.ts'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq, startRabbitmq } from '../support/servers/rabbitmq.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import {
  connect,
  declareQueue,
  limitsChannels,
  openChannel,
  statusOf,
  transportOptions,
} from './amqp-connect.ts'

const server = needs('rabbitmq-server')

test('the prefetch limit of a channel holds for all its queues together [7-047]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  if (!(await limitsChannels(url))) return t.skip('RabbitMQ 4 limits consumers only')
  const channel = await openChannel(t, url)
  const collector = new Collector()
  await channel.prefetch(3)
  for (const queue of ['a', 'b']) {
    await declareQueue(channel, queue)
    await publishTexts(channel, queue, ['1', '2', '3', '4'])
    await channel.consume(queue, collector.deliver)
  }
  await collector.wait(3)
  await assertWaiting(channel, { a: 4, b: 4 }, 5)
  await channel.ack(tagsOf(collector.deliveries.slice(0, 2)))
  await collector.wait(5)
  await assertWaiting(channel, { a: 4, b: 4 }, 3)
})

for (const [kind, args, options] of [
  ['a quorum queue', { 'x-queue-type': 'quorum' }, {}],
  ['a classic queue whose limits are per consumer', {}, { global_qos: false }],
] as const) {
  test(`the prefetch limit of ${kind} can be changed while consuming [7-048 7-047]`, server, async (t) => {
    const { url } = await (await sharedRabbitmq()).newVhost(t)
    const channel = await openChannel(t, url, { transportOptions: options })
    const monitor = await openChannel(t, url)
    await declareQueue(channel, 'q', args)
    await publishTexts(
      channel,
      'q',
      Array.from({ length: 40 }, (_, index) => `${index}`),
    )
    const waiting = (messages: number): Promise<void> =>
      eventually(async () => assert.equal((await statusOf(monitor, 'q')).messages, messages))
    await channel.prefetch(2)
    const collector = new Collector()
    const handle = await channel.consume('q', collector.deliver)
    await collector.wait(2)
    await waiting(38)

    await channel.prefetch(5)
    await collector.wait(5)
    await waiting(35)

    // Fewer: what is held stays held, and only so much is delivered again.
    await channel.prefetch(2)
    await channel.ack(tagsOf(collector.deliveries))
    await collector.wait(7)
    await waiting(33)

    await channel.ack(tagsOf(collector.deliveries.slice(5)))
    await collector.wait(9)
    await waiting(31)

    await channel.prefetch(0)
    await collector.wait(40)
    await waiting(0)
    assert.deepEqual(
      [...collector.texts].map(Number).sort((a, b) => a - b),
      Array.from({ length: 40 }, (_, index) => index),
    )
    await handle.cancel()
    await channel.ack(tagsOf(collector.deliveries))
    await eventually(async () => assert.equal((await statusOf(monitor, 'q')).consumers, 0))
  })
}

test('a prefetch count that AMQP cannot express is no limit [7-045]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'q')
  await publishTexts(channel, 'q', ['a', 'b'])
  await channel.prefetch(1)
  const collector = new Collector()
  await channel.consume('q', collector.deliver)
  await channel.prefetch(65_536)
  await collector.wait(2)
})

test('classic and quorum queues on one channel [7-047]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'classic')
  await declareQueue(channel, 'quorum', { 'x-queue-type': 'quorum' })
  const [classic, quorum] = [new Collector(), new Collector()]
  await publishTexts(channel, 'classic', ['1', '2', '3'])
  await publishTexts(channel, 'quorum', ['1', '2', '3'])
  await channel.prefetch(2)
  await channel.consume('classic', classic.deliver)
  await classic.wait(2)
  await channel.consume('quorum', quorum.deliver)
  await quorum.wait(2)
  await channel.ack(tagsOf([...classic.deliveries, ...quorum.deliveries]))
  await classic.wait(3)
  await quorum.wait(3)
})

test('a quorum queue that nobody told us of ends with a remedy', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  if (!(await limitsChannels(url))) return t.skip('RabbitMQ 4 limits consumers only')
  await declareQueue(await openChannel(t, url), 'q', { 'x-queue-type': 'quorum' })
  const connection = await connect(t, url)
  const channel = await connection.openChannel()
  await channel.prefetch(1)
  await assert.rejects(
    channel.consume('q', () => undefined),
    /does not support global qos.*set global_qos to false/,
  )
  const other = await openChannel(t, url, { transportOptions: { global_qos: false } })
  await other.prefetch(1)
  await other.consume('q', () => undefined)
})

test('an auto-delete queue survives a change of limits per consumer', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url, { transportOptions: { global_qos: false } })
  await channel.declareQueue({ name: 'q', durable: false, exclusive: false, autoDelete: true, arguments: {} })
  const collector = new Collector(({ tag }) => void channel.ack([tag]))
  await channel.prefetch(10)
  await channel.consume('q', collector.deliver)
  await channel.prefetch(2)
  await publishTexts(channel, 'q', ['a'])
  await collector.wait(1)
})

test(
  'a deleted queue cancels its consumer, with all its slices told once [5-117 7-106]',
  server,
  async (t) => {
    const { url } = await (await sharedRabbitmq()).newVhost(t)
    const channel = await openChannel(t, url, { transportOptions: { global_qos: false } })
    await declareQueue(channel, 'q')
    const reasons: Error[] = []
    await channel.prefetch(1)
    await channel.consume('q', () => undefined, { cancelled: (reason) => reasons.push(reason) })
    await channel.prefetch(2)
    await channel.prefetch(3)
    assert.equal((await statusOf(channel, 'q')).consumers, 3)
    await (await openChannel(t, url)).deleteQueue('q')
    await eventually(() => assert.equal(reasons.length, 1))
    assert.ok(reasons[0] instanceof ChannelError)
    assert.match(reasons[0].message, /cancelled the consumer of queue "q"/)
    // The channel lives on, and everybody has been told when it answers.
    await declareQueue(channel, 'q')
    assert.equal(reasons.length, 1)
  },
)

test('consumer arguments reach the broker: a higher priority is served first [5-117]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'q')
  const [low, high] = [new Collector(), new Collector()]
  await channel.consume('q', low.deliver)
  await channel.consume('q', high.deliver, { arguments: { 'x-priority': 10 } })
  await publishTexts(channel, 'q', ['a', 'b', 'c'])
  await high.wait(3)
  assert.equal(low.deliveries.length, 0)
})

test('errors that close the channel carry the broker’s words and the remedy', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const connection = await connect(t, url)
  await declareQueue(await connection.openChannel(), 'q')
  const cases: readonly (readonly [(channel: Channel) => Promise<unknown>, RegExp])[] = [
    [(channel) => channel.purge('nope'), /Purging the queue "nope" failed: NOT_FOUND.*Declare it first/],
    [
      (channel) => declareQueue(channel, 'q', { 'x-max-length': 5 }),
      /PRECONDITION_FAILED - inequivalent arg 'x-max-length'.*or delete it/,
    ],
    [(channel) => channel.get('nope'), /Getting from the queue "nope" failed: NOT_FOUND/],
    [
      (channel) => channel.bind({ queue: 'q', exchange: 'nope', routingKey: '', arguments: {} }),
      /Binding the queue "q" to "nope" failed: NOT_FOUND/,
    ],
    [(channel) => channel.deleteQueue('q', { ifUnused: true, ifEmpty: true }), /not empty/],
  ]
  await publishTexts(await connection.openChannel(), 'q', ['x'])
  for (const [call, pattern] of cases) {
    const channel = await connection.openChannel()
    await assert.rejects(call(channel), (error) => {
      assert.ok(error instanceof ChannelError && !error.recoverable)
      assert.match(error.message, pattern)
      return true
    })
    assert.ok((await channel.closed) instanceof ChannelError)
    await assert.rejects(channel.get('q'), ChannelError)
    await assert.rejects(channel.publish(textMessage('x'), { exchange: '', routingKey: 'q' }), ChannelError)
    await assert.rejects(channel.ack([1]), ChannelError)
  }
  // The connection is none the worse for it.
  assert.equal((await statusOf(await connection.openChannel(), 'q')).messages, 1)
})

test('an exclusive queue is refused to others, with the reason', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const mine = await openChannel(t, url)
  const mineOnly = { name: 'mine', durable: false, exclusive: true, autoDelete: true, arguments: {} }
  await mine.declareQueue(mineOnly)
  const other = await openChannel(t, url)
  await assert.rejects(other.declareQueue(mineOnly), /RESOURCE_LOCKED.*exclusive to another connection/)
})

test(
  'a restart of the broker under a consumer settles closed, and the work comes again [7-102]',
  server,
  async (t) => {
    const broker = await startRabbitmq(t)
    const connection = await connect(t, broker.url)
    const channel = await connection.openChannel()
    await declareQueue(channel, 'q')
    await publishTexts(channel, 'q', ['a', 'b'])
    const collector = new Collector()
    await channel.consume('q', collector.deliver)
    const [first] = await collector.wait(2)
    const publishing = Promise.allSettled(
      Array.from({ length: 50 }, () => channel.publish(textMessage('c'), { exchange: '', routingKey: 'q' })),
    )
    await publishing
    await broker.restart()
    const reason = await connection.closed
    assert.ok(reason instanceof ConnectionError && reason.recoverable)
    assert.match(reason.message, /CONNECTION_FORCED/)
    assert.ok((await channel.closed) instanceof ConnectionError)
    await assert.rejects(channel.ack([first?.tag ?? 0]), ConnectionError)
    const again = await openChannel(t, broker.url)
    const second = new Collector()
    await again.consume('q', second.deliver)
    await second.wait(52)
    assert.deepEqual(second.texts.slice(0, 2), ['a', 'b'])
  },
)

test('a killed broker settles closed', server, async (t) => {
  const broker = await startRabbitmq(t)
  const connection = await connect(t, broker.url)
  await broker.kill()
  assert.ok((await connection.closed) instanceof ConnectionError)
})

test('a silent network is noticed by missing heartbeats [7-097 1-024]', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const { url } = await rabbitmq.newVhost(t)
  const proxy = await startTcpProxy(t, rabbitmq.port)
  const connection = await connect(t, proxy.through(url), { heartbeat: 1 })
  const channel = await connection.openChannel()
  proxy.stall()
  const declaring = assert.rejects(declareQueue(channel, 'q'), ConnectionError)
  // The broker may be the first to notice; then it closes the socket.
  assert.ok((await connection.closed) instanceof ConnectionError)
  await declaring
})

test('closing a connection to a silent broker comes to an end', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const { url } = await rabbitmq.newVhost(t)
  const proxy = await startTcpProxy(t, rabbitmq.port)
  const connection = await connect(t, proxy.through(url))
  const channel = await connection.openChannel()
  await declareQueue(channel, 'q')
  proxy.stall()
  const publishing = assert.rejects(
    channel.publish(textMessage('x'), { exchange: '', routingKey: 'q' }),
    ConnectionError,
  )
  await connection.close()
  assert.equal(await connection.closed, undefined)
  await publishing
})

test(
  'after the connection to a silent broker was given up nothing keeps the process alive',
  server,
  async (t) => {
    const rabbitmq = await sharedRabbitmq()
    const { url } = await rabbitmq.newVhost(t)
    const proxy = await startTcpProxy(t, rabbitmq.port)
    const program = `
    import { amqpTransport } from ${JSON.stringify(new URL('../../src/messaging/transports/amqp/transport.ts', import.meta.url).href)}
    const connection = await amqpTransport.connect(${JSON.stringify(transportOptions(proxy.through(url), { heartbeat: 600 }))})
    await connection.openChannel()
    process.send('open')
    await new Promise((resolve) => process.once('message', resolve))
    await connection.close()
    process.disconnect()
  `
    const child = fork('-', [], { execArgv: ['--input-type=module', '--eval', program], stdio: 'inherit' })
    t.after(() => child.kill())
    await once(child, 'message')
    proxy.stall()
    child.send('close')
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
  },
)

test('thousands of acknowledgements in disorder settle exactly what was acknowledged', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const connection = await connect(t, url)
  const channel = await connection.openChannel()
  await declareQueue(channel, 'q')
  await publishTexts(
    channel,
    'q',
    Array.from({ length: 2000 }, (_, index) => `${index}`),
  )
  const done = new Deferred()
  const held: Delivery[] = []
  let seen = 0
  await channel.prefetch(100)
  const kept: string[] = []
  await channel.consume('q', (delivery) => {
    seen++
    // Some are never settled, some are settled late and in another order.
    if (seen % 97 === 0) kept.push(textOf(delivery))
    else held.push(delivery)
    if (held.length >= 30 || seen >= 1990) {
      const now = held.splice(0).sort((a, b) => textOf(a).localeCompare(textOf(b)))
      const half = now.splice(0, now.length / 2)
      void channel.ack(tagsOf(half))
      const last = seen === 2000
      setImmediate(() => {
        void channel.ack(tagsOf(now))
        if (last) done.resolve()
      })
    }
  })
  await done.promise
  await channel.close()
  const rest = await connection.openChannel()
  await eventually(async () => assert.equal((await statusOf(rest, 'q')).messages, kept.length))
  const again = new Collector()
  await rest.consume('q', again.deliver)
  await again.wait(kept.length)
  assert.deepEqual([...again.texts].sort(), kept.sort())
})

test('a headers exchange delivers by headers, not by keys [10-035]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  const exchange = new Exchange('by-headers', { type: 'headers' })
  const bound = (name: string, match: 'all' | 'any'): Queue =>
    new Queue(name, {
      exchange,
      bindingArguments: { 'x-match': match, region: 'eu', urgent: true },
    })
  for (const queue of [bound('both', 'all'), bound('either', 'any')]) await queue.declare(channel)
  for (const headers of [{ region: 'eu', urgent: true }, { region: 'eu' }, { region: 'us' }]) {
    await channel.publish(
      { ...textMessage(JSON.stringify(headers)), headers },
      { exchange: 'by-headers', routingKey: 'both' },
    )
  }
  const counts = async () => [
    (await statusOf(channel, 'both')).messages,
    (await statusOf(channel, 'either')).messages,
  ]
  await eventually(async () => assert.deepEqual(await counts(), [1, 2]))
})

async function assertWaiting(
  channel: Channel,
  queues: Record<string, number>,
  expected: number,
): Promise<void> {
  await eventually(async () => {
    let sum = 0
    for (const queue of Object.keys(queues)) sum += (await statusOf(channel, queue)).messages
    assert.equal(sum, expected)
  })
}
