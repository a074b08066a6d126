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
  /** Milliseconds from the start of the process to its word that it is ready. */
  readonly startup: number
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

/** Starts a worker; settles when it says `ready`. */
export async function startWorker(command: Command, env: NodeJS.ProcessEnv): Promise<RunningWorker> {
  const start = performance.now()
  const child = spawn(command.program, command.args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString()
      if (/ready\./.test(output)) resolve()
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', (code) =>
      reject(new Error(`${command.program} ${command.args.join(' ')} ended with ${code}\n${output}`)),
    )
  })
  const startup = performance.now() - start
  const pid = child.pid ?? 0
  return {
    pid,
    startup,
    stop: async () => {
      if (child.exitCode !== null) return
      child.kill('SIGTERM')
      const gone = await Promise.race([once(child, 'exit'), sleep(10_000, undefined, { ref: false })])
      if (gone === undefined) process.kill(-pid, 'SIGKILL')
    },
  }
}

/** Tasks per second while the queue empties, from the first that is gone to the last. */
export async function drainRate(length: () => Promise<number>, limitSeconds = 120): Promise<number> {
  const full = await length()
  const deadline = performance.now() + limitSeconds * 1000
  let first: { readonly length: number; readonly time: number } | undefined
  for (;;) {
    const now = await length()
    const time = performance.now()
    if (first === undefined && now < full) first = { length: now, time }
    if (now === 0) return first === undefined ? Number.NaN : first.length / ((time - first.time) / 1000)
    if (time > deadline)
      throw new Error(`the queue still has ${now} of ${full} messages after ${limitSeconds} s`)
    await sleep(5)
  }
}

/** Resident memory of a process and its children in MiB. */
export function memory(pid: number): number {
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', `${pid}`], { encoding: 'utf8' }).trim()
  const pids = [pid, ...children.split(/\s+/).filter(Boolean).map(Number)]
  return pids.reduce((sum, each) => sum + rss(each), 0)
}

function rss(pid: number): number {
  const match = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? 0) / 1024
}
