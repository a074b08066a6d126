import { Ignore, MaxRetriesExceededError, Reject, Retry } from '../errors.ts'
import { describeException } from '../protocol/exception-info.ts'
import { buildResultMeta } from '../protocol/result-meta.ts'
import { ABORTED, EXCEPTION_STATES } from '../protocol/states.ts'
import type { ResultNode } from '../result/ports.ts'
import { parseIsoDateTime } from '../util/iso8601.ts'
import type { Logger } from '../util/logger.ts'
import { repr, reprArgs } from '../util/repr.ts'
import type { UserCallOptions } from './call-options.ts'
import { toWireOptions } from './call-options.ts'
import { callTask } from './call-task.ts'
import { checkRetryCall } from './check-options.ts'
import { HeardPromise } from './heard-promise.ts'
import type { RegisteredTask, RetryOptions, TaskContext, WireOptions } from './ports.ts'
import { joinChord, replacementOf } from './replace.ts'
import type { TaskRequest } from './request.ts'
import { executionOptions } from './request.ts'
import { resultRequest } from './result-request.ts'
import type { AnySignature, CanvasHost } from './signature.ts'
import { requireSignature, Signature } from './signature.ts'
import { loggerOfRun } from './task-logger.ts'

/** What a `TaskSelf` is made of. */
export interface TaskSelfParts {
  readonly task: RegisteredTask
  readonly host: CanvasHost
  readonly request: TaskRequest
  /** Fires when the run should end: the signal, or what makes it when it is first looked at. Default: it never fires. */
  readonly signal?: AbortSignal | (() => AbortSignal) | undefined
  /** Why whoever runs it does not want to know any more what it does; undefined: it does. Default: it always does. */
  readonly givenUp?: (() => Error | undefined) | undefined
  /** Default: the app's, for `celery.task`. */
  readonly logger?: Logger | undefined
  /** Awaited before the message of the next attempt leaves: from then on that attempt may write the result. */
  readonly beforeRetry?: ((retry: Retry) => Promise<void>) | undefined
}

const NEVER: AbortSignal = new AbortController().signal

/**
 * One run of a task, as the task sees it: the first argument of a task with `bind: true`, and what `currentTask()`
 * gives. Celery: `self`.
 */
export class TaskSelf implements TaskContext {
  readonly task: RegisteredTask
  readonly host: CanvasHost
  readonly request: TaskRequest
  #signal: AbortSignal | (() => AbortSignal)
  #logger: Logger | undefined
  readonly #givenUp: TaskSelfParts['givenUp']
  readonly #beforeRetry: TaskSelfParts['beforeRetry']
  #maxRetries: number | null | undefined
  #asked: HeardPromise<unknown> | undefined

  constructor(parts: TaskSelfParts) {
    this.task = parts.task
    this.host = parts.host
    this.request = parts.request
    this.#signal = parts.signal ?? NEVER
    this.#logger = parts.logger
    this.#givenUp = parts.givenUp
    this.#beforeRetry = parts.beforeRetry
  }

  /** Name of the task. */
  get name(): string {
    return this.task.name
  }

  /** Fires when the run should end; its reason is the error to throw. */
  get signal(): AbortSignal {
    if (typeof this.#signal === 'function') this.#signal = this.#signal()
    return this.#signal
  }

  /** Logs for this task: its messages carry its name and id. */
  get logger(): Logger {
    this.#logger ??= loggerOfRun(this, this.host.logger)
    return this.#logger
  }

  /**
   * What the body has asked for without waiting for it: `self.retry()` or `self.replace()` without `await`. The run ends
   * as this does.
   */
  get unheard(): Promise<unknown> | undefined {
    return this.#asked?.unheard
  }

  retry(options: RetryOptions = {}): Promise<Error> {
    const retry = this.#retry(options)
    return (options.throw ?? true) ? this.#ask(retry) : retry
  }

  /** Called in place, outside of any worker, there is no run that could end. */
  #ask<T>(deed: Promise<T>): Promise<T> {
    if (this.request.calledDirectly) return deed
    const asked = new HeardPromise(deed)
    this.#asked = asked
    return asked
  }

