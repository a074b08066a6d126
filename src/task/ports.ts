/**
 * What tasks, signatures and the canvas need of the app, and what the app, the tracer and the worker need of a task.
 *
 * Tasks know the app only as `TaskHost`; class `Celery` implements it.
 */
import type { ResultStore } from '../backends/result-store.ts'
import type { ResultContext } from '../result/ports.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { Signal } from '../util/signal.ts'
import type { TaskOptions, TaskSettings } from './options.ts'
import type { TaskRequest } from './request.ts'

/**
 * Options of a call as they travel inside signatures: Celery's names of `apply_async`'s arguments, values as JSON
 * knows them (seconds, ISO texts) or as the user gave them (`Date`). Whatever is unknown becomes a message property.
 */
export type WireOptions = Readonly<Record<string, unknown>>

/** A call that is complete: everything but its way to the broker is decided. */
export interface TaskCall {
  readonly name: string
  readonly id: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** The task's own publish options with those of the call over them. */
  readonly options: WireOptions
  /** The task if it is registered here. */
  readonly task: RegisteredTask | undefined
}

/** How a call ended that was run in place. */
export interface EagerOutcome {
  readonly id: string
  /** SUCCESS, FAILURE, …; see `protocol/states.ts`. */
  readonly state: string
  /** What was returned; the error when there was one. */
  readonly value: unknown
  readonly traceback: string | undefined
}

/** Finds tasks by name. */
export interface TaskLookup {
  get(name: string): RegisteredTask | undefined
}

/** Sends events to whoever watches. */
export interface TaskEventSender {
  /**
   * Settles when the broker has it.
   * @param options `hostname`: whom it is from; default: this process as a client.
   */
  publish(
    type: string,
    fields: Readonly<Record<string, unknown>>,
    options: { readonly hostname?: string | undefined },
  ): Promise<void>
}

/** See the module's description. */
export interface TaskHost {
  /** The settings as they are now: one object until a setting changes, then another. */
  readonly settings: TaskSettings
  readonly tasks: TaskLookup
  readonly results: ResultStore
  /** What result objects need; `results` is its store. */
  readonly resultContext: ResultContext
  /** The same for the results of the task of that name, which may have a backend of its own. */
  resultContextOf(task: string): ResultContext
  readonly signals: TaskSignals
  readonly clock: Clock
  readonly logger: Logger
  /** Id of this process as a client, its `reply_to`. Celery: `thread_oid`. */
  readonly oid: string
  readonly events: TaskEventSender
  /**
   * Tells the result backend, routes, encodes and publishes; settles when the broker has the message. Messages leave in
   * the order of these calls. Celery: `on_task_call`, `send_task_message`.
   */
  publish(call: TaskCall): Promise<void>
  /** Runs the call here and now, retries included. Celery: `Task.apply`. */
  runEagerly(call: TaskCall): Promise<EagerOutcome>
}

/** Why a handler is called: the run and, for failures and retries, the error. */
export interface TaskOutcomeInfo {
  readonly taskId: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** Text of the stack, for failures and retries. */
  readonly traceback: string | undefined
}

/** The call that takes the place of a running one: a `Signature`. */
export interface Replacement {
  readonly task: string
  readonly options: Record<string, unknown>
  /** See `Signature.stamp`. */
  stamp(stamps: Readonly<Record<string, unknown>>): unknown
}

/** Called around the runs of a task, awaited, with the task's context as first argument. */
export interface TaskHandlers {
  /** Once, when the task belongs to its app. Celery: `on_bound`. */
  onBound?(app: TaskHost): unknown
  /** Before the body. Celery: `before_start`. */
  beforeStart?(self: TaskContext, info: TaskOutcomeInfo): unknown
  /** Celery: `on_success`. */
  onSuccess?(self: TaskContext, value: unknown, info: TaskOutcomeInfo): unknown
  /** Celery: `on_retry`. */
  onRetry?(self: TaskContext, error: unknown, info: TaskOutcomeInfo): unknown
  /** Celery: `on_failure`. */
  onFailure?(self: TaskContext, error: unknown, info: TaskOutcomeInfo): unknown
  /** Before the call is sent that replaces this one, with the rest of its chain; may stamp it. Celery: `on_replace`. */
  onReplace?(self: TaskContext, replacement: Replacement): unknown
  /** After success and failure. Celery: `after_return`. */
  afterReturn?(self: TaskContext, state: string, value: unknown, info: TaskOutcomeInfo): unknown
}

/** A task as the tracer, the worker and the canvas see it: its types are the caller's business. */
export interface RegisteredTask {
  readonly name: string
  /** With the settings for what the task itself leaves open. */
  readonly options: TaskOptions
  readonly handlers: TaskHandlers
  readonly host: TaskHost
  /** It has a body here; a remote task has none. */
  readonly runnable: boolean
  /** How many positional arguments the body takes without `self`; undefined: any number. */
  readonly arity: number | undefined
  /**
   * Runs the body: binds named arguments to parameters, checks the input, calls. May answer a promise.
   * @throws TypeError or InvalidArguments when the arguments do not fit.
   */
  run(self: TaskContext, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): unknown
  /**
   * Checks the arguments of a call before it is sent; undefined when there is nothing to wait for.
   * @throws TypeError or (rejects with) InvalidArguments.
   */
  check(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): Promise<void> | undefined
}

