/**
 * The ledger: tasks with late acknowledgement write down that they ran, while their workers are killed or their
 * broker is restarted. Every call that the broker confirmed must be in the book in the end; twice is allowed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { createLedgerApp } from './ledger-app.ts'
import { type RunningProcess, startProcess } from './spawn.ts'
import { tempDir } from './temp-dir.ts'

const ROOT = join(import.meta.dirname, '../..')

/** What happens in a run. */
export interface LedgerOptions {
  readonly broker: string
  readonly tasks: number
  readonly pool: 'async' | 'prefork'
  readonly workers: number
  /** How often a random process of a worker is killed with -9, spread over the run. */
  readonly kills: number
  /** Called `disturbances` times, spread over the run; e.g. restarts the broker. */
  readonly disturb?: () => Promise<void>
  readonly disturbances?: number
  /** `brokerTransportOptions`. */
  readonly transportOptions?: Readonly<Record<string, unknown>>
  /** Milliseconds a task takes. */
  readonly duration: number
  /** Seconds from a call to its task, asked for each; default: at once. */
  readonly countdown?: () => number
  /** Milliseconds until everything must have run after the last disturbance. */
  readonly patience: number
  /** Picks numbers in [0, 1): a seeded one makes a run repeatable. */
  readonly random: () => number
  readonly log?: (line: string) => void
}

/** What came out. */
export interface LedgerResult {
  /** Calls that the broker confirmed. */
  readonly confirmed: number
  /** Confirmed calls that never ran. */
  readonly missing: readonly string[]
  /** Runs of confirmed calls beyond the first. */
  readonly repeated: number
  readonly kills: number
  readonly disturbances: number
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Does a run; everything it started is gone when it settles. */
export async function runLedger(options: LedgerOptions): Promise<LedgerResult> {
  const folder = tempDir(undefined, 'celeriac-ledger')
  const file = join(folder, 'ledger.txt')
  writeFileSync(file, '')
  const place = { file, broker: options.broker, transportOptions: options.transportOptions ?? {} }
  const env = { LEDGER: JSON.stringify(place) }
  const { app, mark } = createLedgerApp(place)
  const workers = await Promise.all(
    Array.from({ length: options.workers }, (_, i) => startWorker(i, options, env)),
  )
  const confirmed = new Set<string>()
  let kills = 0
  let disturbances = 0
  const steps = options.kills + (options.disturbances ?? 0)
  const chaos = steps === 0 ? Number.POSITIVE_INFINITY : Math.floor(options.tasks / (steps + 1))
  for (let sent = 0; sent < options.tasks; ) {
    const batch = Array.from({ length: Math.min(50, options.tasks - sent) }, () => `${sent++}`)
    await Promise.all(
      batch.map((entry) =>
        mark
          .applyAsync([entry, options.duration], {
            ...(options.countdown && { countdown: options.countdown() }),
          })
          .then(() => confirmed.add(entry), options.log),
      ),
    )
    while (sent > (kills + disturbances + 1) * chaos && kills + disturbances < steps) {
      // Let the workers get near the producer, so that they are killed in the middle of their work.
      await eventually(() => executed(file).size >= confirmed.size - 2 * chaos, { timeout: options.patience })
      if (disturbances < (options.disturbances ?? 0) && (disturbances <= kills || kills >= options.kills)) {
        disturbances += 1
        await options.disturb?.()
      } else {
        kills += 1
        await killOne(workers, options, env)
      }
    }
  }
  await eventually(() => [...confirmed].every((entry) => executed(file).has(entry)), {
    timeout: options.patience,
  }).catch(options.log)
  await app.close()
  await Promise.all(workers.map((worker) => worker.stop()))
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  const book = new Set(lines)
  return {
    confirmed: confirmed.size,
    missing: [...confirmed].filter((entry) => !book.has(entry)),
    repeated:
      lines.filter((line) => confirmed.has(line)).length -
      [...confirmed].filter((entry) => book.has(entry)).length,
    kills,
    disturbances,
  }
}

function executed(file: string): ReadonlySet<string> {
  return new Set(readFileSync(file, 'utf8').split('\n'))
}

async function startWorker(
  index: number,
  options: LedgerOptions,
  env: NodeJS.ProcessEnv,
): Promise<RunningProcess> {
  const size = options.pool === 'async' ? ['-P', 'async', '-c', '20'] : ['-c', '2']
  const args = [
    'src/cli/main.ts',
    '-A',
    'test/support/ledger-app.ts',
    'worker',
    '-l',
    'INFO',
    '-n',
    `w${index}@%h`,
    ...size,
  ]
  const worker = startProcess(process.execPath, args, { cwd: ROOT, env })
  await worker.waitForOutput(/ready\./)
  return worker
}

/** Kills a worker, or one of its processes, and starts another in its place. */
async function killOne(
  workers: RunningProcess[],
  options: LedgerOptions,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const index = Math.floor(options.random() * workers.length)
  const worker = workers[index]
  if (worker === undefined) return
  const children = childrenOf(worker.pid)
  const child = children[Math.floor(options.random() * children.length)]
  if (child !== undefined && options.random() < 0.5) {
    options.log?.(`kill -9 process ${child} of worker ${index}`)
    process.kill(child, 'SIGKILL')
    return
  }
  options.log?.(`kill -9 worker ${index}`)
  // The process alone, not its group: its children must notice by themselves.
  process.kill(worker.pid, 'SIGKILL')
  await worker.wait()
  workers[index] = await startWorker(index, options, env)
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}
