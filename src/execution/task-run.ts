/**
 * One run of one task: `begin → run → classify → store → continue → report`.
 *
 * Order, as in Celery: signal `taskPrerun`, state STARTED; `beforeStart`, body. On success callbacks and the next of the
 * chain, **then** the result, then the chord; `onSuccess`, signal. On failure the result first, then chord, chain and
 * errbacks; `onFailure`, signal. After both `afterReturn`; signal `taskPostrun` at the end of everything.
 *
 * What goes wrong outside of the body (a handler, the backend, the broker) is an internal error: it is told apart from
 * the task's own failures, and the task counts as failed unless its result is stored already.
 */
import { EncodeError, type Reject, type Retry } from '../errors.ts'
import type { AbortReason, RunContext } from '../pool/pool.ts'
import { describeException, errorMessage, tripleRepr } from '../protocol/exception-info.ts'
import { FAILURE, IGNORED, REJECTED, RETRY, STARTED, SUCCESS } from '../protocol/states.ts'
import type { TaskSelf } from '../task/context.ts'
import type { RegisteredTask, TaskHandlers, TaskOutcomeInfo } from '../task/ports.ts'
import type { TaskRequest } from '../task/request.ts'
import { autoretryOptions, isAutoretried } from '../task/retry.ts'
import type { CanvasHost } from '../task/signature.ts'
import { repr } from '../util/repr.ts'
import type { Completion } from './completion.ts'
import { createFailure, type Failure } from './failure.ts'
import type { TaskOutcome } from './outcome.ts'
import { storable, storeResult } from './result-writer.ts'
import { classify, isAbandoned, meantError, type Verdict } from './verdict.ts'

/** How a run ended: what the worker is told, and what an eager caller sees. */
export interface Ending {
  readonly outcome: TaskOutcome
  readonly state: string
  /** What was returned, or the error. */
  readonly value: unknown
  readonly traceback: string | undefined
}

/** What a run works with. */
export interface TaskRunParts {
  readonly host: CanvasHost
  readonly completion: Completion
  readonly task: RegisteredTask
  readonly request: TaskRequest
  readonly context: TaskSelf
  /** Says when the run should end; undefined in eager runs. */
  readonly pool: RunContext | undefined
  /** Whether the outcome shows the result. */
  readonly wantRepr: boolean
}

/** See the module's description. */
export class TaskRun {
  readonly #host: CanvasHost
  readonly #completion: Completion
  readonly #task: RegisteredTask
  readonly #request: TaskRequest
  readonly #context: TaskSelf
  readonly #pool: RunContext | undefined
  readonly #wantRepr: boolean
  readonly #started: number
  /** Callbacks and the next of the chain are sent. */
  #continued = false
  /** The result is stored and everybody who counts on it knows. */
  #settled = false

  constructor(parts: TaskRunParts) {
    this.#host = parts.host
    this.#completion = parts.completion
    this.#task = parts.task
    this.#request = parts.request
    this.#context = parts.context
    this.#pool = parts.pool
    this.#wantRepr = parts.wantRepr
    this.#started = parts.host.clock.monotonic()
  }

