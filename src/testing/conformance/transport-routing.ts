import assert from 'node:assert/strict'
import { ChannelError, PublishError } from '../../errors.ts'
import type { Channel } from '../../messaging/transport.ts'
import type { Session, TransportSubject, TransportTest } from './transport-session.ts'
import { Collector, drainTexts, textMessage, textOf } from './transport-session.ts'

/** Exchanges: direct, topic, fanout, and what they do with messages that nobody is bound for. */
export function exerciseTransportRouting(subject: TransportSubject, check: TransportTest): void {
  if (subject.features.exchangeTypes.has('direct')) exerciseDirect(check)
  if (subject.features.exchangeTypes.has('topic')) exerciseTopic(check)
  if (subject.features.exchangeTypes.has('fanout')) exerciseFanout(check)
  exerciseMisuse(subject, check)
}

/** Publishes one message for each key, with the key as its text. */
async function publishKeys(channel: Channel, exchange: string, keys: readonly string[]): Promise<void> {
  await Promise.all(
    keys.map((routingKey) => channel.publish(textMessage(routingKey), { exchange, routingKey })),
  )
}

async function boundQueue(
  session: Session,
  channel: Channel,
  exchange: string,
  routingKey: string,
): Promise<string> {
  const queue = await session.queue(channel)
  await channel.bind({ queue, exchange, routingKey, arguments: {} })
  return queue
}

function exerciseDirect(check: TransportTest): void {
  // The default exchange knows every queue by its name, without any binding.
  check('the default exchange routes to the queue of that name [5-095]', async (session) => {
    const channel = await session.channel()
    const [one, two] = [await session.queue(channel), await session.queue(channel)]
    await publishKeys(channel, '', [one, two])
    assert.deepEqual(await drainTexts(channel, one), [one])
    assert.deepEqual(await drainTexts(channel, two), [two])
  })

  // Direct exchanges compare keys as they are, wildcards included.
  check('a direct exchange routes by equal keys [5-095]', async (session) => {
    const channel = await session.channel()
    const exchange = await session.exchange(channel, 'direct')
    const one = await boundQueue(session, channel, exchange, 'one')
    const star = await boundQueue(session, channel, exchange, '*')
    await publishKeys(channel, exchange, ['one', 'two', '*'])
    assert.deepEqual(await drainTexts(channel, one), ['one'])
    assert.deepEqual(await drainTexts(channel, star), ['*'])
  })

  // A queue that is bound twice gets one copy; two queues get one each.
  check('every bound queue gets a message once', async (session) => {
    const channel = await session.channel()
    const exchange = await session.exchange(channel, 'direct')
    const one = await boundQueue(session, channel, exchange, 'key')
    await channel.bind({ queue: one, exchange, routingKey: 'key', arguments: {} })
    const two = await boundQueue(session, channel, exchange, 'key')
    await publishKeys(channel, exchange, ['key'])
    assert.deepEqual(await drainTexts(channel, one), ['key'])
    assert.deepEqual(await drainTexts(channel, two), ['key'])
  })

  // Bindings can be taken back.
  check('unbinding ends the routing', async (session) => {
    const channel = await session.channel()
    const exchange = await session.exchange(channel, 'direct')
    const queue = await boundQueue(session, channel, exchange, 'kept')
    await channel.bind({ queue, exchange, routingKey: 'gone', arguments: {} })
    await channel.unbind({ queue, exchange, routingKey: 'gone', arguments: {} })
    await publishKeys(channel, exchange, ['gone', 'kept'])
    assert.deepEqual(await drainTexts(channel, queue), ['kept'])
  })

  // Producers and consumers are different programs, so bindings must be seen across connections.
  check('a binding holds for other connections, too', async (session) => {
    const channel = await session.channel()
    const exchange = await session.exchange(channel, 'direct')
    const queue = await boundQueue(session, channel, exchange, 'key')
    const other = await session.channel()
    await publishKeys(other, exchange, ['key'])
    assert.deepEqual(await drainTexts(channel, queue), ['key'])
  })
}

function exerciseTopic(check: TransportTest): void {
  const matches: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['a.*', ['a.b', 'a.c'], ['a', 'a.b.c', 'b.a']],
    ['a.#', ['a', 'a.b', 'a.b.c'], ['ab', 'b.a']],
    ['#', ['', 'a', 'a.b.c'], []],
    ['*.b.*', ['a.b.c'], ['b', 'a.b', 'b.b', 'a.c.b']],
    ['#.b', ['b', 'a.b', 'a.a.b'], ['b.a', 'ab']],
    ['a.#.z', ['a.z', 'a.b.z', 'a.b.c.z'], ['a', 'az', 'z.a']],
    ['a+b.(c)', ['a+b.(c)'], ['aab.c', 'ab.c']],
  ]
  for (const [pattern, fitting, others] of matches) {
    // Events are filtered this way: task.#, worker.heartbeat and so on.
    check(
      `topic ${pattern} gets ${fitting.join(' ')} and not ${others.join(' ')} [5-096]`,
      async (session) => {
        const channel = await session.channel()
        const exchange = await session.exchange(channel, 'topic')
        const queue = await boundQueue(session, channel, exchange, pattern)
        await publishKeys(channel, exchange, [...others, ...fitting])
        assert.deepEqual([...(await drainTexts(channel, queue))].sort(), [...fitting].sort())
      },
    )
  }
}

