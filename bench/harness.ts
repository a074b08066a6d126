/** Starts workers and producers of contenders, and watches how fast a queue empties. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A command line. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
}

/** A worker that runs. */
export interface RunningWorker {
  readonly pid: number
  /** When its process was started, on the monotonic clock. */
  readonly started: number
  /** Rejects when it ends by itself. */
  readonly failed: Promise<never>
  stop(): Promise<void>
}

/** Runs a producer to its end and reads its answer. */
export function produce(command: Command, env: NodeJS.ProcessEnv): Record<string, number> {
  const output = execFileSync(command.program, command.args, {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(output.trim().split('\n').at(-1) ?? '{}')
}

/** Starts a worker. It may take a while until it is ready; who asks it for something notices. */
export function startWorker(command: Command, env: NodeJS.ProcessEnv): RunningWorker {
  const started = performance.now()
  const child = spawn(command.program, command.args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  const read = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const pid = child.pid ?? 0
  return {
    pid,
    started,
    failed: once(child, 'exit').then(([code]) => {
      throw new Error(`${command.program} ${command.args.join(' ')} ended with ${code}\n${output}`)
    }),
    stop: async () => {
      if (child.exitCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await Promise.race([exited, sleep(10_000, undefined, { ref: false })])
      try {
        process.kill(-pid, 'SIGKILL')
      } catch (error) {
        // ESRCH: the whole group is gone, as it should.
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
      }
    },
  }
}

/** How a queue emptied. */
export interface Drain {
  /** Tasks per second, from the first that was gone to the last. */
  readonly rate: number
  /** When the first was gone, on the monotonic clock. */
  readonly begun: number
}

/** Watches a queue that holds `full` messages until it is empty. */
export async function watchDrain(
  full: number,
  length: () => Promise<number>,
  limitSeconds = 60,
): Promise<Drain> {
  const deadline = performance.now() + limitSeconds * 1000
  let first: { readonly length: number; readonly time: number } | undefined
  for (;;) {
    const now = await length()
    const time = performance.now()
    if (first === undefined && now < full) first = { length: now, time }
    if (now === 0 && first !== undefined) {
      return { rate: first.length / ((time - first.time) / 1000), begun: first.time }
    }
    if (time > deadline)
      throw new Error(`the queue still has ${now} of ${full} messages after ${limitSeconds} s`)
    await sleep(2)
  }
}

/** Resident memory of a process and its children in MiB. */
export function memory(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const pids = [pid, ...children.split(' ').filter(Boolean).map(Number)]
  return pids.reduce((sum, each) => sum + rss(each), 0)
}

function rss(pid: number): number {
  const match = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? 0) / 1024
}
