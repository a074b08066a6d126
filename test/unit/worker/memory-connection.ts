import type { TransportConnection } from '../../../src/messaging/transport.ts'
import { resolveTransport } from '../../../src/messaging/transports/resolve-transport.ts'

/** A connection to a broker in memory. */
export async function memoryConnection(t: {
  after(fn: () => Promise<void>): void
}): Promise<TransportConnection> {
  const transport = await resolveTransport('memory://')
  const connection = await transport.connect({
    url: `memory://steps-${Math.random()}`,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'test',
  })
  t.after(() => connection.close())
  return connection
}
