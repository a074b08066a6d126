import assert from 'node:assert/strict'
import { ChannelError } from '../../errors.ts'
import { Deferred } from '../../util/deferred.ts'
import type { TransportSubject, TransportTest } from './transport-session.ts'
import {
  Collector,
  drainTexts,
  publishTexts,
  tagsOf,
  textMessage,
  textOf,
  until,
} from './transport-session.ts'

/** Consumers: deliveries, acknowledgements, prefetch, cancelling, sharing. */
export function exerciseTransportConsuming(_subject: TransportSubject, check: TransportTest): void {
  exerciseAcknowledging(check)
  exerciseRejecting(check)
  exercisePrefetch(check)
  exerciseCancelling(check)
  exerciseConsumers(check)
  exerciseSharing(check)
}

function exerciseAcknowledging(check: TransportTest): void {
  // A delivery says where it comes from.
  check('a delivery carries its queue, exchange and routing key', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    const exchange = await session.exchange(channel, 'direct')
    await channel.bind({ queue, exchange, routingKey: 'key', arguments: {} })
    await channel.publish(textMessage('a'), { exchange, routingKey: 'key' })
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    const [delivery] = await collector.wait(1)
    assert.deepEqual(
      [delivery?.queue, delivery?.exchange, delivery?.routingKey, delivery?.redelivered],
      [queue, exchange, 'key', false],
    )
  })

  // Acknowledged messages never come back.
  check('acknowledged messages are gone [5-100]', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a', 'b', 'c'])
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    await channel.ack(tagsOf(await collector.wait(3)))
    await channel.close()
    assert.deepEqual(await drainTexts(await connection.openChannel(), queue), [])
  })

  // Each message is settled by itself, in whatever order the work is done.
  check('acknowledging one delivery leaves the others held', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a', 'b', 'c'])
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    const deliveries = await collector.wait(3)
    await channel.ack(tagsOf(deliveries.slice(1, 2)))
    await channel.close()
    const other = await connection.openChannel()
    await until(async () => (await session.status(other, queue)).messages === 2)
    assert.deepEqual(await drainTexts(other, queue), ['a', 'c'])
  })
}

function exerciseRejecting(check: TransportTest): void {
  // Poison that nobody wants again.
  check('rejected messages are dropped [5-100]', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a', 'b'])
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    await channel.reject(tagsOf(await collector.wait(2)), { requeue: false })
    await channel.close()
    assert.deepEqual(await drainTexts(await connection.openChannel(), queue), [])
  })

  // Work that somebody else should try.
  check('requeued messages come again, marked as redelivered [5-100]', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    await channel.publish(textMessage('a', { correlationId: 'id' }, { header: 1 }), {
      exchange: '',
      routingKey: queue,
    })
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    await channel.reject(tagsOf(await collector.wait(1)), { requeue: true })
    const [first, second] = await collector.wait(2)
    assert.deepEqual([first?.redelivered, second?.redelivered], [false, true])
    assert.equal(second && textOf(second), 'a')
    assert.deepEqual([second?.properties.correlationId, second?.headers['header']], ['id', 1])
    await channel.ack([second?.tag ?? ''])
    assert.equal((await session.status(channel, queue)).messages, 0)
  })

  // Monitors read along without ever answering.
  check('a consumer with noAck holds nothing', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    const collector = new Collector()
    await channel.prefetch(1)
    await channel.consume(queue, collector.deliver, { noAck: true })
    await publishTexts(channel, queue, ['a', 'b', 'c'])
    await collector.wait(3)
    await channel.close()
    assert.deepEqual(await drainTexts(await connection.openChannel(), queue), [])
  })
}

function exercisePrefetch(check: TransportTest): void {
  // What a worker cannot start yet stays where others can get it.
  check('no more than the prefetch count is delivered', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a', 'b', 'c', 'd', 'e'])
    await channel.prefetch(2)
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    const deliveries = await collector.wait(2)
    assert.equal((await session.status(channel, queue)).messages, 3)
    await channel.ack(tagsOf(deliveries.slice(0, 1)))
    await collector.wait(3)
    assert.equal((await session.status(channel, queue)).messages, 2)
    await channel.ack(tagsOf(deliveries.slice(1, 3)))
    await collector.wait(5)
    assert.deepEqual(collector.texts, ['a', 'b', 'c', 'd', 'e'])
  })

  // Autoscaling and tasks with an ETA raise the count of a running consumer.
  check('a larger prefetch count counts at once, and 0 is no limit', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    const texts = Array.from({ length: 50 }, (_, index) => String(index))
    await publishTexts(channel, queue, texts)
    await channel.prefetch(1)
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    await collector.wait(1)
    await channel.prefetch(3)
    await collector.wait(3)
    assert.equal((await session.status(channel, queue)).messages, 47)
    await channel.prefetch(0)
    await collector.wait(50)
    assert.deepEqual(collector.texts, texts)
  })

  // Rejected deliveries make room, too.
  check('rejecting makes room for the next delivery', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['a', 'b'])
    await channel.prefetch(1)
    const collector = new Collector()
    await channel.consume(queue, collector.deliver)
    await channel.reject(tagsOf(await collector.wait(1)), { requeue: false })
    await collector.wait(2)
    assert.deepEqual(collector.texts, ['a', 'b'])
  })
}

