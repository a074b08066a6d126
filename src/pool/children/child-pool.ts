import { availableParallelism } from 'node:os'
import { ImproperlyConfigured } from '../../errors.ts'
import type { TimerHandle } from '../../util/clock.ts'
import { systemClock } from '../../util/clock.ts'
import type {
  Pool,
  PoolFeatures,
  PoolInfo,
  PoolJob,
  PoolOutcome,
  PoolRunOptions,
  RunnerSource,
} from '../pool.ts'
import { ChildHandle, howOf } from './child-handle.ts'
import { isPoolChild } from './entry.ts'
import type { ChildExit, OpenChild } from './frames.ts'
import { Pace } from './pace.ts'

/** Options of the pools `prefork` and `threads`, whose children are processes and threads. */
export interface ChildPoolOptions {
  /** Children. Default: the number of cores. Celery: `worker_concurrency`. */
  readonly processes?: number
  /** Jobs one child runs at once. Default 1. */
  readonly tasksPerProcess?: number
  /** A child is replaced after that many jobs. Celery: `worker_max_tasks_per_child`. */
  readonly maxTasksPerChild?: number | undefined
  /** A child is replaced after the job after which it has more memory than that, in KiB. Celery: `worker_max_memory_per_child`. */
  readonly maxMemoryPerChild?: number | undefined
  /**
   * Milliseconds that a new child has to report that it is there, before it loads anything; then another is started,
   * which gets twice the time. Default 4,000. Celery: `worker_proc_alive_timeout`.
   */
  readonly aliveTimeout?: number
  /** Milliseconds between asking a job to end and killing its child. Default 500. */
  readonly killGrace?: number
  /** Milliseconds that a child which has nothing more to do may take to close and leave until it is killed. Default 10,000. */
  readonly leaveGrace?: number
  /** Told when a child could not be replaced or a runner misbehaved. */
  readonly warn?: (message: string) => void
}

/** What the children of a pool are. */
export interface ChildPoolKind {
  readonly implementation: string
  readonly open: OpenChild
  /** Whether they are processes. */
  readonly processes: boolean
}

const RESPAWN_DELAY_MS = 1000
const ALIVE_TIMEOUT_MS = 4000
const LEAVE_GRACE_MS = 10_000
/** Jobs that may wait in a child behind short ones. */
const LOOK_AHEAD = 16

/**
 * Runs jobs in children: processes or threads.
 *
 * A job is *waiting* until a child has a free slot, *handed over*, *accepted* when the child starts it, and settled
 * when the child answers, when it is gone (`lost`), when it was ended by `terminate`, or at its hard time
 * limit. A child that ends is replaced at once, unless the pool is shrinking, or stopping with nothing left to run.
 *
 * Jobs are handed to children with a free slot (Celery's `-O fair`), so a long job holds up no other. As long as a
 * child only has jobs of kinds that are known to be short, a few more are handed over and wait there: otherwise short
 * jobs would spend most of their time on the way. Should one of the short turn out long, those behind it
 * come back.
 */
export class ChildPool implements Pool {
  readonly features: PoolFeatures
  readonly #kind: ChildPoolKind
  readonly #perProcess: number
  readonly #maxTasksPerChild: number
  /** Bytes. */
  readonly #maxMemoryPerChild: number | undefined
  readonly #aliveTimeout: number
  readonly #killGrace: number
  readonly #leaveGrace: number
  readonly #warn: (message: string) => void
  #processes: number
  #source: RunnerSource | undefined
  readonly #children = new Set<ChildHandle>()
  #waiting = new Map<string, Entry>()
  readonly #running = new Map<string, Entry>()
  readonly #pace = new Pace()
  #lastWasShort = false
  #stopping = false
  #stopped: Promise<void> | undefined
  #quiet: (() => void) | undefined
  #respawn: NodeJS.Timeout | undefined

  constructor(options: ChildPoolOptions, kind: ChildPoolKind) {
    this.#kind = kind
    this.features = { terminates: true, resizes: true, isolates: true, processes: kind.processes }
    this.#processes = options.processes ?? availableParallelism()
    this.#perProcess = options.tasksPerProcess ?? 1
    this.#maxTasksPerChild = options.maxTasksPerChild ?? Number.POSITIVE_INFINITY
    this.#maxMemoryPerChild = options.maxMemoryPerChild && options.maxMemoryPerChild * 1024
    this.#aliveTimeout = options.aliveTimeout ?? ALIVE_TIMEOUT_MS
    this.#killGrace = options.killGrace ?? 500
    this.#leaveGrace = options.leaveGrace ?? LEAVE_GRACE_MS
    this.#warn = options.warn ?? ((): void => {})
  }

  get size(): number {
    return this.#processes * this.#perProcess
  }

