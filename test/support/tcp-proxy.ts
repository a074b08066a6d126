import type { Server, Socket } from 'node:net'
import { createConnection, createServer } from 'node:net'
import type { CleanupContext } from './cleanup.ts'
import { onCleanup } from './cleanup.ts'
import { freePort } from './free-port.ts'

export interface TcpProxy {
  readonly port: number
  /** Client connections that are open now. */
  readonly connections: number
  /** Client connections since the start: tells whether somebody has reconnected. */
  readonly accepted: number
  /** The same URL through the proxy: host and port are replaced. */
  through(url: string): string
  /** Breaks all open connections with a reset, as a crashed host does. New ones are welcome at once. */
  cut(): void
  /** Breaks all connections and refuses new ones until {@link TcpProxy.resume}. */
  refuse(): Promise<void>
  /** Lets connections stay open and new ones be accepted, but moves not one byte more: a silent network. */
  stall(): void
  /** Lets one of the open connections fall silent: the first is number 0. */
  stallOne(number: number): void
  /** Ends `refuse` and `stall`; what has stalled flows on. */
  resume(): Promise<void>
  stop(): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly upstream: Socket
}

/** Puts a proxy between a client and the server at `target` on this machine, which fails on command. */
export async function startTcpProxy(t: CleanupContext | undefined, target: number): Promise<TcpProxy> {
  const port = await freePort()
  const pairs = new Set<Pair>()
  let accepted = 0
  let stalled = false
  const server = createServer({ noDelay: true }, (client) => {
    accepted += 1
    const pair = { client, upstream: createConnection({ host: '127.0.0.1', port: target, noDelay: true }) }
    pairs.add(pair)
    join(pair, () => pairs.delete(pair))
    if (stalled) {
      hush(pair)
    }
  })
  const cut = (): void => {
    for (const { client, upstream } of pairs) {
      client.resetAndDestroy()
      upstream.destroy()
    }
  }
  const refuse = async (): Promise<void> => {
    const closed = close(server)
    cut()
    await closed
  }
  await listen(server, port)
  onCleanup(t, refuse, cut)
  if (!t) {
    server.unref()
  }
  return {
    port,
    get connections() {
      return pairs.size
    },
    get accepted() {
      return accepted
    },
    through(url) {
      const changed = new URL(url)
      changed.hostname = '127.0.0.1'
      changed.port = `${port}`
      return changed.href
    },
    cut,
    refuse,
    stall() {
      stalled = true
      for (const pair of pairs) {
        hush(pair)
      }
    },
    stallOne(number) {
      const pair = [...pairs][number]
      if (pair !== undefined) hush(pair)
    },
    async resume() {
      if (stalled) {
        for (const { client, upstream } of pairs) {
          client.pipe(upstream)
          upstream.pipe(client)
        }
      }
      stalled = false
      if (!server.listening) {
        await listen(server, port)
      }
    },
    stop: refuse,
  }
}

function join({ client, upstream }: Pair, ended: () => void): void {
  client.pipe(upstream)
  upstream.pipe(client)
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    // An error is always followed by `close`, which is where the other side learns of it.
    one.on('error', () => {})
    one.once('close', () => {
      other.destroy()
      ended()
    })
  }
}

/** Stops reading on both sides; what was read already has been written. */
function hush({ client, upstream }: Pair): void {
  for (const socket of [client, upstream]) {
    socket.unpipe()
    socket.pause()
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}
