import { availableParallelism } from 'node:os'
import type {
  Pool,
  PoolFeatures,
  PoolInfo,
  PoolJob,
  PoolOutcome,
  PoolRunOptions,
  RunnerSource,
} from '../pool.ts'
import type { ChildExit } from './child-handle.ts'
import { ChildHandle } from './child-handle.ts'

/** Options of the prefork pool. */
export interface PreforkOptions {
  /** Child processes. Default: the number of cores. Celery: `worker_concurrency`. */
  readonly processes?: number
  /** Jobs one child runs at once. Default 1. */
  readonly tasksPerProcess?: number
  /** A child is replaced after that many jobs. Celery: `worker_max_tasks_per_child`. */
  readonly maxTasksPerChild?: number | undefined
  /** Milliseconds between asking a job to end and killing its process. Default 500. */
  readonly killGrace?: number
  /** Told when a child could not be replaced or a runner misbehaved. */
  readonly warn?: (message: string) => void
}

const RESPAWN_DELAY_MS = 1000

/**
 * Runs jobs in child processes: what a job does, a crash included, harms its own process only.
 *
 * A job is *waiting* until a child has a free slot, *handed over*, *accepted* when the child starts it, and settled
 * when the child answers, when its process is gone (`lost`), when it was ended by `terminate`, or at its hard time
 * limit. A child that ends is replaced at once, unless the pool is stopping or shrinking. Jobs are only handed to
 * children with a free slot (Celery's `-O fair`), so a long job never holds up another behind it.
 */
export class PreforkPool implements Pool {
  readonly features: PoolFeatures = { terminates: true, resizes: true, processes: true }
  readonly #perProcess: number
  readonly #maxTasksPerChild: number | undefined
  readonly #killGrace: number
  readonly #warn: (message: string) => void
  #processes: number
  #source: RunnerSource | undefined
  readonly #children = new Set<ChildHandle>()
  readonly #waiting = new Map<string, Entry>()
  readonly #running = new Map<string, Entry>()
  #stopping = false
  #stopped: Promise<void> | undefined
  #quiet: (() => void) | undefined
  #respawn: NodeJS.Timeout | undefined

  constructor(options: PreforkOptions = {}) {
    this.#processes = options.processes ?? availableParallelism()
    this.#perProcess = options.tasksPerProcess ?? 1
    this.#maxTasksPerChild = options.maxTasksPerChild
    this.#killGrace = options.killGrace ?? 500
    this.#warn = options.warn ?? ((): void => {})
  }

  get size(): number {
    return this.#processes * this.#perProcess
  }

