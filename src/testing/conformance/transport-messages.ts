import assert from 'node:assert/strict'
import type { Delivery, MessageProperties, OutgoingMessage } from '../../messaging/message.ts'
import type { Session, TransportSubject, TransportTest } from './transport-session.ts'
import { Collector, publishTexts, textMessage, textOf, until } from './transport-session.ts'

/** Messages: what is put in comes out, byte by byte, in order, and not too late. */
export function exerciseTransportMessages(subject: TransportSubject, check: TransportTest): void {
  exerciseContents(subject, check)
  exerciseOrder(subject, check)
}

/** Sends a message through a queue. */
async function roundTrip(session: Session, message: OutgoingMessage): Promise<Delivery> {
  const channel = await session.channel()
  const queue = await session.queue(channel)
  const collector = new Collector()
  await channel.consume(queue, collector.deliver)
  await channel.publish(message, { exchange: '', routingKey: queue })
  const [delivery] = await collector.wait(1)
  assert.ok(delivery)
  assert.equal(delivery.queue, queue)
  return delivery
}

const PROPERTIES: MessageProperties = {
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  deliveryMode: 2,
  priority: 3,
  correlationId: 'c0ffee00-0000-4000-8000-000000000001',
  replyTo: 'reply-queue',
  expiration: '3600000',
  messageId: 'm-1',
  timestamp: 1_893_553_445,
  type: 'a-type',
  appId: 'an-app',
}

const HEADERS = {
  lang: 'js',
  empty: '',
  unicode: 'snö ☃ 😀 \u0000 \n',
  none: null,
  yes: true,
  no: false,
  zero: 0,
  negative: -1,
  large: Number.MAX_SAFE_INTEGER,
  float: 0.1,
  small: 5e-324,
  list: [1, 'two', [3, null], { four: 4 }],
  emptyList: [],
  object: { nested: { deeply: ['yes'] } },
  emptyObject: {},
}

function exerciseContents({ largestBody = 1024 * 1024 }: TransportSubject, check: TransportTest): void {
  // Celery's properties decide how a body is read and where the answer goes.
  check('properties come out as they were put in', async (session) => {
    const delivery = await roundTrip(session, textMessage('body', PROPERTIES))
    const found = delivery.properties
    const names = Object.keys(PROPERTIES) as (keyof MessageProperties)[]
    assert.deepEqual(Object.fromEntries(names.map((name) => [name, found[name]])), PROPERTIES)
  })

  // Everything about a task but its arguments stands in the headers.
  check('headers of every JSON type come out as they were put in', async (session) => {
    const delivery = await roundTrip(session, textMessage('body', {}, HEADERS))
    assert.deepEqual(JSON.parse(JSON.stringify(delivery.headers)), HEADERS)
  })

  // A message needs nothing but a body, and that may be empty.
  check('an empty body without properties and headers', async (session) => {
    const delivery = await roundTrip(session, { body: new Uint8Array(), properties: {}, headers: {} })
    assert.equal(delivery.body.length, 0)
    assert.deepEqual({ ...delivery.headers }, {})
  })

  // Bodies are bytes: msgpack, pickles, compressed ones.
  check('a binary body', async (session) => {
    const body = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const delivery = await roundTrip(session, {
      body,
      properties: { contentType: 'application/data', contentEncoding: 'binary' },
      headers: {},
    })
    assert.deepEqual(new Uint8Array(delivery.body), body)
  })

  // Text is UTF-8, whatever is in it.
  check('a body of text in every script', async (session) => {
    const text = 'snö ☃ 日本語 עברית 😀\u0000\u{10ffff}"\\\''
    const delivery = await roundTrip(session, textMessage(text, { contentEncoding: 'utf-8' }))
    assert.equal(textOf(delivery), text)
  })

  // Arguments may be large.
  check(`a body of ${largestBody} bytes`, async (session) => {
    const body = new Uint8Array(largestBody)
    for (let index = 0; index < body.length; index++) body[index] = (index * 31) % 251
    const delivery = await roundTrip(session, { body, properties: {}, headers: {} })
    assert.ok(Buffer.from(body).equals(delivery.body))
  })
}

function exerciseOrder(
  { features, keepsOrder = true, manyMessages = 10_000 }: TransportSubject,
  check: TransportTest,
): void {
  // Same queue, same producer: first in, first out.
  check('messages keep their order', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    const texts = Array.from({ length: 300 }, (_, index) => String(index))
    await publishTexts(channel, queue, texts.slice(0, 200))
    const rest = texts.slice(200).map((text) => {
      return channel.publish(textMessage(text), { exchange: '', routingKey: queue })
    })
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    await collector.wait(texts.length)
    await Promise.all(rest)
    assert.deepEqual(
      keepsOrder ? collector.texts : new Set(collector.texts),
      keepsOrder ? texts : new Set(texts),
    )
  })

  // Many messages at once: each comes once, none is missing.
  check(`${manyMessages} messages`, async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    const texts = Array.from({ length: manyMessages }, (_, index) => `message ${index}`)
    const collector = new Collector(({ tag }) => void channel.ack([tag]))
    await channel.prefetch(100)
    await channel.consume(queue, collector.deliver)
    await publishTexts(channel, queue, texts)
    await collector.wait(texts.length)
    assert.deepEqual([...collector.texts].sort(), texts.sort())
    await until(async () => (await session.status(channel, queue)).messages === 0)
  })

  if (features.priorities.levels > 0) {
    // Urgent ones first: which end that is, the broker says.
    check('messages come in the order of their priority [5-101]', async (session) => {
      const channel = await session.channel()
      const queue = await session.queue(channel, { arguments: { 'x-max-priority': 10 } })
      const priorities = [6, 0, 9, 3, 0, 9, 6, 3]
      await Promise.all(
        priorities.map((priority, index) =>
          channel.publish(textMessage(`${priority}/${index}`, { priority }), {
            exchange: '',
            routingKey: queue,
          }),
        ),
      )
      const expected = ['0/1', '0/4', '3/3', '3/7', '6/0', '6/6', '9/2', '9/5']
      if (!features.priorities.lowFirst) {
        expected.sort((one, other) => Number.parseInt(other, 10) - Number.parseInt(one, 10))
      }
      const collector = new Collector()
      await channel.consume(queue, collector.deliver)
      await collector.wait(priorities.length)
      assert.deepEqual(collector.texts, expected)
    })
  }

  if (features.messageTtl) {
    // A command that is too old must not be carried out.
    check('an expired message is not delivered', async (session) => {
      const channel = await session.channel()
      const queue = await session.queue(channel)
      const target = { exchange: '', routingKey: queue }
      await channel.publish(textMessage('late', { expiration: '1' }), target)
      await until(async () => (await session.status(channel, queue)).messages === 0)
      await channel.publish(textMessage('in time', { expiration: '3600000' }), target)
      const delivery = await channel.get(queue)
      assert.equal(delivery && textOf(delivery), 'in time')
    })
  }
}
