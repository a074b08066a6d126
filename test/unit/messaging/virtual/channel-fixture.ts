import type { Delivery } from '../../../../src/messaging/message.ts'
import type { Channel, TransportConnection } from '../../../../src/messaging/transport.ts'
import { virtualTransport } from '../../../../src/messaging/virtual/virtual-transport.ts'
import { Collector, textMessage } from '../../../../src/testing/conformance/transport-session.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { FakeStore } from './fake-store.ts'

/** A channel on a store that does what the test says. */
export interface Fixture {
  readonly store: FakeStore
  readonly clock: VirtualClock
  readonly connection: TransportConnection
  readonly channel: Channel
}

/** @param change is done to the store before the connection is opened. */
export async function fixture(
  change: (store: FakeStore) => void = () => undefined,
  transportOptions: Readonly<Record<string, unknown>> = {},
): Promise<Fixture> {
  const store = new FakeStore()
  change(store)
  const clock = new VirtualClock()
  const transport = virtualTransport({ name: 'fake', open: async () => store, clock })
  const connection = await transport.connect({
    url: 'fake://',
    transportOptions,
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'test',
  })
  return { store, clock, connection, channel: await connection.openChannel() }
}

/** Publishes a text. */
export function publish(channel: Channel, text: string, routingKey = 'q', exchange = ''): Promise<void> {
  return channel.publish(textMessage(text), { exchange, routingKey })
}

/** Publishes and waits until they are delivered. */
export async function delivered(
  channel: Channel,
  count: number,
  react?: (delivery: Delivery) => void,
): Promise<Collector> {
  const collector = new Collector(react)
  await channel.consume('q', collector.deliver)
  await Promise.all(Array.from({ length: count }, (_, index) => publish(channel, String(index))))
  await collector.wait(count)
  return collector
}

/** Lets the event loop turn. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