function exerciseCancelling(check: TransportTest): void {
  // A worker that is told to stop consuming a queue still finishes what it has.
  check('a cancelled consumer gets nothing more and keeps what it has', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    await publishTexts(channel, queue, ['held'])
    const collector = new Collector()
    const handle = await channel.consume(queue, collector.deliver)
    const [held] = await collector.wait(1)
    await handle.cancel()
    await handle.cancel()
    await publishTexts(channel, queue, ['later'])
    assert.deepEqual(await drainTexts(await session.channel(), queue), ['later'])
    assert.deepEqual(collector.texts, ['held'])
    await channel.ack([held?.tag ?? ''])
    await channel.close()
    assert.deepEqual(await drainTexts(await session.channel(), queue), [])
  })

  // A worker starts and stops consuming queues while it runs.
  check('a queue can be consumed again after its consumer was cancelled', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    const [first, second] = [new Collector(), new Collector()]
    await (await channel.consume(queue, first.deliver)).cancel()
    await publishTexts(channel, queue, ['a'])
    await channel.consume(queue, second.deliver)
    await second.wait(1)
    assert.deepEqual([first.texts, second.texts], [[], ['a']])
  })
}

function exerciseConsumers(check: TransportTest): void {
  // A worker has one channel for all its queues.
  check('one channel consumes several queues', async (session) => {
    const channel = await session.channel()
    const queues = [await session.queue(channel), await session.queue(channel), await session.queue(channel)]
    const collectors = queues.map(() => new Collector(({ tag }) => void channel.ack([tag])))
    await channel.prefetch(1)
    for (const [index, queue] of queues.entries()) {
      await channel.consume(queue, collectors[index]?.deliver ?? (() => undefined))
      await publishTexts(channel, queue, [`${index}a`, `${index}b`])
    }
    for (const [index, collector] of collectors.entries()) {
      await collector.wait(2)
      assert.deepEqual(collector.texts, [`${index}a`, `${index}b`])
    }
  })

  // An idle worker is woken, whoever publishes.
  check('messages published later reach a waiting consumer, from any connection', async (session) => {
    const channel = await session.channel()
    const queue = await session.queue(channel)
    const collector = new Collector(({ tag }) => void channel.ack([tag]))
    await channel.consume(queue, collector.deliver)
    const other = await session.channel()
    for (const [index, publisher] of [channel, other, other, channel].entries()) {
      await publishTexts(publisher, queue, [String(index)])
      await collector.wait(index + 1)
    }
    assert.deepEqual(collector.texts, ['0', '1', '2', '3'])
  })

  // Deleting a queue must not leave its consumers waiting for ever.
  check('a consumer is told when its queue is deleted', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    const told = new Deferred<Error>()
    await channel.consume(queue, () => undefined, { cancelled: (reason) => told.resolve(reason) })
    await (await connection.openChannel()).deleteQueue(queue)
    assert.ok((await told.promise) instanceof Error)
  })

  // An exclusive consumer has the queue for itself.
  check('an exclusive consumer keeps others out', async (session) => {
    const connection = await session.connect()
    const channel = await connection.openChannel()
    const queue = await session.queue(channel)
    const collector = new Collector()
    await channel.consume(queue, collector.deliver, { exclusive: true })
    const other = await connection.openChannel()
    await assert.rejects(
      other.consume(queue, () => undefined),
      ChannelError,
    )
    await publishTexts(channel, queue, ['a'])
    await collector.wait(1)
  })
}

function exerciseSharing(check: TransportTest): void {
  // Two workers on one queue: all the work is done, and none of it twice.
  check('two consumers share a queue without loss and without duplicates', async (session) => {
    const [producer, ...workers] = [await session.channel(), await session.channel(), await session.channel()]
    const queue = await session.queue(producer)
    const texts = Array.from({ length: 1000 }, (_, index) => String(index))
    const all = new Collector()
    const counts: number[] = []
    for (const [index, worker] of workers.entries()) {
      counts.push(0)
      await worker.prefetch(10)
      await worker.consume(queue, (delivery) => {
        counts[index] = (counts[index] ?? 0) + 1
        all.deliver(delivery)
        void worker.ack([delivery.tag])
      })
    }
    await publishTexts(producer, queue, texts)
    await all.wait(texts.length)
    assert.deepEqual([...all.texts].sort(), texts.sort())
    assert.ok(
      counts.every((count) => count > 0),
      `both must have had a share: ${counts.join(', ')}`,
    )
    assert.ok(all.deliveries.every(({ redelivered }) => !redelivered))
  })
}