  /** Runs the task to its end; never rejects. */
  async trace(): Promise<Ending> {
    let ending: Ending
    try {
      const begun = this.#begin()
      if (begun !== undefined) await begun
      const verdict = await this.#runBody()
      this.#pool?.release()
      ending = await this.#conclude(verdict)
    } catch (error) {
      ending = await this.#internalError(error)
    }
    const { taskPostrun } = this.#host.signals
    if (taskPostrun.hasReceivers) {
      await taskPostrun.send({ ...this.#runInfo(), retval: ending.value, state: ending.state })
    }
    return ending
  }

  /** Undefined when nobody wants to know that it starts, which is most of the time. */
  #begin(): Promise<void> | undefined {
    const { ignoreResult, isEager } = this.#request
    const isTracked = this.#task.options.trackStarted && !ignoreResult && !isEager
    return isTracked || this.#host.signals.taskPrerun.hasReceivers ? this.#announce(isTracked) : undefined
  }

  async #announce(isTracked: boolean): Promise<void> {
    const { taskPrerun } = this.#host.signals
    if (taskPrerun.hasReceivers) await taskPrerun.send(this.#runInfo())
    const hostname = this.#request.hostname ?? null
    if (isTracked) await storeResult(this.#host, this.#request, STARTED, { pid: process.pid, hostname })
  }

  async #runBody(): Promise<Verdict> {
    const { handlers, options } = this.#task
    const { args, kwargs } = this.#request
    try {
      if (handlers.beforeStart !== undefined) await handlers.beforeStart(this.#context, this.#info())
      let value: unknown
      try {
        value = await this.#task.run(this.#context, args, kwargs)
        const asked = this.#context.unheard
        if (asked !== undefined) value = await asked
      } catch (thrown) {
        throw await this.#thrownByBody(thrown)
      }
      return isAbandoned(this.#aborted()) ? { kind: 'abandoned' } : { kind: 'returned', value }
    } catch (thrown) {
      return classify(thrown, { throws: options.throws, aborted: this.#aborted() })
    }
  }

  /** What the body is taken to have thrown; sends the task again if it asks for that by its options. */
  async #thrownByBody(thrown: unknown): Promise<unknown> {
    const error = meantError(thrown, this.#aborted())
    const { options } = this.#task
    if (!isAutoretried(error, options)) return error
    // Of a run that was given up it throws instead of sending anything.
    return this.#context.retry(autoretryOptions(error, options, this.#request.retries))
  }

  #conclude(verdict: Verdict): Promise<Ending> | Ending {
    switch (verdict.kind) {
      case 'returned':
        return this.#returned(verdict.value)
      case 'failed':
        return this.#failed(verdict.error, verdict.expected ? 'expected' : 'unexpected')
      case 'retry':
        return this.#retried(verdict.reason)
      case 'ignored':
        return ended({ kind: 'ignored' }, IGNORED)
      case 'rejected':
        return rejected(verdict.reason)
      case 'abandoned':
        return ended({ kind: 'abandoned' }, IGNORED)
    }
  }

  async #returned(value: unknown): Promise<Ending> {
    try {
      const stored = this.#storeSuccess(storable(value))
      if (stored !== undefined) await stored
      this.#settled = true
    } catch (error) {
      if (error instanceof EncodeError) return this.#failed(error, 'unexpected')
      throw error
    }
    const { options, handlers } = this.#task
    const runtime = this.#host.clock.monotonic() - this.#started
    if (handlers.onSuccess !== undefined) await handlers.onSuccess(this.#context, value, this.#info())
    const { taskSuccess } = this.#host.signals
    if (taskSuccess.hasReceivers) {
      await taskSuccess.send({ sender: this.#task, request: this.#request, result: value })
    }
    if (handlers.afterReturn !== undefined) await this.#afterReturn(handlers, SUCCESS, value)
    const result = this.#wantRepr ? repr(value, { maxLength: options.resultreprMaxsize }) : undefined
    return { outcome: { kind: 'succeeded', runtime, result }, state: SUCCESS, value, traceback: undefined }
  }

  /** Undefined when there is nothing to be done. Most tasks are no part of anything, and cost no promise here. */
  #storeSuccess(result: unknown): Promise<void> | undefined {
    const request = this.#request
    const { callbacks, chain, chord } = request
    if (callbacks !== undefined || chain !== undefined || chord !== undefined) {
      return this.#storeAndContinue(result)
    }
    this.#continued = true
    return this.#storesSuccess() ? storeResult(this.#host, request, SUCCESS, result) : undefined
  }

  /** Callbacks and chain go first, so that the stored result names them as its children. */
  async #storeAndContinue(result: unknown): Promise<void> {
    const request = this.#request
    if (request.callbacks !== undefined || request.chain !== undefined) {
      await this.#completion.succeeded(request, result)
    }
    this.#continued = true
    if (this.#storesSuccess()) await storeResult(this.#host, request, SUCCESS, result)
    if (request.chord !== undefined) await this.#completion.partReturned(request, SUCCESS, result)
  }

  async #failed(error: unknown, severity: 'unexpected' | 'expected'): Promise<Ending> {
    const failure = createFailure(error, this.#host.resultContext.errorClasses)
    await this.#recordFailure(failure)
    const { handlers } = this.#task
    const { traceback } = failure
    if (handlers.onFailure !== undefined) {
      await handlers.onFailure(this.#context, error, this.#info(traceback))
    }
    const { taskFailure } = this.#host.signals
    if (taskFailure.hasReceivers) await taskFailure.send(this.#failureInfo(failure))
    await this.#afterReturn(handlers, FAILURE, error)
    return this.#failureEnding(failure, severity)
  }

  /** Stores the failure and does everything that follows from it. */
  async #recordFailure(failure: Failure): Promise<void> {
    const store = this.#storesErrors()
    if (store) await storeResult(this.#host, this.#request, FAILURE, failure.triple, failure.traceback)
    // What has been sent already runs, whatever became of the result.
    await this.#completion.failed(this.#request, failure, {
      store,
      chain: !this.#continued,
      errbacks: true,
    })
    this.#settled = true
  }

  /**
   * Stores the state RETRY, before the next attempt is sent: stored after it, as in Celery, it could overwrite what a
   * quick next attempt has stored, and whoever waits for the result would wait for ever.
   */
  async storeRetry(reason: Retry): Promise<void> {
    if (!this.#storesErrors()) return
    const { cause } = reason
    const { traceback } = createFailure(reason, undefined)
    const result =
      cause === undefined ? null : describeException(cause, this.#host.resultContext.errorClasses)
    await storeResult(this.#host, this.#request, RETRY, result, traceback)
  }

  async #retried(reason: Retry): Promise<Ending> {
    const request = this.#request
    const failure = createFailure(reason.cause ?? reason, this.#host.resultContext.errorClasses)
    const { traceback } = createFailure(reason, undefined)
    const { handlers } = this.#task
    if (handlers.onRetry !== undefined) {
      await handlers.onRetry(this.#context, failure.error, this.#info(traceback))
    }
    const { taskRetry } = this.#host.signals
    if (taskRetry.hasReceivers) await taskRetry.send({ sender: this.#task, request, reason, traceback })
    const error = reason.cause === undefined ? 'None' : tripleRepr(failure.triple)
    const outcome = {
      kind: 'retried',
      reason: errorMessage(reason),
      error,
      traceback: traceback ?? '',
    } as const
    return { outcome, state: RETRY, value: reason, traceback }
  }

  /** Something outside of the body failed. Says so, and stores it if there is nothing better to be found there. */
  async #internalError(error: unknown): Promise<Ending> {
    const failure = createFailure(error, this.#host.resultContext.errorClasses)
    const { signals, logger } = this.#host
    if (signals.taskInternalError.hasReceivers) {
      await signals.taskInternalError.send(this.#failureInfo(failure))
    }
    if (!this.#settled) {
      try {
        await this.#recordFailure(failure)
      } catch (again) {
        logger.error(`Storing the failure of task ${this.#request.id} failed, too`, { error: again })
      }
    }
    return this.#failureEnding(failure, 'internal')
  }

  async #afterReturn(handlers: TaskHandlers, state: string, value: unknown): Promise<void> {
    // Celery never hands over the traceback here.
    if (handlers.afterReturn !== undefined) {
      await handlers.afterReturn(this.#context, state, value, this.#info())
    }
  }

  #failureEnding(failure: Failure, severity: 'unexpected' | 'expected' | 'internal'): Ending {
    const { error, triple, traceback } = failure
    const runtime = this.#host.clock.monotonic() - this.#started
    const outcome: TaskOutcome = {
      kind: 'failed',
      severity,
      error: tripleRepr(triple),
      traceback: traceback ?? '',
      runtime,
    }
    return { outcome, state: FAILURE, value: error, traceback }
  }

  #aborted(): AbortReason | undefined {
    return this.#pool?.reason
  }

  #storesSuccess(): boolean {
    return !this.#request.ignoreResult && this.#storesWhenEager()
  }

  #storesWhenEager(): boolean {
    return !this.#request.isEager || this.#task.options.storeEagerResult
  }

  /** As in Celery the call's `ignoreResult` does not count here, only the task's: failures shall be seen. */
  #storesErrors(): boolean {
    const { ignoreResult, storeErrorsEvenIfIgnored } = this.#task.options
    return ignoreResult ? storeErrorsEvenIfIgnored : this.#storesWhenEager()
  }

  #info(traceback?: string): TaskOutcomeInfo {
    const { id, args, kwargs } = this.#request
    return { taskId: id, args, kwargs, traceback }
  }

  #runInfo(): Parameters<CanvasHost['signals']['taskPrerun']['send']>[0] {
    const { id, args, kwargs } = this.#request
    return { sender: this.#task, taskId: id, task: this.#task, request: this.#request, args, kwargs }
  }

  #failureInfo(failure: Failure): Parameters<CanvasHost['signals']['taskFailure']['send']>[0] {
    const { id, args, kwargs } = this.#request
    return {
      sender: this.#task,
      taskId: id,
      request: this.#request,
      exception: failure.error,
      args,
      kwargs,
      traceback: failure.traceback,
    }
  }
}

function ended(outcome: TaskOutcome, state: string): Ending {
  return { outcome, state, value: undefined, traceback: undefined }
}

function rejected(reason: Reject): Ending {
  const outcome = { kind: 'rejected', requeue: reason.requeue, reason: errorMessage(reason) } as const
  return { outcome, state: REJECTED, value: reason, traceback: undefined }
}
