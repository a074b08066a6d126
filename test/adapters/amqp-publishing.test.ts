import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChannelError, ConnectionError, PublishError } from '../../src/errors.ts'
import type { Delivery } from '../../src/messaging/message.ts'
import { textMessage, textOf } from '../../src/testing/conformance/transport-session.ts'
import { Deferred } from '../../src/util/deferred.ts'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq, startRabbitmq } from '../support/servers/rabbitmq.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { connect, declareQueue, openChannel, statusOf } from './amqp-connect.ts'

const server = needs('rabbitmq-server')

test('a publish settles when the broker has the message [1-255]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'q')
  await Promise.all(
    Array.from({ length: 3000 }, (_, index) =>
      channel.publish(textMessage(`${index}`), { exchange: '', routingKey: 'q', mandatory: true }),
    ),
  )
  assert.deepEqual(await statusOf(channel, 'q'), { messages: 3000, consumers: 0 })
  assert.equal(await channel.purge('q'), 3000)
})

test('what no queue gets is returned, each message by itself [3-013]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'there')
  const outcomes = await Promise.allSettled(
    Array.from({ length: 100 }, (_, index) =>
      channel.publish(textMessage('x', { correlationId: `${index % 10}` }), {
        exchange: '',
        routingKey: index % 3 === 0 ? 'nowhere' : 'there',
        mandatory: true,
      }),
    ),
  )
  outcomes.forEach((outcome, index) => {
    assert.equal(outcome.status, index % 3 === 0 ? 'rejected' : 'fulfilled', `message ${index}`)
  })
  const [first] = outcomes
  assert.ok(first?.status === 'rejected' && first.reason instanceof PublishError)
  assert.match(first.reason.message, /No queue is called "nowhere" \(NO_ROUTE\).*Declare the queue/)
  assert.equal(first.reason.recoverable, false)
  await assert.rejects(
    channel.publish(textMessage('x'), { exchange: 'amq.direct', routingKey: 'k', mandatory: true }),
    /No queue is bound to the exchange "amq.direct" for the routing key "k"/,
  )
})

test('what the broker refuses is a PublishError [1-255]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'full', { 'x-max-length': 2, 'x-overflow': 'reject-publish' })
  const outcomes = await Promise.allSettled(
    Array.from({ length: 5 }, () => channel.publish(textMessage('x'), { exchange: '', routingKey: 'full' })),
  )
  const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  assert.ok(reasons.length > 0)
  for (const reason of reasons) {
    assert.ok(reason instanceof PublishError)
    assert.match(reason.message, /refused the message for the queue "full" \(nack\)/)
  }
})

test('an unknown exchange fails its own message; consumers and deliveries live on', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'q')
  const got = new Deferred<Delivery>()
  await channel.consume('q', (delivery) => got.resolve(delivery))
  await channel.publish(textMessage('held'), { exchange: '', routingKey: 'q' })
  const held = await got.promise
  await assert.rejects(channel.publish(textMessage('x'), { exchange: 'nope', routingKey: 'k' }), (error) => {
    assert.ok(error instanceof ChannelError)
    assert.match(
      error.message,
      /the exchange "nope" with the routing key "k".*NOT_FOUND - no exchange 'nope'/,
    )
    assert.equal(error.recoverable, false)
    return true
  })
  await channel.publish(textMessage('again'), { exchange: '', routingKey: 'q' })
  await channel.ack([held.tag])
  assert.equal((await statusOf(channel, 'q')).consumers, 1)
})

test(
  'others on the channel that an unknown exchange broke are told that trying again helps',
  server,
  async (t) => {
    const { url } = await (await sharedRabbitmq()).newVhost(t)
    const channel = await openChannel(t, url)
    await declareQueue(channel, 'q')
    const target = { exchange: '', routingKey: 'q' }
    await channel.publish(textMessage('opens the channel'), target)
    const guilty = channel.publish(textMessage('x'), { exchange: 'nope', routingKey: 'k' })
    const others = Array.from({ length: 20 }, () => channel.publish(textMessage('x'), target))
    await assert.rejects(guilty, (error) => error instanceof ChannelError && !error.recoverable)
    for (const outcome of await Promise.allSettled(others)) {
      if (outcome.status === 'fulfilled') continue
      assert.ok(outcome.reason instanceof ChannelError && outcome.reason.recoverable)
      assert.match(outcome.reason.message, /is unknown: another message on the same channel/)
    }
  },
)

test('a message that cannot be encoded is refused and hurts nobody', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'q')
  const target = { exchange: '', routingKey: 'q' }
  const bad = channel.publish(textMessage('x', {}, { callback: () => 1 }), target)
  const good = channel.publish(textMessage('y'), target)
  await assert.rejects(bad, (error) => {
    assert.ok(error instanceof PublishError && !error.recoverable)
    assert.match(error.message, /the queue "q" cannot be encoded: callback: /)
    return true
  })
  await good
  const long = { headers: 'x'.repeat(200_000) }
  await assert.rejects(channel.publish(textMessage('x', {}, long), target), /its headers have 2\d{5} bytes/)
  await assert.rejects(
    channel.publish(textMessage('x', { correlationId: 'x'.repeat(300) }), target),
    /correlationId/,
  )
  const delivery = await channel.get('q', { noAck: true })
  assert.equal(delivery && textOf(delivery), 'y')
})

