import type { TimerHandle } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import { Fifo } from '../util/fifo.ts'
import { JobContext } from './job-context.ts'
import type {
  Pool,
  PoolFeatures,
  PoolInfo,
  PoolJob,
  PoolOutcome,
  PoolRunOptions,
  Runner,
  RunnerSource,
} from './pool.ts'

/** So many that were taken back may stand in line with those that wait. */
const MOST_WITHDRAWN = 100

/**
 * Runs up to `size` jobs at once on this event loop. With size 1 it is Celery's `solo` pool; Celery's eventlet and
 * gevent are answered by it, too.
 *
 * A job is *waiting* (no slot was free), then *running*, then *settled*. JavaScript cannot be stopped from outside:
 * at a hard time limit or on `terminate` the job's signal fires and its `run` settles at once, so its slot is free for
 * others; whatever the code still does is ignored. One that has done its work, and only waits for others, is let be.
 */
export class AsyncPool implements Pool {
  readonly features: PoolFeatures = {
    terminates: false,
    resizes: true,
    isolates: false,
    processes: false,
  }
  readonly #implementation: string
  #size: number
  #runner: Runner | undefined
  #stopping = false
  /** Jobs that have not ended, by id. */
  readonly #jobs = new Map<string, Entry>()
  readonly #waiting = new Fifo<Entry>()
  /** How many of those that wait have been taken back. */
  #withdrawn = 0
  #running = 0
  #idle: (() => void) | undefined
  #stopped: Promise<void> | undefined

  constructor(options: { readonly size: number; readonly implementation?: string }) {
    this.#size = options.size
    this.#implementation = options.implementation ?? 'async'
  }

  get size(): number {
    return this.#size
  }

  async start(source: RunnerSource): Promise<void> {
    const runner = await source.create()
    if (this.#stopping) await runner.close()
    else this.#runner = runner
  }

  run(job: PoolJob, options?: PoolRunOptions): Promise<PoolOutcome> {
    return new Promise((resolve) => {
      const entry: Entry = {
        job,
        accepted: options?.accepted,
        resolve,
        context: new JobContext(),
        timers: undefined,
        running: false,
        settled: false,
      }
      if (this.#stopping) {
        resolve({ kind: 'terminated', signal: 'SIGTERM' })
        return
      }
      this.#jobs.set(job.id, entry)
      if (this.#running < this.#size) this.#begin(entry)
      else this.#waiting.push(entry)
    })
  }

  terminate(id: string, signal: string): boolean {
    const entry = this.#jobs.get(id)
    if (entry === undefined || entry.context.isReleased) return false
    entry.context.abort('terminate')
    this.#settle(entry, { kind: 'terminated', signal })
    return true
  }

  withdraw(id: string): void {
    const entry = this.#jobs.get(id)
    if (entry?.running === false) this.#settle(entry, { kind: 'terminated', signal: 'SIGTERM' })
  }

  resize(size: number): Promise<void> {
    this.#size = size
    this.#fill()
    return Promise.resolve()
  }

  info(): PoolInfo {
    return {
      implementation: this.#implementation,
      maxConcurrency: this.#size,
      processes: [],
      running: this.#running,
    }
  }

  stop(options: { readonly graceful: boolean }): Promise<void> {
    this.#stopping = true
    if (!options.graceful) this.#abortAll()
    this.#stopped ??= this.#whenIdle().then(() => this.#runner?.close())
    return this.#stopped
  }

  #abortAll(): void {
    // Those that wait first: otherwise each slot that becomes free is given to one of them.
    const entries = [...this.#jobs.values()].toSorted(
      (one, other) => Number(one.running) - Number(other.running),
    )
    for (const entry of entries) {
      entry.context.abort('shutdown')
      this.#settle(entry, { kind: 'terminated', signal: 'SIGTERM' })
    }
  }

  #whenIdle(): Promise<void> {
    if (this.#jobs.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idle = resolve
    })
  }

  #begin(entry: Entry): void {
    const runner = this.#runner
    if (runner === undefined)
      throw new Error('AsyncPool.run: the pool was not started; await pool.start() first')
    const { job, context } = entry
    this.#running += 1
    entry.running = true
    if (job.softTimeLimit !== undefined || job.timeLimit !== undefined) this.#limit(entry)
    entry.accepted?.(process.pid)
    runner.run(job.data, context).then(
      (value) => this.#settle(entry, { kind: 'returned', value }),
      () => this.#settle(entry, { kind: 'lost', exitCode: undefined, signal: undefined }),
    )
  }

  #limit(entry: Entry): void {
    const { softTimeLimit, timeLimit } = entry.job
    entry.timers = []
    if (softTimeLimit !== undefined) {
      entry.timers.push(systemClock.setTimeout(() => entry.context.abort('soft'), softTimeLimit))
    }
    if (timeLimit !== undefined) {
      const expire = (): void => {
        if (entry.context.isReleased) return
        entry.context.abort('timeout')
        this.#settle(entry, { kind: 'timeout', limit: timeLimit })
      }
      entry.timers.push(systemClock.setTimeout(expire, timeLimit))
    }
  }

  #settle(entry: Entry, outcome: PoolOutcome): void {
    if (entry.settled) return
    entry.settled = true
    this.#jobs.delete(entry.job.id)
    if (entry.running) this.#running -= 1
    else this.#leaveLine()
    if (entry.timers !== undefined) for (const timer of entry.timers) timer.cancel()
    entry.resolve(outcome)
    this.#fill()
    if (this.#idle !== undefined && this.#jobs.size === 0) this.#idle()
  }

  #fill(): void {
    while (this.#running < this.#size) {
      const entry = this.#waiting.shift()
      if (entry === undefined) return
      if (entry.settled) this.#withdrawn -= 1
      else this.#begin(entry)
    }
  }

  /** While no slot becomes free nobody looks at those that were taken back, and there may be more and more of them. */
  #leaveLine(): void {
    this.#withdrawn += 1
    if (this.#withdrawn < MOST_WITHDRAWN || this.#withdrawn * 2 < this.#waiting.size) return
    for (let left = this.#waiting.size; left > 0; left -= 1) {
      const entry = this.#waiting.shift()
      if (entry?.settled === false) this.#waiting.push(entry)
    }
    this.#withdrawn = 0
  }
}

interface Entry {
  readonly job: PoolJob
  readonly accepted: ((pid: number) => void) | undefined
  readonly resolve: (outcome: PoolOutcome) => void
  readonly context: JobContext
  timers: TimerHandle[] | undefined
  running: boolean
  settled: boolean
}
