import { createServer } from 'node:net'

/** Below the range from which Linux takes the ports of outgoing connections, which could snatch a free one. */
const LOWEST = 12_000
const HIGHEST = 32_000

/**
 * Finds a TCP port on which nobody listens. Ports are tried at random, so that test files that run at the same
 * time hardly meet. A server that was stopped can be started again on the port it had.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    if (await isFree(port)) {
      return port
    }
  }
  throw new Error(`No free TCP port found between ${LOWEST} and ${HIGHEST} in 100 tries.`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