test('large messages, larger than a frame and larger than a buffer', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'q')
  for (const size of [0, 1, 16_384, 16_385, 131_064, 131_065, 300_000, 16_000_000]) {
    const body = Buffer.alloc(size, 'abcdefg')
    await channel.publish({ body, properties: {}, headers: {} }, { exchange: '', routingKey: 'q' })
    const delivery = await channel.get('q', { noAck: true })
    assert.ok(delivery !== undefined && body.equals(delivery.body), `${size} bytes`)
  }
})

test('headers of more than 64 KiB', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'q')
  const headers = { long: 'x'.repeat(100_000) }
  await channel.publish({ body: Buffer.alloc(0), properties: {}, headers }, { exchange: '', routingKey: 'q' })
  assert.deepEqual((await channel.get('q', { noAck: true }))?.headers, headers)
})

test('a small frame_max is kept [1-254]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url, { transportOptions: { frame_max: 8192 } })
  await declareQueue(channel, 'q')
  const body = Buffer.alloc(100_000, 'abc')
  await channel.publish({ body, properties: {}, headers: {} }, { exchange: '', routingKey: 'q' })
  const delivery = await channel.get('q', { noAck: true })
  assert.ok(delivery !== undefined && body.equals(delivery.body))
})

test('messages have the priority they were published with [10-038] [12-004]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'q', { 'x-max-priority': 10 })
  for (const priority of [0, 9, 3, undefined, 5]) {
    const properties = priority === undefined ? {} : { priority }
    await channel.publish(textMessage(String(priority), properties), { exchange: '', routingKey: 'q' })
  }
  const order: string[] = []
  for (
    let next = await channel.get('q', { noAck: true });
    next;
    next = await channel.get('q', { noAck: true })
  ) {
    order.push(textOf(next))
  }
  assert.deepEqual(order, ['9', '5', '3', '0', 'undefined'])
})

test('a cut connection fails what was on its way, and settles closed', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const { url } = await rabbitmq.newVhost(t)
  const proxy = await startTcpProxy(t, rabbitmq.port)
  const connection = await connect(t, proxy.through(url))
  const channel = await connection.openChannel()
  await declareQueue(channel, 'q')
  await channel.publish(textMessage('x'), { exchange: '', routingKey: 'q' })
  proxy.stall()
  const publishing = channel.publish(textMessage('y'), { exchange: '', routingKey: 'q' })
  const declaring = channel.purge('q')
  proxy.cut()
  await assert.rejects(publishing, (error) => error instanceof ConnectionError && error.recoverable)
  await assert.rejects(declaring, ConnectionError)
  assert.ok((await connection.closed) instanceof ConnectionError)
  assert.ok((await channel.closed) instanceof ConnectionError)
  await assert.rejects(channel.publish(textMessage('z'), { exchange: '', routingKey: 'q' }), ConnectionError)
  await assert.rejects(connection.openChannel(), ConnectionError)
})

/**
 * RabbitMQ blocks a connection when it publishes after an alarm, of which each connection hears a moment later: publishes
 * until then.
 */
async function publishUntil(
  isBlocked: () => boolean,
  publish: () => Promise<void>,
): Promise<Promise<void>[]> {
  const published: Promise<void>[] = []
  await eventually(() => {
    if (!isBlocked()) published.push(publish())
    return isBlocked()
  })
  return published
}

test(
  'a blocked broker holds publishes back; they can be withdrawn, and go on afterwards [1-254]',
  server,
  async (t) => {
    const broker = await startRabbitmq(t)
    const said: (string | undefined)[] = []
    const hook: string[] = []
    const channel = await openChannel(t, broker.url, {
      blocked: (reason) => said.push(reason),
      transportOptions: {
        on_blocked: (reason: string) => hook.push(reason),
        on_unblocked: () => hook.push('free'),
      },
    })
    const other = await openChannel(t, broker.url)
    await declareQueue(channel, 'q')
    const target = { exchange: '', routingKey: 'q' }
    await channel.publish(textMessage('before'), target)
    await broker.ctl('eval', 'rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []}).')
    const early = await publishUntil(
      () => said.length > 0,
      () => channel.publish(textMessage('early'), target),
    )
    assert.equal(said.length, 1)
    const ticket = { withdrawn: false }
    const withdrawn = channel.publish(textMessage('withdrawn'), target, ticket)
    const second = channel.publish(textMessage('second'), target)
    ticket.withdrawn = true
    const third = channel.publish(textMessage('third'), target)
    await assert.rejects(withdrawn, PublishError)
    await broker.ctl('eval', 'rabbit_alarm:clear_alarm({resource_limit, memory, node()}).')
    await Promise.all([...early, second, third])
    assert.deepEqual(said, ['low on memory', undefined])
    assert.deepEqual(hook, ['low on memory', 'free'])
    assert.equal((await statusOf(other, 'q')).messages, early.length + 3)
  },
)

test('closing while the broker blocks does not wait for it', server, async (t) => {
  const broker = await startRabbitmq(t)
  let blocked = false
  const connection = await connect(t, broker.url, {
    blocked: (reason) => {
      blocked = reason !== undefined
    },
  })
  const channel = await connection.openChannel()
  await declareQueue(channel, 'q')
  const target = { exchange: '', routingKey: 'q' }
  await channel.publish(textMessage('before'), target)
  await broker.ctl('eval', 'rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []}).')
  // Those that came before the alarm are stored; the last one is not.
  const early = await publishUntil(
    () => blocked,
    () =>
      channel
        .publish(textMessage('early'), target)
        .catch((error: unknown) => assert.ok(error instanceof ConnectionError)),
  )
  const second = assert.rejects(channel.publish(textMessage('second'), target), ConnectionError)
  await connection.close()
  await Promise.all([...early, second])
  assert.equal(await connection.closed, undefined)
})
