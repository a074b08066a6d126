import { TaskRevokedError } from '../errors.ts'
import { buildResultMeta } from '../protocol/result-meta.ts'
import { READY_STATES, REVOKED } from '../protocol/states.ts'
import type { TaskBody } from '../protocol/task-body.ts'
import { NO_EMBED } from '../protocol/task-body.ts'
import type { TaskRequest } from '../task/request.ts'
import { Completion } from './completion.ts'
import { createFailure, type Failure } from './failure.ts'
import type { TaskJob } from './job.ts'
import type { ExecutionHost } from './ports.ts'
import { readBody, requestOfJob } from './read-job.ts'
import { storeResult } from './result-writer.ts'

const EMPTY_BODY: TaskBody = { args: [], kwargs: {}, embed: NO_EMBED }

/**
 * Writes the outcomes of jobs that the process of the job cannot write: it was killed, or never got the job. For the
 * worker's own process.
 */
export class OutcomeRecorder {
  readonly #host: ExecutionHost
  readonly #completion: Completion

  constructor(host: ExecutionHost) {
    this.#host = host
    this.#completion = new Completion(host.tasks)
  }

  /**
   * The task failed with `error` (time limit, lost process, not registered): stores it, tells its chord, its chain and
   * its errbacks. Rejects when that cannot be stored or sent.
   */
  async fail(job: TaskJob, error: Error): Promise<void> {
    const { signals, resultContext, tasks } = this.#host.tasks
    const request = this.#requestOf(job)
    // Where it was made says nothing: it is no error of the task.
    const failure = { ...createFailure(error, resultContext.errorClasses), traceback: undefined }
    await this.#record(request, failure, true)
    const task = tasks.get(request.task)
    if (task === undefined || !signals.taskFailure.hasReceivers) return
    const { id, args, kwargs } = request
    const info = { sender: task, taskId: id, request, exception: error, args, kwargs, traceback: undefined }
    await signals.taskFailure.send(info)
  }

  /** The task was revoked, terminated, or had expired; errbacks are not called. Rejects as `fail` does. */
  async revoke(job: TaskJob, error: Error): Promise<void> {
    const { errorClasses } = this.#host.tasks.resultContext
    const failure = { ...createFailure(error, errorClasses, REVOKED), traceback: undefined }
    await this.#record(this.#requestOf(job), failure, false)
  }

  /**
   * A task was revoked of which only the id is known; nothing happens when its end is stored, or when results are sent
   * to who asked for them and not kept. Celery: `mark_as_revoked` without a request.
   */
  async revokeUnseen(id: string): Promise<void> {
    const { clock, resultContext, results } = this.#host.tasks
    if (!results.enabled || !(await results.backend()).features.persistent) return
    const known = await results.load(id)
    if (known !== undefined && READY_STATES.has(known.status)) return
    const { state, triple } = createFailure(
      new TaskRevokedError('revoked'),
      resultContext.errorClasses,
      REVOKED,
    )
    await results.save(buildResultMeta({ id, state, result: triple, now: clock.now() }))
  }

  async #record(request: TaskRequest, failure: Failure, errbacks: boolean): Promise<void> {
    const host = this.#host.tasks
    const options = host.tasks.get(request.task)?.options
    const store = options?.ignoreResult === true ? options.storeErrorsEvenIfIgnored : true
    if (store) await storeResult(host, request, failure.state, failure.triple)
    await this.#completion.failed(request, failure, { store, chain: true, errbacks })
  }

  #requestOf(job: TaskJob): TaskRequest {
    const body = readBody(job, this.#host)
    const task = this.#host.tasks.tasks.get(job.headers.task)
    return requestOfJob(job, 'kind' in body ? EMPTY_BODY : body, task)
  }
}