  async #retry(options: RetryOptions): Promise<Error> {
    checkRetryCall(options)
    const { request, task } = this
    this.#mustBeWanted()
    // What the body said first holds for an automatic retry of the same run, too.
    if (this.#maxRetries === undefined) this.#maxRetries = options.maxRetries
    if (request.calledDirectly) throw options.error ?? new Retry('Task can be retried')
    const call = this.#nextAttempt(options)
    const limit =
      this.#maxRetries === undefined
        ? task.options.maxRetries
        : (this.#maxRetries ?? Number.POSITIVE_INFINITY)
    if (request.retries + 1 > limit) {
      if (options.error !== undefined) throw options.error
      throw new MaxRetriesExceededError(
        `Can't retry ${task.name}[${request.id}] args:${reprArgs(call.args)} kwargs:${repr(call.kwargs)}`,
        { taskArgs: call.args, taskKwargs: call.kwargs },
      )
    }
    const retry = new Retry(undefined, {
      ...(options.error === undefined ? {} : { cause: options.error }),
      when: call.when,
      isEager: request.isEager,
      signature: {
        task: task.name,
        args: call.args,
        kwargs: call.kwargs,
        options: call.options,
        subtask_type: null,
        immutable: false,
      },
    })
    if (!request.isEager) {
      await this.#beforeRetry?.(retry)
      this.#mustBeWanted()
      await this.#send(call)
    }
    if (options.throw ?? true) throw retry
    return retry
  }

  sendEvent(type: string, fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const { id, hostname } = this.request
    return this.host.events.publish(type, { uuid: id, ...fields }, { hostname })
  }

  /**
   * Whether somebody asked this call to stop (`result.abort()`); asks the result backend. For tasks that look from time
   * to time, and return then. Celery: `AbortableTask.is_aborted`.
   */
  async isAborted(): Promise<boolean> {
    const { store } = this.host.resultContextOf(this.name)
    return store.enabled && (await store.load(this.request.id))?.status === ABORTED
  }

  /** Records a result among those of the calls that this run has made. Celery: `add_trail`. */
  addTrail<R extends ResultNode>(result: R): R {
    if (this.task.options.trail) this.request.children.push(result)
    return result
  }

  async updateState(
    state: string,
    meta: unknown = null,
    options: { readonly taskId?: string } = {},
  ): Promise<void> {
    const { host, request } = this
    if (typeof state !== 'string') {
      throw new TypeError(`updateState() takes a state, a text, and what goes with it, not ${repr(state)}`)
    }
    this.#mustBeWanted()
    const isError = EXCEPTION_STATES.has(state) && meta instanceof Error
    await host.resultContextOf(this.name).store.save(
      buildResultMeta({
        id: options.taskId ?? request.id,
        state,
        result: isError ? describeException(meta, host.resultContext.errorClasses) : meta,
        request: resultRequest(request, host.settings.resultExtended),
        now: host.clock.now(),
      }),
      { replyTo: request.replyTo },
    )
  }

  /**
   * Puts another call in this one's place: it gets this one's id, callbacks, chain and chord. Ends the run by throwing
   * `Ignore`; an eager run gives the value of the other call. Celery: `Task.replace`.
   */
  replace(signature: AnySignature): Promise<unknown> {
    return this.#ask(this.#replace(signature))
  }

  async #replace(signature: AnySignature): Promise<unknown> {
    const { request, task } = this
    this.#mustBeWanted()
    const next = replacementOf(this, requireSignature(signature, 'replace()'))
    await task.handlers.onReplace?.(this, next)
    if (request.isEager) return (await next.apply({})).get({ disableSyncSubtasks: false })
    await next.applyAsync({})
    throw new Ignore('Replaced by new task')
  }

