import type { TransportConnection } from '../messaging/transport.ts'
import type { ConsumedQueue } from './consumer.ts'

const PASSIVE = { durable: true, exclusive: false, autoDelete: false, passive: true, arguments: {} }

/** How many messages wait in queues. Asks on a channel of its own, which an unknown queue may close. */
export async function countWaitingMessages(
  connection: TransportConnection,
  queues: readonly ConsumedQueue[],
): Promise<number> {
  const channel = await connection.openChannel()
  try {
    let messages = 0
    for (const { name } of queues) messages += (await channel.declareQueue({ ...PASSIVE, name })).messages
    return messages
  } finally {
    await channel.close()
  }
}
