/**
 * The port for running jobs somewhere: on this event loop, in child processes, in threads. Pools know nothing of tasks.
 *
 * Jobs and outcomes are plain data (what `structuredClone` can copy: no functions, no class instances). A pool that
 * crosses no process border hands them over as they are, so the in-process pools cost nothing for it.
 */

/** One job. */
export interface PoolJob {
  /** Unique while the job is in the pool; `terminate` names it. */
  readonly id: string
  /** Plain data for the runner. */
  readonly data: unknown
  /** Jobs of one kind are expected to take about as long as each other (of a task: its name). Default: one kind. */
  readonly kind?: string
  /** Milliseconds after which the runner's signal is aborted with `soft`; undefined = never. */
  readonly softTimeLimit: number | undefined
  /** Milliseconds after which the job is ended by force, if the pool can (`features.terminates`); undefined = never. */
  readonly timeLimit: number | undefined
}

/** Every way in which a job can end, as far as a pool can tell. What the runner answered is in `value`. */
export type PoolOutcome =
  | { readonly kind: 'returned'; readonly value: unknown }
  /** The hard time limit (milliseconds) passed. */
  | { readonly kind: 'timeout'; readonly limit: number }
  /** Ended by `terminate`. */
  | { readonly kind: 'terminated'; readonly signal: string }
  /** The process died: `exitCode` or `signal`, whichever it was. */
  | { readonly kind: 'lost'; readonly exitCode: number | undefined; readonly signal: string | undefined }

/** Why a running job's signal fires. */
export type AbortReason = 'soft' | 'timeout' | 'terminate' | 'shutdown'

/** What a runner may know of a job besides its data. */
export interface RunContext {
  /** Why the job should end; undefined: it should not. Asking costs nothing. */
  readonly reason: AbortReason | undefined
  /** Fires when the job should end, with that reason. Made when it is first asked for. */
  readonly signal: AbortSignal
  /** The work is done, only waiting for others is left (storing a result, say): the next job may start meanwhile. */
  release(): void
}

/** What runs jobs: made once per process by the runner module. */
export interface Runner {
  /**
   * Runs one job; must not reject (a rejection is a bug in the runner and ends the job as `lost`).
   */
  run(data: unknown, context: RunContext): Promise<unknown>
  /** Before the process ends: flush and close. */
  close(): Promise<void>
}

/** How a process or thread of the pool gets its runner. */
export interface RunnerSource {
  /** URL of a module that exports `createRunner(init): Promise<Runner>`; loaded in child processes and threads. */
  readonly module: string
  /** Plain data for `createRunner`. */
  readonly init: unknown
  /** Used instead of the module by pools that stay in this process. */
  readonly create: () => Promise<Runner>
  /** Called in this process before each child is started. Celery: `worker_before_create_process`. */
  readonly beforeChild?: (pool: Pool) => void
}

/** What a pool can do. */
export interface PoolFeatures {
  /** Running jobs can be ended by force (`terminate`, hard time limits). */
  readonly terminates: boolean
  /** The size can be changed while running. */
  readonly resizes: boolean
  /** Jobs run apart from this event loop, in processes or threads that load the runner's module. */
  readonly isolates: boolean
  /** Those are processes. */
  readonly processes: boolean
}

/** Numbers for `inspect stats`. Celery: `pool` of `inspect().stats()`. */
export interface PoolInfo {
  readonly implementation: string
  readonly maxConcurrency: number
  /** Process ids of children; empty for in-process pools. */
  readonly processes: readonly number[]
  /** How many threads there are, if jobs run in threads. */
  readonly threads?: number
  readonly running: number
}

/** The upward calls of a pool. */
export interface PoolRunOptions {
  /** Called once, when the job starts to run (in the process `pid`); not called when it never started. */
  readonly accepted?: (pid: number) => void
}

/** A pool. `run` may be called for more jobs than `size`: they wait in order. */
export interface Pool {
  readonly features: PoolFeatures
  /** How many jobs run at once. */
  readonly size: number
  /**
   * How many jobs it can make use of right now, waiting ones included: above `size` as long as jobs are so short that
   * the way to the pool is what takes the time. Default: `size`.
   */
  readonly appetite?: number
  /** Settles when the pool can run jobs; rejects when the runner cannot be made (e.g. the user's module throws). */
  start(source: RunnerSource): Promise<void>
  /** Never rejects: an outcome for each way a job can end. */
  run(job: PoolJob, options?: PoolRunOptions): Promise<PoolOutcome>
  /**
   * Ends a job: a waiting one is dropped, a running one is ended by `signal` when `features.terminates`, otherwise
   * its AbortSignal fires. Settles its `run` with `terminated`. Unknown ids: no effect, answers false.
   */
  terminate(id: string, signal: string): boolean
  /**
   * Takes back a job that has not started: its `run` settles with `terminated`, and `accepted` was not called. A job
   * that has started, even if the word of it is still on its way, goes on undisturbed.
   */
  withdraw(id: string): void
  /** Changes the number of jobs at once, 0 included; only with `features.resizes`. No running job is ended for it. */
  resize?(size: number): Promise<void>
  /**
   * Replaces the children by new ones, which load all modules anew; running jobs end in the old ones. Rejects when the
   * new ones cannot start; then the old ones stay. Only with `features.isolates`. Celery: `pool_restart`.
   */
  restart?(): Promise<void>
  info(): PoolInfo
  /**
   * Graceful: running and waiting jobs finish first. Otherwise: waiting ones end as `terminated`, running ones are
   * aborted with `shutdown` and their processes killed. Idempotent; a second call with `graceful: false` hurries a first.
   */
  stop(options: { readonly graceful: boolean }): Promise<void>
}
