import { createServer } from 'node:net'

/** Below the range from which Linux takes the ports of outgoing connections, which could snatch a free one. */
const LOWEST = 12_000
const HIGHEST = 32_000
/** How many ports a process has for itself before it comes to those of the next. */
const SLICE = 40

const slices = (HIGHEST - LOWEST) / SLICE
let next = (process.pid % slices) * SLICE

/**
 * Finds a TCP port on which nobody listens. Test files run at the same time, in processes with numbers near each other:
 * each has ports of its own and gives out each once, so that a server which is slow to start, or was stopped and is to
 * start again on the port it had, finds it free.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < HIGHEST - LOWEST; attempt++) {
    const port = LOWEST + next
    next = (next + 1) % (HIGHEST - LOWEST)
    if (await isFree(port)) {
      return port
    }
  }
  throw new Error(`No TCP port between ${LOWEST} and ${HIGHEST} is free.`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
