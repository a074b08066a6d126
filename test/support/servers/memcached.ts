import { connect } from 'node:net'
import type { CleanupContext } from '../cleanup.ts'
import { eventually } from '../eventually.ts'
import { freePort } from '../free-port.ts'
import { requireProgram } from '../require-server.ts'
import type { RunningProcess } from '../spawn.ts'
import { startProcess } from '../spawn.ts'

export interface MemcachedServer {
  /** `127.0.0.1:port`. */
  readonly address: string
  /** Sends one command in the text protocol, with data if there are; answers the whole reply. */
  command(line: string, data?: string): Promise<string>
  /** Kills the server as a crash would. */
  kill(): Promise<void>
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>
}

/** Starts a private Memcached on a free port of 127.0.0.1. It ends with the test `t`, or with this process. */
export async function startMemcached(t?: CleanupContext): Promise<MemcachedServer> {
  const program = requireProgram('memcached')
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const args = [...user, '-p', `${port}`, '-U', '0', '-l', '127.0.0.1', '-m', '64', '-I', '4m']
  const start = async (): Promise<RunningProcess> => {
    const server = startProcess(program, args, { t })
    await eventually(async () => (await ask(port, 'version')).startsWith('VERSION'), {
      message: `memcached answers on port ${port}`,
    })
    return server
  }
  let running = await start()
  return {
    address: `127.0.0.1:${port}`,
    command: (line, data) => ask(port, data === undefined ? line : `${line}\r\n${data}`),
    kill: () => running.kill(),
    async restart() {
      running = await start()
    },
  }
}

function ask(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(`${request}\r\nquit\r\n`))
    let reply = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      reply += chunk
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(reply))
  })
}