/** Options of `self.retry()`. */
export interface RetryOptions {
  /** Seconds until the next attempt, or a text with a unit; default the task's `defaultRetryDelay`. */
  readonly countdown?: number | string | undefined
  /** Moment of the next attempt. */
  readonly eta?: Date | string | undefined
  /** The reason: thrown in the end when no attempt is left. */
  readonly error?: unknown
  /** Other arguments for the next attempt. */
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
  /** Overrides the task's for this attempt; null: endless. */
  readonly maxRetries?: number | null | undefined
  /** False: gives the `Retry` back instead of throwing it. Default true. */
  readonly throw?: boolean | undefined
  /** Default: the queue it came from. */
  readonly queue?: string | undefined
  /** Further options of `applyAsync`. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
}

/** What a bound task gets as its first parameter: the running call. Celery: `self` of a bound task. */
export interface TaskContext {
  readonly name: string
  readonly request: TaskRequest
  /**
   * Fires on the soft time limit, on revoke with terminate, and on shutdown; `signal.reason` is the error to throw.
   */
  readonly signal: AbortSignal
  readonly logger: Logger
  readonly task: RegisteredTask
  readonly host: TaskHost
  /**
   * Sends the call once more and throws `Retry`: `throw await self.retry({ countdown: 10, error })`.
   * Rejects with `error`, else `MaxRetriesExceededError`, when no attempt is left.
   */
  retry(options?: RetryOptions): Promise<Error>
  /**
   * Tells monitors something: `await self.sendEvent('task-progress', { percent: 50 })`. The event gets the id of the
   * task; it is sent whether or not the worker sends events about tasks. Celery: `send_event`.
   * @throws EncodeError, OperationalError.
   */
  sendEvent(type: string, fields?: Readonly<Record<string, unknown>>): Promise<void>
  /** Stores a state of your own for the running task (or for `taskId`). */
  updateState(state: string, meta?: unknown, options?: { readonly taskId?: string }): Promise<void>
}

/** What a task message is before it is encoded; receivers of `beforeTaskPublish` may change it. */
export interface BeforeTaskPublish {
  /** Name of the task. */
  readonly sender: string
  /** `[args, kwargs, embed]` (protocol 1: the one map). */
  readonly body: unknown
  readonly headers: Record<string, unknown>
  /** AMQP properties in wire form. */
  readonly properties: Record<string, unknown>
  readonly exchange: string
  readonly routingKey: string
  /** Queues and exchanges that are declared before it is published. */
  readonly declare: readonly unknown[] | undefined
  readonly retryPolicy: unknown
}

/** A task message that the broker has. */
export interface AfterTaskPublish {
  /** Name of the task. */
  readonly sender: string
  readonly body: unknown
  readonly headers: Readonly<Record<string, unknown>>
  readonly exchange: string
  readonly routingKey: string
}

/** Celery's deprecated `task_sent`. */
export interface TaskSent {
  /** Name of the task. */
  readonly sender: string
  readonly taskId: string
  readonly task: string
  readonly args: unknown
  readonly kwargs: unknown
  readonly eta: string | null
  readonly taskset: string | null
}

/** A run that begins. */
export interface TaskPrerun {
  readonly sender: RegisteredTask
  readonly taskId: string
  readonly task: RegisteredTask
  readonly request: TaskRequest
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
}

/** A run that is over, however it ended. */
export interface TaskPostrun extends TaskPrerun {
  /** What was returned, or the error. */
  readonly retval: unknown
  readonly state: string
}

/** A run that succeeded. */
export interface TaskSuccess {
  readonly sender: RegisteredTask
  readonly request: TaskRequest
  readonly result: unknown
}

/** A run that will be repeated. */
export interface TaskRetry {
  readonly sender: RegisteredTask
  readonly request: TaskRequest
  readonly reason: unknown
  readonly traceback: string | undefined
}

/** A run that failed. */
export interface TaskFailure {
  readonly sender: RegisteredTask
  readonly taskId: string
  readonly request: TaskRequest
  readonly exception: unknown
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly traceback: string | undefined
}

/** Signals about tasks, under Celery's names in camelCase. Nobody pays for those that nobody has connected to. */
export interface TaskSignals {
  readonly beforeTaskPublish: Signal<BeforeTaskPublish>
  readonly afterTaskPublish: Signal<AfterTaskPublish>
  readonly taskSent: Signal<TaskSent>
  readonly taskPrerun: Signal<TaskPrerun>
  readonly taskPostrun: Signal<TaskPostrun>
  readonly taskSuccess: Signal<TaskSuccess>
  readonly taskRetry: Signal<TaskRetry>
  readonly taskFailure: Signal<TaskFailure>
  /** Something outside the body failed: a handler, a backend. */
  readonly taskInternalError: Signal<TaskFailure>
}
