import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CleanupContext } from '../cleanup.ts'
import { eventually } from '../eventually.ts'
import { freePort } from '../free-port.ts'
import { requireProgram } from '../require-server.ts'
import type { RunningProcess } from '../spawn.ts'
import { startProcess } from '../spawn.ts'
import { tempDir } from '../temp-dir.ts'
import type { RedisServer } from './redis.ts'
import { startRedis } from './redis.ts'
import { redisCommand } from './redis-command.ts'

export interface SentinelOptions {
  /** Default `mymaster`. */
  readonly masterName?: string
  /** Number of sentinels, which must agree by majority; default 1. */
  readonly sentinels?: number
}

export interface SentinelCluster {
  readonly masterName: string
  /** `sentinel://127.0.0.1:port`, several joined by `;` as Celery writes them. */
  readonly url: string
  readonly ports: readonly number[]
  /** The server that is master at the start. */
  readonly master: RedisServer
  readonly replica: RedisServer
  /** The port of the present master, as the first sentinel sees it. */
  masterPort(): Promise<number>
  /** Kills the master and waits until the sentinels have made the replica the new one. */
  failOver(): Promise<void>
}

/** Starts a Redis master, a replica and sentinels that watch them, all on free ports of 127.0.0.1. */
export async function startSentinel(
  t?: CleanupContext,
  options: SentinelOptions = {},
): Promise<SentinelCluster> {
  const { masterName = 'mymaster', sentinels = 1 } = options
  const master = await startRedis(t)
  const replica = await startRedis(t, {
    args: ['--replicaof', '127.0.0.1', `${master.port}`, '--repl-diskless-sync-delay', '0'],
  })
  // A sentinel that asks the master before it has its replica asks again only after ten seconds.
  await eventually(async () => (await master.command('ROLE')).includes(`${replica.port}`), {
    message: 'the master knows the replica',
  })
  const ports = await Promise.all(Array.from({ length: sentinels }, freePort))
  for (const port of ports) {
    await startOne(t, { port, masterName, masterPort: master.port, quorum: Math.floor(sentinels / 2) + 1 })
  }
  const [first = 0] = ports
  const masterPort = (): Promise<number> => masterPortOf(first, masterName)
  await eventually(async () => (await sentinelField(first, masterName, 'num-slaves')) === '1', {
    message: 'the sentinel knows the replica',
  })
  await eventually(
    async () => (await sentinelField(first, masterName, 'num-other-sentinels')) === `${sentinels - 1}`,
    {
      message: 'the sentinels know each other',
    },
  )
  return {
    masterName,
    url: ports.map((port) => `sentinel://127.0.0.1:${port}`).join(';'),
    ports,
    master,
    replica,
    masterPort,
    async failOver() {
      await master.kill()
      await eventually(async () => (await masterPort()) === replica.port, {
        message: 'the sentinels promote the replica',
      })
      await eventually(async () => (await redisCommand(replica.port, 'ROLE'))[0] === 'master', {
        message: 'the new master takes writes',
      })
    },
  }
}

interface OneSentinel {
  readonly port: number
  readonly masterName: string
  readonly masterPort: number
  readonly quorum: number
}

async function startOne(
  t: CleanupContext | undefined,
  { port, masterName, masterPort, quorum }: OneSentinel,
): Promise<RunningProcess> {
  const dir = tempDir(t, 'celeriac-sentinel')
  const file = join(dir, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir "${dir}"`,
    `sentinel monitor ${masterName} 127.0.0.1 ${masterPort} ${quorum}`,
    `sentinel down-after-milliseconds ${masterName} 500`,
    `sentinel failover-timeout ${masterName} 2000`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const running = startProcess(requireProgram('redis-server'), [file, '--sentinel'], { t })
  await eventually(async () => (await redisCommand(port, 'PING'))[0] === 'PONG', {
    message: `the sentinel answers on port ${port}`,
  })
  return running
}

async function masterPortOf(sentinel: number, masterName: string): Promise<number> {
  const [, port] = await redisCommand(sentinel, `SENTINEL GET-MASTER-ADDR-BY-NAME ${masterName}`)
  return Number(port)
}

async function sentinelField(
  sentinel: number,
  masterName: string,
  field: string,
): Promise<string | undefined> {
  const values = await redisCommand(sentinel, `SENTINEL MASTER ${masterName}`)
  return values[values.indexOf(field) + 1]
}
