import { connect as connectClient } from 'amqplib'
import type { Channel, TransportConnection, TransportOptions } from '../../src/messaging/transport.ts'
import { amqpTransport } from '../../src/messaging/transports/amqp/transport.ts'
import type { CleanupContext } from '../support/cleanup.ts'
import { onCleanup } from '../support/cleanup.ts'

/** Options to connect with, as an app would make them. */
export function transportOptions(url: string, more: Partial<TransportOptions> = {}): TransportOptions {
  return {
    url,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'celeriac tests',
    ...more,
  }
}

/** A connection that ends with the test. */
export async function connect(
  t: CleanupContext,
  url: string,
  more: Partial<TransportOptions> = {},
): Promise<TransportConnection> {
  const connection = await amqpTransport.connect(transportOptions(url, more))
  onCleanup(
    t,
    () => connection.close(),
    () => undefined,
  )
  return connection
}

/** Whether the broker can limit a channel as a whole: RabbitMQ does so no more since version 4. */
export async function limitsChannels(url: string): Promise<boolean> {
  const model = await connectClient(url)
  const { version } = model.connection.serverProperties
  await model.close()
  return Number.parseInt(String(version), 10) < 4
}

/** A channel on a connection of its own. */
export async function openChannel(
  t: CleanupContext,
  url: string,
  more: Partial<TransportOptions> = {},
): Promise<Channel> {
  return (await connect(t, url, more)).openChannel()
}

/** Declares a durable queue without any specials. */
export async function declareQueue(
  channel: Channel,
  name: string,
  args: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await channel.declareQueue({ name, durable: true, exclusive: false, autoDelete: false, arguments: args })
}

/** How many messages wait in a queue, and how many consumers it has. */
export async function statusOf(
  channel: Channel,
  name: string,
): Promise<{ readonly messages: number; readonly consumers: number }> {
  const { messages, consumers } = await channel.declareQueue({
    name,
    durable: true,
    exclusive: false,
    autoDelete: false,
    passive: true,
    arguments: {},
  })
  return { messages, consumers }
}
