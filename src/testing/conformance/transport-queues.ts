import assert from 'node:assert/strict'
import { ChannelError } from '../../errors.ts'
import type { TransportSubject, TransportTest } from './transport-session.ts'
import { drainTexts, publishTexts, textMessage, textOf, until } from './transport-session.ts'

/** Queues: declare, count, purge, get, delete. */
export function exerciseTransportQueues(subject: TransportSubject, check: TransportTest): void {
  exerciseDeclaring(subject, check)
  exerciseDeleting(subject, check)
  exerciseGetting(subject, check)
}

function exerciseDeclaring({ knowsQueues = true }: TransportSubject, check: TransportTest): void {
  // A worker counts what waits for it by declaring its queue again.
  check('declaring a queue again counts its messages', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a', 'b'])
    const status = await session.status(channel, queue)
    assert.deepEqual([status.name, status.messages], [queue, 2])
  })

  // Queues without a name of their own get one from the broker.
  check('a queue declared without a name gets one', async (session) => {
    const channel = await session.channel()
    const flags = { durable: false, exclusive: true, autoDelete: true, arguments: {} }
    const { name } = await channel.declareQueue({ name: '', ...flags })
    assert.notEqual(name, '')
    await publishTexts(channel, name, ['a'])
    assert.equal((await channel.get(name))?.queue, name)
  })

  if (!knowsQueues) return
  // Passive declaration finds out whether somebody else has declared the queue.
  check('looking for a queue that is not there fails with ChannelError', async (session) => {
    const channel = await session.channel()
    await assert.rejects(session.status(channel, 'conformance.nobody-has-declared-this'), ChannelError)
    const other = await session.channel()
    const queue = await session.queue(other)
    assert.equal((await session.status(other, queue)).messages, 0)
  })
}

function exerciseDeleting({ knowsQueues = true }: TransportSubject, check: TransportTest): void {
  // `celery purge` tells how many messages it has thrown away.
  check('purging empties a queue and counts what was in it', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a', 'b', 'c'])
    assert.equal(await channel.purge(queue), 3)
    assert.equal(await channel.purge(queue), 0)
    assert.equal(await channel.get(queue), undefined)
  })

  // What is in the hands of a consumer is not waiting, so purging does not touch it.
  check('purging leaves held messages alone', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['held', 'waiting'])
    const held = await channel.get(queue)
    assert.equal(await channel.purge(queue), 1)
    await channel.reject([held?.tag ?? ''], { requeue: true })
    await until(async () => (await session.status(channel, queue)).messages === 1)
    assert.deepEqual(await drainTexts(channel, queue), ['held'])
  })

  // Deleting counts, too, and need not know whether the queue is there.
  check('deleting a queue counts its messages, and is no error the second time', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a', 'b'])
    assert.equal(await channel.deleteQueue(queue), 2)
    assert.equal(await channel.deleteQueue(queue), 0)
  })

  // Deleting with a condition must not lose messages.
  check('deleting a queue only if it is empty spares one that is not', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a'])
    await assert.rejects(channel.deleteQueue(queue, { ifEmpty: true }), ChannelError)
    assert.deepEqual(await drainTexts(await session.channel(), queue), ['a'])
  })

  // Deleting with a condition must not take a queue away from a consumer.
  check('deleting a queue only if it is unused spares one that is consumed', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    await channel.consume(queue, () => undefined)
    const other = await connection.openChannel()
    await assert.rejects(other.deleteQueue(queue, { ifUnused: true }), ChannelError)
    assert.equal((await session.status(channel, queue)).consumers, 1)
  })

  if (!knowsQueues) return
  // Reply queues must not pile up in the broker.
  check('an auto-delete queue goes with its last consumer', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel, { autoDelete: true })
    const first = await channel.consume(queue, () => undefined)
    const second = await channel.consume(queue, () => undefined)
    await first.cancel()
    assert.equal((await session.status(channel, queue)).messages, 0)
    await second.cancel()
    await assert.rejects(session.status(channel, queue), ChannelError)
  })
}

function exerciseGetting(_subject: TransportSubject, check: TransportTest): void {
  // Reading without consuming: one message at a time, oldest first.
  check('get takes messages one by one, oldest first', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    assert.equal(await channel.get(queue), undefined)
    await publishTexts(channel, queue, ['a', 'b'])
    assert.deepEqual(await drainTexts(channel, queue), ['a', 'b'])
    assert.equal(await channel.get(queue), undefined)
  })

  // What was got without acknowledgement is gone at once.
  check('get with noAck settles at once', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a'])
    const delivery = await channel.get(queue, { noAck: true })
    assert.equal(delivery && textOf(delivery), 'a')
    await channel.close()
    const other = await connection.openChannel()
    assert.equal(await other.get(queue), undefined)
  })

  // What was got and not acknowledged goes back when the channel closes.
  check('what get took is given back when the channel closes [5-100]', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    await channel.publish(textMessage('a'), { exchange: '', routingKey: queue })
    assert.equal((await channel.get(queue))?.redelivered, false)
    await channel.close()
    const other = await connection.openChannel()
    await until(async () => (await session.status(other, queue)).messages === 1)
    assert.equal((await other.get(queue))?.redelivered, true)
  })
}