function exerciseFanout(check: TransportTest): void {
  // Remote control commands reach every worker.
  check('a fanout exchange gives everybody who listens a copy [5-097]', async (session) => {
    const listeners = await Promise.all([session.channel(), session.channel()])
    const producer = await session.channel()
    const exchange = await session.exchange(producer, 'fanout')
    const collectors: Collector[] = []
    for (const channel of listeners) {
      await channel.declareExchange({
        name: exchange,
        type: 'fanout',
        durable: true,
        autoDelete: false,
        arguments: {},
      })
      const queue = await boundQueue(session, channel, exchange, '')
      const collector = new Collector(({ tag }) => void channel.ack([tag]))
      await channel.consume(queue, collector.deliver)
      collectors.push(collector)
    }
    for (const text of ['a', 'b', 'c']) {
      await producer.publish(textMessage(text), { exchange, routingKey: '' })
    }
    for (const collector of collectors) {
      await collector.wait(3)
      assert.deepEqual(collector.texts, ['a', 'b', 'c'])
    }
  })

  // Consumers of broadcasts may be slow: their prefetch limit holds, and nothing is lost.
  check('broadcasts respect the prefetch limit', async (session) => {
    const channel = await session.channel()
    const exchange = await session.exchange(channel, 'fanout')
    const queue = await boundQueue(session, channel, exchange, '')
    await channel.prefetch(1)
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    await publishKeys(channel, exchange, ['a', 'b'])
    const [first] = await collector.wait(1)
    assert.equal(collector.deliveries.length, 1)
    await channel.ack([first?.tag ?? ''])
    const [, second] = await collector.wait(2)
    assert.equal(second && textOf(second), 'b')
  })

  // Broadcasting into the void is what an idle cluster does all day.
  check('a broadcast that nobody listens to is no error', async (session) => {
    const channel = await session.channel()
    const exchange = await session.exchange(channel, 'fanout')
    await channel.publish(textMessage('a'), { exchange, routingKey: '' })
  })

  // A cancelled listener hears nothing more.
  check('a cancelled consumer gets no broadcasts', async (session) => {
    const channel = await session.channel()
    const exchange = await session.exchange(channel, 'fanout')
    const [stopped, running] = [new Collector(), new Collector()]
    const handle = await channel.consume(await boundQueue(session, channel, exchange, ''), stopped.deliver, {
      noAck: true,
    })
    await channel.consume(await boundQueue(session, channel, exchange, ''), running.deliver, { noAck: true })
    await handle.cancel()
    await publishKeys(channel, exchange, ['a'])
    await running.wait(1)
    assert.deepEqual(stopped.texts, [])
  })
}

function exerciseMisuse({ features }: TransportSubject, check: TransportTest): void {
  // Two programs that disagree about an exchange must hear of it.
  check('declaring an exchange again with another type fails with ChannelError', async (session) => {
    const channel = await session.channel()
    const name = await session.exchange(channel, 'direct')
    const again = { name, type: 'topic', durable: true, autoDelete: false, arguments: {} }
    await assert.rejects(channel.declareExchange(again), ChannelError)
  })

  if (!features.exchangeTypes.has('headers')) {
    // Only AMQP has headers exchanges; to ignore that would lose messages.
    check('a headers exchange is refused where there is none [5-098]', async (session) => {
      const channel = await session.channel()
      const headers = { name: 'conformance.headers', type: 'headers', durable: true, autoDelete: false }
      await assert.rejects(channel.declareExchange({ ...headers, arguments: {} }), ChannelError)
    })
  }

  // What nobody is bound for vanishes, unless the producer asks to be told.
  check('a message that no queue is bound for is dropped [5-099 12-054]', async (session) => {
    const channel = await session.channel()
    const exchange = await session.exchange(channel, 'direct')
    await channel.publish(textMessage('a'), { exchange, routingKey: 'nobody' })
    if (!features.mandatory) return
    await assert.rejects(
      channel.publish(textMessage('a'), { exchange, routingKey: 'nobody', mandatory: true }),
      PublishError,
    )
    const queue = await boundQueue(session, channel, exchange, 'somebody')
    await channel.publish(textMessage('b'), { exchange, routingKey: 'somebody', mandatory: true })
    assert.deepEqual(await drainTexts(channel, queue), ['b'])
  })
}
