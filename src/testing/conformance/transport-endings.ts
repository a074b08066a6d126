import assert from 'node:assert/strict'
import { ChannelError, ConnectionError } from '../../errors.ts'
import type { TransportSubject, TransportTest } from './transport-session.ts'
import { Collector, drainTexts, publishTexts, tagsOf, textMessage, until } from './transport-session.ts'

/** Endings: what is not done goes back, what was promised is kept, and who comes late is told. */
export function exerciseTransportEndings(subject: TransportSubject, check: TransportTest): void {
  exerciseGivingBack(check)
  exerciseClosed(check)
  if (subject.features.persistent && subject.restart !== undefined) exerciseRestart(subject, check)
}

function exerciseGivingBack(check: TransportTest): void {
  for (const end of ['channel', 'connection'] as const) {
    // A worker that stops gives its unfinished work to the others, in the old order.
    check(`closing the ${end} gives unsettled deliveries back [5-100]`, async (session) => {
      const connection = await session.connect()
      const channel = await connection.openChannel()
      const queue = await session.queue(channel)
      await publishTexts(channel, queue, ['a', 'b', 'c', 'd'])
      await channel.prefetch(3)
      const collector = new Collector()
      await channel.consume(queue, collector.deliver)
      const deliveries = await collector.wait(3)
      await channel.ack(tagsOf(deliveries.slice(0, 1)))
      await collector.wait(4)
      await (end === 'channel' ? channel : connection).close()

      const other = await session.channel()
      await until(async () => (await session.status(other, queue)).messages === 3)
      const again = new Collector()
      await other.consume(queue, again.deliver)
      await again.wait(3)
      assert.deepEqual(again.texts, ['b', 'c', 'd'])
      assert.ok(again.deliveries.every(({ redelivered }) => redelivered))
    })
  }

  // The last words of a worker count.
  check('acknowledgements made just before the close count', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a', 'b'])
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    const deliveries = await collector.wait(2)
    const acknowledged = channel.ack(tagsOf(deliveries))
    await channel.close()
    await acknowledged
    assert.deepEqual(await drainTexts(await connection.openChannel(), queue), [])
  })

  // What was handed over before the close is published, or refused aloud.
  check('messages published just before the close are stored', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    const published = publishTexts(channel, queue, ['a', 'b'])
    await channel.close()
    await published
    assert.deepEqual(await drainTexts(await connection.openChannel(), queue), ['a', 'b'])
  })
}

function exerciseClosed(check: TransportTest): void {
  // Closing twice happens in every shutdown.
  check('closing is idempotent and settles closed', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    await Promise.all([channel.close(), channel.close()])
    await channel.close()
    assert.equal(await channel.closed, undefined)
    await Promise.all([connection.close(), connection.close()])
    await connection.close()
    assert.equal(await connection.closed, undefined)
  })

  // Channels end with their connection.
  check('closing the connection closes its channels', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    await connection.close()
    assert.equal(await channel.closed, undefined)
  })

  // Nobody must believe that a message was sent.
  check('calls on a closed channel reject with ChannelError', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    await channel.close()
    const target = { exchange: '', routingKey: queue }
    await assert.rejects(channel.publish(textMessage('a'), target), ChannelError)
    await assert.rejects(channel.get(queue), ChannelError)
    await assert.rejects(channel.purge(queue), ChannelError)
    await assert.rejects(
      channel.consume(queue, () => undefined),
      ChannelError,
    )
    await assert.rejects(channel.ack([1]), ChannelError)
    assert.equal((await session.status(await connection.openChannel(), queue)).messages, 0)
  })

  // The error says that connecting again helps.
  check('calls on a closed connection reject with ConnectionError', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    await connection.close()
    await assert.rejects(connection.openChannel(), ConnectionError)
    await assert.rejects(channel.publish(textMessage('a'), { exchange: '', routingKey: queue }), (error) => {
      return error instanceof ConnectionError && error.recoverable
    })
    await assert.rejects(channel.ack([1]), ConnectionError)
  })
}

function exerciseRestart({ restart }: TransportSubject, check: TransportTest): void {
  // A broker may be restarted while nobody is there.
  check('messages survive a restart of the broker', async (session, t) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['held', 'waiting'])
    await channel.get(queue)
    await session.disconnect()
    await restart?.(t)
    assert.deepEqual(await drainTexts(await session.channel(), queue), ['held', 'waiting'])
  })
}
