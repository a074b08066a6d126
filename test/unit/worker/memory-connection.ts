import type { TransportConnection, TransportOptions } from '../../../src/messaging/transport.ts'
import { resolveTransport } from '../../../src/messaging/transports/resolve-transport.ts'
import { uuid } from '../../../src/util/uuid.ts'

/** A broker in memory that nobody else knows. */
export function memoryBroker(): TransportOptions {
  return {
    url: `memory://${uuid()}`,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'test',
  }
}

/** A connection to a broker in memory. */
export async function memoryConnection(t: {
  after(fn: () => Promise<void>): void
}): Promise<TransportConnection> {
  const transport = await resolveTransport('memory://')
  const connection = await transport.connect(memoryBroker())
  t.after(() => connection.close())
  return connection
}