  /**
   * Adds a call to the chord that this one is part of: the body waits for it and gets its result, too. With `lazy` it is
   * not sent but handed back, to be sent by you. Celery: `Task.add_to_chord`.
   * @throws TypeError outside of a chord; BackendError where chords cannot grow.
   */
  addToChord(signature: AnySignature, options: { readonly lazy: true }): Promise<AnySignature>
  addToChord(signature: AnySignature, options?: { readonly lazy?: false }): Promise<ResultNode>
  async addToChord(
    signature: AnySignature,
    { lazy = false }: { readonly lazy?: boolean } = {},
  ): Promise<AnySignature | ResultNode> {
    this.#mustBeWanted()
    const added = await joinChord(this, requireSignature(signature, 'addToChord()'))
    return lazy ? added : await added.send([])
  }

  /**
   * The running call as a signature: sent, it runs the same once more with the same id, callbacks and place in its
   * workflow. Celery: `Task.signature_from_request`.
   */
  signatureFromRequest(options: SameCallOptions & { readonly options?: UserCallOptions } = {}): AnySignature {
    const { host, name } = this
    const more = toWireOptions(options.options ?? {})
    return new Signature(host, { task: name, ...this.#sameCall(options, more) })
  }

  /** A run that was terminated sends and stores nothing more: whoever ended it has had the last word. */
  #mustBeWanted(): void {
    const reason = this.#givenUp?.()
    if (reason !== undefined) throw reason
  }

  /** The call that is sent for the next attempt. */
  #nextAttempt(retry: RetryOptions): NextAttempt {
    const { request, task } = this
    // Publishing would notice, too late: the state RETRY would stand for a next attempt that never comes.
    if (typeof retry.eta === 'string') parseIsoDateTime(retry.eta)
    const countdown =
      retry.countdown ?? (retry.eta === undefined ? task.options.defaultRetryDelay / 1000 : undefined)
    const user: UserCallOptions = { countdown, eta: retry.eta, ...retry.options }
    const times = toWireOptions(user)
    const more = { retries: request.retries + 1, add_to_parent: false, ...times }
    const when = retry.eta instanceof Date ? retry.eta : times['countdown']
    return {
      ...this.#sameCall(retry, more),
      when: typeof when === 'number' || when instanceof Date ? when : undefined,
    }
  }

  /** The running call, to be sent again to where it came from. Celery: `signature_from_request`. */
  #sameCall({ args, kwargs, queue }: SameCallOptions, more: WireOptions): Omit<NextAttempt, 'when'> {
    const { request } = this
    const options: Record<string, unknown> = { ...executionOptions(request), ...more }
    const { priority } = request.deliveryInfo
    if (priority !== undefined) options['priority'] ??= priority
    if (queue !== undefined) options['queue'] = queue
    else if (options['queue'] === undefined) this.#sameQueue(options)
    return { args: args ?? request.args, kwargs: kwargs ?? request.kwargs, options }
  }

  /** Back to where the message came from. */
  #sameQueue(options: Record<string, unknown>): void {
    const { exchange, routingKey } = this.request.deliveryInfo
    if ((exchange ?? '') === '') {
      if (routingKey !== undefined && routingKey !== '') options['queue'] = routingKey
    } else {
      options['exchange'] = exchange
      options['routing_key'] = routingKey
    }
  }

  async #send({ args, kwargs, options }: NextAttempt): Promise<void> {
    const { host, task } = this
    try {
      await callTask(host, { name: task.name, task }, args, kwargs, options)
    } catch (cause) {
      throw new Reject(`The retry of ${task.name}[${this.request.id}] could not be sent: ${String(cause)}`, {
        cause,
        requeue: false,
      })
    }
  }
}

/** What is to be different when a call is made again. */
interface SameCallOptions {
  /** Default: the same arguments. */
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
  /** Default: the queue it came from. */
  readonly queue?: string | undefined
}

interface NextAttempt {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly options: WireOptions
  readonly when: number | Date | undefined
}