  async start(source: RunnerSource): Promise<void> {
    this.#source = source
    const children = Array.from({ length: this.#processes }, () => this.#spawn())
    try {
      await Promise.all(children.map((child) => child.ready))
    } catch (error) {
      this.#stopping = true
      for (const child of this.#children) child.kill()
      throw error
    }
  }

  run(job: PoolJob, options?: PoolRunOptions): Promise<PoolOutcome> {
    return new Promise((resolve) => {
      const entry: Entry = {
        job,
        accepted: options?.accepted,
        resolve,
        child: undefined,
        ending: undefined,
        timer: undefined,
      }
      if (this.#stopping) return resolve({ kind: 'terminated', signal: 'SIGTERM' })
      const child = this.#freeChild()
      if (child === undefined) this.#waiting.set(job.id, entry)
      else this.#handOver(entry, child)
    })
  }

  terminate(id: string, signal: string): boolean {
    const waiting = this.#waiting.get(id)
    if (waiting !== undefined) {
      this.#settle(waiting, { kind: 'terminated', signal })
      return true
    }
    const entry = this.#running.get(id)
    if (entry === undefined) return false
    this.#end(entry, { kind: 'terminated', signal }, signal === 'SIGKILL' ? 0 : this.#killGrace)
    return true
  }

  resize(size: number): Promise<void> {
    this.#processes = Math.max(1, Math.ceil(size / this.#perProcess))
    const serving = [...this.#children].filter((child) => !child.retiring)
    for (const child of serving.slice(this.#processes)) child.retire()
    return this.#replenish()
  }

  info(): PoolInfo {
    return {
      implementation: 'prefork',
      maxConcurrency: this.size,
      processes: [...this.#children].map((child) => child.pid),
      running: this.#running.size,
    }
  }

  stop(options: { readonly graceful: boolean }): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#respawn)
    if (!options.graceful) this.#abortAll()
    this.#stopped ??= this.#shutDown()
    return this.#stopped
  }

  async #shutDown(): Promise<void> {
    await this.#when(() => this.#waiting.size === 0 && this.#running.size === 0)
    for (const child of this.#children) child.retire()
    await this.#when(() => this.#children.size === 0)
  }

  #abortAll(): void {
    for (const entry of this.#waiting.values()) this.#settle(entry, { kind: 'terminated', signal: 'SIGTERM' })
    for (const entry of this.#running.values()) {
      entry.child?.abort(entry.job.id, 'shutdown')
      this.#end(entry, { kind: 'terminated', signal: 'SIGTERM' }, this.#killGrace)
    }
    for (const child of this.#children) if (!child.serving) child.kill()
  }

  /** Ends a running job by force: asks, then kills its process after `grace` milliseconds. */
  #end(entry: Entry, outcome: PoolOutcome, grace: number): void {
    if (entry.ending !== undefined) return
    entry.ending = outcome
    clearTimeout(entry.timer)
    const { child, job } = entry
    if (child === undefined) return
    if (grace === 0) {
      child.kill()
      return
    }
    child.abort(job.id, 'terminate')
    entry.timer = setTimeout(() => child.kill(), grace)
  }

  #freeChild(): ChildHandle | undefined {
    let best: ChildHandle | undefined
    for (const child of this.#children) {
      if (!child.serving || child.retiring || child.jobs.size >= this.#perProcess) continue
      if (best === undefined || child.jobs.size < best.jobs.size) best = child
    }
    return best
  }

  #handOver(entry: Entry, child: ChildHandle): void {
    const { id, data, softTimeLimit, timeLimit } = entry.job
    entry.child = child
    this.#running.set(id, entry)
    child.run(id, data, softTimeLimit)
    if (timeLimit !== undefined) {
      entry.timer = setTimeout(() => this.#end(entry, { kind: 'timeout', limit: timeLimit }, 0), timeLimit)
    }
  }

  #settle(entry: Entry, outcome: PoolOutcome): void {
    this.#waiting.delete(entry.job.id)
    this.#running.delete(entry.job.id)
    clearTimeout(entry.timer)
    entry.resolve(outcome)
    this.#quiet?.()
  }

  /** Hands waiting jobs to children with free slots. */
  #fill(): void {
    for (const [id, entry] of this.#waiting) {
      const child = this.#freeChild()
      if (child === undefined) return
      this.#waiting.delete(id)
      this.#handOver(entry, child)
    }
  }

  #spawn(): ChildHandle {
    const source = this.#source
    if (source === undefined)
      throw new Error('PreforkPool.run: the pool was not started; await pool.start() first')
    const child: ChildHandle = new ChildHandle(source, {
      accepted: (id) => this.#running.get(id)?.accepted?.(child.pid),
      done: (id, value) => this.#finished(child, id, { kind: 'returned', value }),
      broken: (id, message) => {
        this.#warn(`the runner of process ${child.pid} failed for job ${id}: ${message}`)
        this.#finished(child, id, { kind: 'lost', exitCode: undefined, signal: undefined })
      },
      exited: (exit) => this.#exited(child, exit),
    })
    this.#children.add(child)
    return child
  }

  #finished(child: ChildHandle, id: string, outcome: PoolOutcome): void {
    const entry = this.#running.get(id)
    if (entry !== undefined) this.#settle(entry, entry.ending ?? outcome)
    if (
      this.#maxTasksPerChild !== undefined &&
      child.completed >= this.#maxTasksPerChild &&
      !child.retiring
    ) {
      child.retire()
      void this.#replenish()
    }
    this.#fill()
  }

  #exited(child: ChildHandle, exit: ChildExit): void {
    this.#children.delete(child)
    for (const id of child.jobs) {
      const entry = this.#running.get(id)
      if (entry !== undefined) this.#settle(entry, entry.ending ?? { kind: 'lost', ...exit })
    }
    this.#quiet?.()
    void this.#replenish()
  }

  /** Starts children until there are enough; one that cannot start is tried again after a pause. */
  async #replenish(): Promise<void> {
    const missing = this.#processes - [...this.#children].filter((child) => !child.retiring).length
    if (this.#stopping || missing <= 0 || this.#respawn?.hasRef()) return
    const children = Array.from({ length: missing }, () => this.#spawn())
    try {
      await Promise.all(children.map((child) => child.ready.then(() => this.#fill())))
    } catch (error) {
      for (const child of children) if (!child.serving) child.kill()
      this.#warn(`a child process could not start: ${error instanceof Error ? error.message : String(error)}`)
      this.#respawn = setTimeout(() => {
        this.#respawn = undefined
        void this.#replenish()
      }, RESPAWN_DELAY_MS)
    }
  }

  /** Settles when `condition` holds; looked at whenever a job or a process ended. */
  async #when(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#quiet = resolve
      })
    }
    this.#quiet = undefined
  }
}

interface Entry {
  readonly job: PoolJob
  readonly accepted: ((pid: number) => void) | undefined
  readonly resolve: (outcome: PoolOutcome) => void
  child: ChildHandle | undefined
  /** Set once the job is being ended by force: how it will be reported. */
  ending: PoolOutcome | undefined
  timer: NodeJS.Timeout | undefined
}