  get appetite(): number {
    return this.#processes * (this.#perProcess + (this.#lastWasShort ? 2 * LOOK_AHEAD : 0))
  }

  async start(source: RunnerSource): Promise<void> {
    // Otherwise each child would start children, and these theirs.
    if (isPoolChild()) {
      throw new ImproperlyConfigured(
        'A child of a pool was to start a pool: the module of the app must not start a worker when it is imported',
      )
    }
    this.#source = source
    try {
      await Promise.all(Array.from({ length: this.#processes }, () => this.#raise()))
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
        slow: false,
        suspect: false,
        started: false,
        withdrawn: false,
        child: undefined,
        ending: undefined,
        kill: undefined,
        timer: undefined,
      }
      if (this.#stopping) return resolve({ kind: 'terminated', signal: 'SIGTERM' })
      // Behind those that wait, though there may be room: one of them may need a child for itself.
      const child = this.#waiting.size > 0 ? undefined : this.#childWithRoom(entry)
      if (child === undefined) this.#waiting.set(job.id, entry)
      else this.#handOver(entry, child)
    })
  }

  terminate(id: string, signal: string): boolean {
    const waiting = this.#waiting.get(id)
    if (waiting !== undefined) {
      this.#drop(waiting, { kind: 'terminated', signal })
      return true
    }
    const entry = this.#running.get(id)
    if (entry === undefined) return false
    this.#end(entry, { kind: 'terminated', signal }, 'terminate', signal === 'SIGKILL' ? 0 : this.#killGrace)
    return true
  }

  withdraw(id: string): void {
    const outcome: PoolOutcome = { kind: 'terminated', signal: 'SIGTERM' }
    const waiting = this.#waiting.get(id)
    if (waiting !== undefined) {
      this.#drop(waiting, outcome)
      return
    }
    const entry = this.#running.get(id)
    if (entry === undefined || entry.started || entry.ending !== undefined) return
    entry.withdrawn = true
    entry.child?.abort(id, 'withdraw')
  }

  resize(size: number): Promise<void> {
    this.#processes = Math.max(0, Math.ceil(size / this.#perProcess))
    const serving = [...this.#children].filter((child) => !child.retiring)
    // Those that are busy stay.
    serving.sort((one, other) => other.jobs.size - one.jobs.size)
    for (const child of serving.slice(this.#processes)) child.retire()
    return this.#replenish()
  }

  /** The old children end when their jobs have; when the new ones cannot start, they stay. */
  async restart(): Promise<void> {
    const old = new Set([...this.#children].filter((child) => !child.retiring))
    const raised = await Promise.allSettled([...old].map(() => this.#raise()))
    const failed = raised.find(({ status }) => status === 'rejected')
    for (const child of this.#children) if (old.has(child) === (failed === undefined)) child.retire()
    this.#fill()
    // The size may be another by now, and children that were on their way out may have been counted.
    void this.#replenish()
    if (failed?.status === 'rejected') throw failed.reason
  }

  info(): PoolInfo {
    const { implementation, processes } = this.#kind
    return {
      implementation,
      maxConcurrency: this.size,
      processes: processes ? [...this.#children].map((child) => child.pid) : [],
      ...(processes ? {} : { threads: this.#children.size }),
      running: this.#running.size,
    }
  }

  stop(options: { readonly graceful: boolean }): Promise<void> {
    this.#stopping = true
    if (!options.graceful) this.#abortAll()
    if (this.#needsNoMore) clearTimeout(this.#respawn)
    this.#stopped ??= this.#shutDown()
    return this.#stopped
  }

  async #shutDown(): Promise<void> {
    await this.#when(() => this.#waiting.size === 0 && this.#running.size === 0)
    clearTimeout(this.#respawn)
    for (const child of this.#children) child.retire()
    await this.#when(() => this.#children.size === 0)
  }

  #abortAll(): void {
    for (const entry of this.#waiting.values()) this.#settle(entry, { kind: 'terminated', signal: 'SIGTERM' })
    for (const entry of this.#running.values()) {
      this.#end(entry, { kind: 'terminated', signal: 'SIGTERM' }, 'shutdown', this.#killGrace)
    }
    for (const child of this.#children) if (!child.serving) child.kill()
  }

  /**
   * Ends a job by force: asks, then kills its process after `grace` milliseconds. One that is not known to have started is
   * asked for: a process that does not answer is killed unless it is busy with another job that is known to run.
   */
  #end(entry: Entry, outcome: PoolOutcome, reason: 'terminate' | 'shutdown', grace: number): void {
    if (entry.ending !== undefined) return
    entry.ending = outcome
    entry.timer?.cancel()
    entry.child?.abort(entry.job.id, reason)
    entry.kill = (): void => {
      if (grace === 0) entry.child?.kill()
      else entry.timer = systemClock.setTimeout(() => entry.child?.kill(), grace)
    }
    if (entry.started) entry.kill()
    else entry.timer = systemClock.setTimeout(() => this.#killSilent(entry.child), this.#killGrace)
  }

  /** It is blocked, perhaps by a job that was thought to be short, so that it did not say that it starts it. */
  #killSilent(child: ChildHandle | undefined): void {
    if (child === undefined) return
    const running = [...child.jobs].map((id) => this.#running.get(id))
    if (!running.some((entry) => entry?.started === true && entry.slow)) child.kill()
  }

  /** A child with a free slot, else one whose jobs are all so short that another may wait there. */
  #childWithRoom({ suspect }: Entry): ChildHandle | undefined {
    let best: ChildHandle | undefined
    for (const child of this.#children) {
      const { size } = child.jobs
      if (suspect && size > 0) continue
      if (!child.serving || child.retiring || child.completed + size >= this.#maxTasksPerChild) continue
      if (size >= this.#perProcess && (child.slow > 0 || size >= this.#perProcess + LOOK_AHEAD)) continue
      if (best === undefined || size < best.jobs.size) best = child
    }
    return best
  }

  #handOver(entry: Entry, child: ChildHandle): void {
    const { id, data, kind = '', softTimeLimit, timeLimit } = entry.job
    entry.child = child
    this.#lastWasShort = this.#pace.isShort(kind)
    entry.slow = entry.suspect || !this.#lastWasShort
    if (entry.slow) child.slow += 1
    this.#running.set(id, entry)
    child.run(id, data, softTimeLimit, entry.slow)
    // A short job is not announced. One that does not end in time after all is found out in a process of its own.
    if (timeLimit !== undefined) entry.timer = systemClock.setTimeout(() => child.kill(), timeLimit)
  }

  #accepted(id: string, child: ChildHandle): void {
    const entry = this.#running.get(id)
    if (entry === undefined) return
    entry.started = true
    entry.withdrawn = false
    entry.accepted?.(child.pid)
    const { timeLimit } = entry.job
    if (entry.kill !== undefined) {
      entry.timer?.cancel()
      entry.kill()
    } else if (timeLimit !== undefined) {
      const outcome: PoolOutcome = { kind: 'timeout', limit: timeLimit }
      entry.timer?.cancel()
      entry.timer = systemClock.setTimeout(() => this.#end(entry, outcome, 'terminate', 0), timeLimit)
    }
  }

  /** A job that never started leaves its child: it is the next one to be handed over, unless it was to be ended. */
  #takeBack(entry: Entry): void {
    if (entry.slow && entry.child !== undefined) entry.child.slow -= 1
    entry.timer?.cancel()
    entry.child = undefined
    if (entry.ending !== undefined) this.#settle(entry, entry.ending)
    else if (entry.withdrawn) this.#settle(entry, { kind: 'terminated', signal: 'SIGTERM' })
    else {
      this.#running.delete(entry.job.id)
      this.#waiting = new Map([[entry.job.id, entry], ...this.#waiting])
    }
  }

  #settle(entry: Entry, outcome: PoolOutcome): void {
    this.#waiting.delete(entry.job.id)
    this.#running.delete(entry.job.id)
    entry.timer?.cancel()
    entry.resolve(outcome)
    this.#quiet?.()
  }

  /** One that waits is not wanted any more. It may have held up those behind it. */
  #drop(waiting: Entry, outcome: PoolOutcome): void {
    this.#settle(waiting, outcome)
    this.#fill()
  }

  /** Hands waiting jobs to children with room, those that came back first. */
  #fill(): void {
    for (const [id, entry] of this.#waiting) {
      const child = this.#childWithRoom(entry)
      if (child === undefined) return
      this.#waiting.delete(id)
      this.#handOver(entry, child)
    }
  }

  #spawn(): ChildHandle {
    const source = this.#source
    if (source === undefined)
      throw new Error('ChildPool.run: the pool was not started; await pool.start() first')
    source.beforeChild?.(this)
    const limits = {
      slots: this.#perProcess,
      maxMemory: this.#maxMemoryPerChild,
      leaveGrace: this.#leaveGrace,
    }
    const child: ChildHandle = new ChildHandle(this.#kind.open, source, limits, {
      accepted: (id) => this.#accepted(id, child),
      done: (id, value, milliseconds, aborted) => {
        const entry = this.#running.get(id)
        this.#pace.record(entry?.job.kind ?? '', milliseconds)
        // It may have ended by itself before it heard that it was to be ended: then that is how it ended.
        this.#finished(child, id, (aborted ? entry?.ending : undefined) ?? { kind: 'returned', value })
      },
      returned: (id) => {
        const entry = this.#running.get(id)
        if (entry !== undefined) this.#takeBack(entry)
        this.#fill()
      },
      broken: (id, message) => {
        this.#warn(`the runner of ${child.name} failed for job ${id}: ${message}`)
        const lost: PoolOutcome = { kind: 'lost', exitCode: undefined, signal: undefined }
        this.#finished(child, id, this.#running.get(id)?.ending ?? lost)
      },
      heavy: (bytes) => {
        this.#warn(`${child.name} is replaced: it has ${Math.round(bytes / 1024)} KiB of memory`)
        this.#replace(child)
      },
      crashed: (error) => {
        this.#warn(`${child.name} died: ${error instanceof Error ? (error.stack ?? error.message) : error}`)
      },
      stayed: () => {
        this.#warn(
          `${child.name} was told to stop and has not for ${this.#leaveGrace / 1000} s: it is killed`,
        )
      },
      exited: (exit) => this.#exited(child, exit),
    })
    this.#children.add(child)
    return child
  }

  /** Starts a child; settles when it serves. One that gives no sign of life in time is given up for another. */
  async #raise(patience: number = this.#aliveTimeout): Promise<void> {
    const child = this.#spawn()
    if (await child.isUpWithin(patience)) {
      try {
        await child.ready
      } catch (error) {
        // It was told to go before it was there.
        if (child.retiring) return
        child.kill()
        throw error
      }
      this.#fill()
      return
    }
    this.#warn(`Timed out waiting for UP message from ${child.name}`)
    child.retiring = true
    child.kill()
    if (!this.#needsNoMore) await this.#raise(2 * patience)
  }

  #finished(child: ChildHandle, id: string, outcome: PoolOutcome): void {
    const entry = this.#running.get(id)
    if (entry !== undefined) {
      if (entry.slow) child.slow -= 1
      this.#settle(entry, outcome)
    }
    if (child.completed >= this.#maxTasksPerChild) this.#replace(child)
    this.#fill()
  }

  #replace(child: ChildHandle): void {
    if (child.retiring) return
    child.retire()
    void this.#replenish()
  }

  #exited(child: ChildHandle, exit: ChildExit): void {
    this.#children.delete(child)
    const { explained, retiring, served } = child
    if (served && !explained && !retiring) this.#warn(`${child.name} has ended unexpectedly (${howOf(exit)})`)
    const didNothing = child.completed === 0 && child.jobs.size === 0
    for (const id of child.jobs) {
      const entry = this.#running.get(id)
      if (entry === undefined) continue
      if (entry.started || entry.suspect) this.#settle(entry, entry.ending ?? { kind: 'lost', ...exit })
      else {
        // It waited there, or it killed the process before the word that it had started was out. The next time it
        // gets a process of its own, so that it is known what happens.
        entry.suspect = true
        this.#takeBack(entry)
      }
    }
    // What it leaves behind may find no other occasion: the others may have nothing to do.
    this.#fill()
    this.#quiet?.()
    // Of one that could not start whoever started it hears.
    if (!served) return
    if (didNothing && !retiring && !explained) this.#replenishLater()
    else void this.#replenish()
  }

  /** It stops, and nothing waits for a child any more. */
  get #needsNoMore(): boolean {
    return this.#stopping && this.#waiting.size === 0
  }

  /** What cannot start, or ends as soon as it has, is not to be started over and over. */
  #replenishLater(): void {
    if (this.#needsNoMore) return
    this.#respawn ??= setTimeout(() => {
      this.#respawn = undefined
      void this.#replenish()
    }, RESPAWN_DELAY_MS)
  }

  /** Starts children until there are enough; one that cannot start is tried again after a pause. */
  async #replenish(): Promise<void> {
    const missing = this.#processes - [...this.#children].filter((child) => !child.retiring).length
    if (this.#needsNoMore || missing <= 0 || this.#respawn !== undefined) return
    try {
      await Promise.all(Array.from({ length: missing }, () => this.#raise()))
    } catch (error) {
      if (this.#needsNoMore) return
      this.#warn(`a child could not start: ${error instanceof Error ? error.message : String(error)}`)
      this.#replenishLater()
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
  /** It was not known to be short when it was handed over. */
  slow: boolean
  /** A process died that had it, perhaps because of it. */
  suspect: boolean
  /** It runs; before, it waits here or in its child. */
  started: boolean
  /** It is not wanted any more unless it has started, of which the word may be on its way. */
  withdrawn: boolean
  /** Set once the job is being ended by force: how it will be reported. */
  ending: PoolOutcome | undefined
  /** Set with `ending`: kills its process, at once or after some time. */
  kill: (() => void) | undefined
  timer: TimerHandle | undefined
}
