import type { CleanupContext } from '../cleanup.ts'
import { eventually } from '../eventually.ts'
import { freePort } from '../free-port.ts'
import { requireProgram } from '../require-server.ts'
import type { RunningProcess } from '../spawn.ts'
import { startProcess } from '../spawn.ts'
import { tempDir } from '../temp-dir.ts'
import { redisCommand } from './redis-command.ts'

export interface RedisOptions {
  /** Keep the data over a restart. Default: what is in memory is lost with the process. */
  readonly appendonly?: boolean
  /** More options of redis-server, such as `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[]
}

export interface RedisServer {
  /** `redis://127.0.0.1:port`, without a database number. */
  readonly url: string
  readonly port: number
  /** The data folder. */
  readonly dir: string
  readonly pid: number
  /** Sends one command, words parted by blanks; answers the values of the reply: `['PONG']`. */
  command(line: string): Promise<string[]>
  /** Shuts down in order (SIGTERM: an append-only file is flushed). */
  stop(): Promise<void>
  /** Kills the server as a crash would. */
  kill(): Promise<void>
  /** Starts it again on the same port and data folder; stops it first when it runs. */
  restart(): Promise<void>
}

/** Starts a private Redis on a free port of 127.0.0.1. It ends with the test `t`, or with this process. */
export async function startRedis(t?: CleanupContext, options: RedisOptions = {}): Promise<RedisServer> {
  const program = requireProgram('redis-server')
  const dir = tempDir(t, 'celeriac-redis')
  const port = await freePort()
  const args = [
    ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', ''],
    ...['--appendonly', options.appendonly ? 'yes' : 'no', '--appendfsync', 'always'],
    ...(options.args ?? []),
  ]
  let running: RunningProcess | undefined
  const start = async (): Promise<RunningProcess> => {
    const server = startProcess(program, args, { t })
    await eventually(async () => (await redisCommand(port, 'PING'))[0] === 'PONG', {
      message: `redis-server answers on port ${port}`,
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${server.output()}`, { cause: error })
    })
    return server
  }
  const stop = async (): Promise<void> => {
    await running?.stop()
    running = undefined
  }
  running = await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    dir,
    get pid() {
      return running?.pid ?? -1
    },
    command: (line) => redisCommand(port, line),
    stop,
    async kill() {
      await running?.kill()
      running = undefined
    },
    async restart() {
      await stop()
      running = await start()
    },
  }
}
