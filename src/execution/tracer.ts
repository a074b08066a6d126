import { NotRegistered } from '../errors.ts'
import type { RunContext } from '../pool/pool.ts'
import { TaskSelf } from '../task/context.ts'
import { runInTask } from '../task/current-task.ts'
import type { EagerOutcome, RegisteredTask } from '../task/ports.ts'
import type { TaskRequest } from '../task/request.ts'
import { Completion } from './completion.ts'
import { Deduplication } from './deduplication.ts'
import { createFailure } from './failure.ts'
import type { TaskJob } from './job.ts'
import type { TaskOutcome } from './outcome.ts'
import type { ExecutionHost } from './ports.ts'
import { readBody, requestOfJob } from './read-job.ts'
import { storeResult } from './result-writer.ts'
import { type Ending, TaskRun } from './task-run.ts'
import { taskSignal, whyGivenUp } from './task-signal.ts'

/**
 * Runs tasks: those that a worker hands to its pool, and those that are applied in place. One per process.
 *
 * It answers how each ended and never rejects; the result is stored when it answers. Celery: `celery.app.trace`.
 */
export class Tracer {
  readonly #host: ExecutionHost
  readonly #completion: Completion
  readonly #duplicates: Deduplication

  constructor(host: ExecutionHost) {
    this.#host = host
    this.#completion = new Completion(host.tasks)
    this.#duplicates = new Deduplication(host)
  }

  /** Runs a job of a worker; `pool` says when it should end. */
  async run(job: TaskJob, pool: RunContext): Promise<TaskOutcome> {
    const body = readBody(job, this.#host)
    if ('kind' in body) return body
    const task = this.#host.tasks.tasks.get(job.headers.task)
    if (task === undefined || !task.runnable)
      return this.#unknownTask(job, requestOfJob(job, body, undefined))
    const request = requestOfJob(job, body, task)
    if (this.#duplicates.concerns(task, job.redelivered)) {
      const known = await this.#duplicate(task, request)
      if (known !== undefined) return known
    }
    const { outcome } = await this.#trace(task, request, pool, job.wantRepr)
    if (outcome.kind === 'succeeded') this.#duplicates.succeeded(request.id)
    return outcome
  }

  /**
   * Runs a call in place. A retry is not followed: the outcome has the state RETRY and the `Retry` as its value.
   * Celery: `Task.apply`.
   */
  async runEagerly(task: RegisteredTask, request: TaskRequest): Promise<EagerOutcome> {
    const { state, value, traceback } = await this.#trace(task, request, undefined, false)
    return { id: request.id, state, value, traceback }
  }

  #trace(
    task: RegisteredTask,
    request: TaskRequest,
    pool: RunContext | undefined,
    wantRepr: boolean,
  ): Promise<Ending> {
    const host = this.#host.tasks
    const context = new TaskSelf({
      task,
      host,
      request,
      signal: () => taskSignal(pool),
      givenUp: () => whyGivenUp(pool),
      beforeRetry: (retry) => run.storeRetry(retry),
    })
    const run: TaskRun = new TaskRun({
      host,
      completion: this.#completion,
      task,
      request,
      context,
      pool,
      wantRepr,
    })
    return runInTask(context, () => run.trace())
  }

  /** The task was known to the worker, but is not to this process. */
  async #unknownTask(job: TaskJob, request: TaskRequest): Promise<TaskOutcome> {
    const failure = createFailure(
      new NotRegistered(job.headers.task),
      this.#host.tasks.resultContext.errorClasses,
    )
    try {
      await storeResult(this.#host.tasks, request, failure.state, failure.triple)
      await this.#completion.failed(request, failure, { store: true, chain: true, errbacks: true })
    } catch (error) {
      this.#host.tasks.logger.error(`Cannot store why ${request.task}[${request.id}] is not run`, { error })
    }
    const detail = `Received unregistered task of type '${job.headers.task}'`
    return { kind: 'invalid', reason: 'unknown-task', detail }
  }

  /** The outcome of a job that has succeeded before; undefined when it must run. */
  async #duplicate(task: RegisteredTask, request: TaskRequest): Promise<TaskOutcome | undefined> {
    const done = await this.#duplicates.find(request)
    if (done === undefined) return undefined
    if (done === 'known') return { kind: 'ignored' }
    const follows = (request.callbacks?.length ?? 0) + (request.chain?.length ?? 0)
    // Children are sent before the result is stored and are named in it: none means that they were lost.
    const lost = follows > 0 && task.options.trail && (done.children?.length ?? 0) === 0
    try {
      if (lost) await this.#completion.succeeded(request, done.result)
      // A chord is told after the result is stored. To be told twice does it no harm.
      await this.#completion.partReturned(request, done.status, done.result)
      return { kind: 'ignored' }
    } catch (error) {
      this.#host.tasks.logger.error(`Sending what follows task ${request.id} failed`, { error })
      return { kind: 'rejected', requeue: true, reason: 'What follows the task could not be sent' }
    }
  }
}
