/** Queues that go with their last consumer, wherever that is. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Channel, Transport } from '../../src/messaging/transport.ts'
import { amqpTransport } from '../../src/messaging/transports/amqp/transport.ts'
import { createMemoryTransport } from '../../src/messaging/transports/memory.ts'
import { redisTransport } from '../../src/messaging/transports/redis/transport.ts'
import { sqliteTransport } from '../../src/messaging/transports/sqlite/transport.ts'
import { Collector, textMessage } from '../../src/testing/conformance/transport-session.ts'
import { onCleanup } from '../support/cleanup.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq } from '../support/servers/rabbitmq.ts'
import { startRedis } from '../support/servers/redis.ts'
import { tempDir } from '../support/temp-dir.ts'
import { transportOptions } from './amqp-connect.ts'

/** A channel on a connection of its own, on which the queue is declared and bound. */
async function channelOf(t: TestContext, transport: Transport, url: string): Promise<Channel> {
  const connection = await transport.connect(transportOptions(url))
  onCleanup(
    t,
    () => connection.close(),
    () => undefined,
  )
  const channel = await connection.openChannel()
  const flags = { durable: true, autoDelete: false, arguments: {} }
  await channel.declareExchange({ name: 'shared', type: 'direct', ...flags })
  await channel.declareQueue({ name: 'shared', exclusive: false, ...flags, autoDelete: true })
  await channel.bind({ queue: 'shared', exchange: 'shared', routingKey: 'k', arguments: {} })
  return channel
}

async function check(t: TestContext, transport: Transport, url: string): Promise<void> {
  const [one, other] = [await channelOf(t, transport, url), await channelOf(t, transport, url)]
  const consumer = await one.consume('shared', () => undefined)
  const collector = new Collector(({ tag }) => void other.ack([tag]))
  await other.consume('shared', collector.deliver)
  await consumer.cancel()
  await other.publish(textMessage('a'), { exchange: 'shared', routingKey: 'k', mandatory: true })
  await collector.wait(1)
  assert.deepEqual(collector.texts, ['a'])
}

const STAYS = 'an auto-delete queue stays while others consume it'

test(`memory: ${STAYS}`, (t) => check(t, createMemoryTransport(), 'memory://'))

test(`sqlite: ${STAYS}`, (t) => check(t, sqliteTransport, `sqlite:///${join(tempDir(t), 'broker.sqlite3')}`))

test(`Redis: ${STAYS}`, needs('redis-server'), async (t) =>
  check(t, redisTransport, (await startRedis(t)).url),
)

test(`RabbitMQ: ${STAYS}`, needs('rabbitmq-server'), async (t) => {
  await check(t, amqpTransport, (await (await sharedRabbitmq()).newVhost(t)).url)
})
