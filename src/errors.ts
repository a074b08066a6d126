/**
 * All errors that users of Celeriac can meet, in one tree.
 *
 * Names are Celery's and kombu's, so that what is written about them holds here too. Each class has a stable `code`
 * to branch on; adapters translate their client's errors into these and keep the original as `cause`.
 */

/** Base of every error of ours. Celery: `celery.exceptions.CeleryError`. */
export class CeleryError extends Error {
  /** Stable identifier of the kind of error, e.g. `NOT_REGISTERED`. */
  readonly code: string = 'CELERY_ERROR'

  constructor(message?: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

// ---------------------------------------------------------------- configuration

/** A setting, an option or a combination of them cannot work. Celery: `ImproperlyConfigured`. */
export class ImproperlyConfigured extends CeleryError {
  override readonly code: string = 'IMPROPERLY_CONFIGURED'
}

/** A message or a value was refused for reasons of security. Celery: `SecurityError`. */
export class SecurityError extends CeleryError {
  override readonly code: string = 'SECURITY_ERROR'
}

// ---------------------------------------------------------------- tasks

/** Base of errors about tasks. Celery: `TaskError`. */
export class TaskError extends CeleryError {
  override readonly code: string = 'TASK_ERROR'
}

/** No task of that name is registered here. Celery: `NotRegistered`. */
export class NotRegistered extends TaskError {
  override readonly code: string = 'NOT_REGISTERED'
}

/** A task of that name exists already. Celery: `AlreadyRegistered`. */
export class AlreadyRegistered extends TaskError {
  override readonly code: string = 'ALREADY_REGISTERED'
}

/** A queue was named that is not in `taskQueues` while missing queues may not be created. Celery: `QueueNotFound`. */
export class QueueNotFound extends TaskError {
  override readonly code: string = 'QUEUE_NOT_FOUND'
}

/** Part of a stream of results is not there yet. Celery: `IncompleteStream`. */
export class IncompleteStream extends TaskError {
  override readonly code: string = 'INCOMPLETE_STREAM'
}

/** An operation took longer than its `timeout`. Celery: `celery.exceptions.TimeoutError`. */
export class TimeoutError extends TaskError {
  override readonly code: string = 'TIMEOUT'
}

/** A task was retried as often as it may be. Celery: `MaxRetriesExceededError`. */
export class MaxRetriesExceededError extends TaskError {
  override readonly code: string = 'MAX_RETRIES_EXCEEDED'
  /** Arguments of the last attempt; unknown for an error that comes from elsewhere. */
  readonly taskArgs: readonly unknown[] | undefined
  readonly taskKwargs: Readonly<Record<string, unknown>> | undefined

  constructor(
    message?: string,
    options: ErrorOptions & {
      readonly taskArgs?: readonly unknown[]
      readonly taskKwargs?: Readonly<Record<string, unknown>>
    } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : {})
    this.taskArgs = options.taskArgs
    this.taskKwargs = options.taskKwargs
  }
}

/** The task was revoked, terminated or had expired. Celery: `TaskRevokedError`. */
export class TaskRevokedError extends TaskError {
  override readonly code: string = 'TASK_REVOKED'
}

/** A task message lacks what makes it one. Celery: `InvalidTaskError`. */
export class InvalidTaskError extends TaskError {
  override readonly code: string = 'INVALID_TASK'
}

/** A member of a chord's header failed, so its body cannot run. Celery: `ChordError`. */
export class ChordError extends TaskError {
  override readonly code: string = 'CHORD_ERROR'
}

/** What a task throws to tell the worker something, and not because it failed. Celery: `TaskPredicate`. */
export class TaskPredicate extends CeleryError {
  override readonly code: string = 'TASK_PREDICATE'
}

/** The task was sent again, to be tried later. Thrown by `self.retry()`. Celery: `Retry`. */
export class Retry extends TaskPredicate {
  override readonly code: string = 'RETRY'
  /** When the next attempt is due: seconds from the time of the retry, or a moment. */
  readonly when: number | Date | undefined
  /** The attempt ran eagerly, so nothing was sent; the caller applies `signature`. Celery: `is_eager`. */
  readonly isEager: boolean
  /** The call that is tried next. Celery: `sig`. */
  readonly signature: unknown

  constructor(
    message?: string,
    options: ErrorOptions & {
      readonly when?: number | Date | undefined
      readonly isEager?: boolean
      readonly signature?: unknown
    } = {},
  ) {
    const { when, cause } = options
    const time = when instanceof Date ? `at ${when.toISOString()}` : when === undefined ? '' : `in ${when}s`
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : (message ?? '')
    super(`Retry${time && ` ${time}`}${reason && `: ${reason}`}`, 'cause' in options ? { cause } : {})
    this.when = when
    this.isEager = options.isEager ?? false
    this.signature = options.signature
  }
}

/** Nothing is stored for this run and the message counts as done. Celery: `Ignore`. */
export class Ignore extends TaskPredicate {
  override readonly code: string = 'IGNORE'
}

/** The message is given back to the broker: put into its queue again, or dropped. Needs `acksLate`. Celery: `Reject`. */
export class Reject extends TaskPredicate {
  override readonly code: string = 'REJECT'
  /** Default false. */
  readonly requeue: boolean

  constructor(reason?: string, options: ErrorOptions & { readonly requeue?: boolean } = {}) {
    super(reason, 'cause' in options ? { cause: options.cause } : {})
    this.requeue = options.requeue ?? false
  }
}

/** Arguments did not pass a task's `input` schema. */
export class InvalidArguments extends TaskError {
  override readonly code: string = 'INVALID_ARGUMENTS'
  /** What the schema found, one entry per problem. */
  readonly issues: readonly { readonly message: string; readonly path: string }[]

  constructor(message: string, issues: readonly { readonly message: string; readonly path: string }[] = []) {
    super(message)
    this.issues = issues
  }
}

/**
 * An error that was raised by another process and whose class is not known here. `name` is the class's name there
 * (e.g. `ValidationError`), `module` its module. Celery makes a class of that name up.
 */
export class RemoteError extends TaskError {
  override readonly code: string = 'REMOTE_ERROR'
  /** The module of the class where it was raised, e.g. `myapp.errors`. */
  readonly module: string
  /** The arguments of the exception as they were stored. */
  readonly args: readonly unknown[]

  constructor(typeName: string, module: string, args: readonly unknown[] = [], options?: ErrorOptions) {
    super(args.map(textOf).join(', '), options)
    this.name = typeName
    this.module = module
    this.args = args
  }
}

/** `JSON.stringify` knows no big integers, and makes null of NaN. */
function textOf(arg: unknown): string {
  if (typeof arg === 'string' || typeof arg === 'number' || typeof arg === 'bigint') return String(arg)
  return JSON.stringify(arg, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
}

// ---------------------------------------------------------------- result backends

/** Base of errors of result backends. Celery: `BackendError`. */
export class BackendError extends CeleryError {
  override readonly code: string = 'BACKEND_ERROR'
}

/** A result could not be read. Celery: `BackendGetMetaError`. */
export class BackendGetMetaError extends BackendError {
  override readonly code: string = 'BACKEND_GET_META'
  /** The task whose result it is; undefined: several, or none. Celery: `task_id`. */
  readonly taskId: string | undefined

  constructor(message?: string, options: ErrorOptions & { readonly taskId?: string | undefined } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : {})
    this.taskId = options.taskId
  }
}

/** A result could not be stored. Celery: `BackendStoreError`. */
export class BackendStoreError extends BackendError {
  override readonly code: string = 'BACKEND_STORE'
  /** The task whose result it is; undefined: several, or none. Celery: `task_id`. */
  readonly taskId: string | undefined
  /** The state that was to be stored. */
  readonly state: string | undefined

  constructor(
    message?: string,
    options: ErrorOptions & { readonly taskId?: string | undefined; readonly state?: string } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : {})
    this.taskId = options.taskId
    this.state = options.state
  }
}

/** Results were asked for, but no result backend is configured. Celery raises `NotImplementedError`. */
export class BackendNotConfigured extends BackendError {
  override readonly code: string = 'BACKEND_NOT_CONFIGURED'
}

// ---------------------------------------------------------------- pools

/** The soft time limit passed; `self.signal` is aborted with this reason. Celery: `SoftTimeLimitExceeded`. */
export class SoftTimeLimitExceeded extends CeleryError {
  override readonly code: string = 'SOFT_TIME_LIMIT_EXCEEDED'
}

/** The hard time limit passed and the process that ran the task was killed. Celery: `TimeLimitExceeded`. */
export class TimeLimitExceeded extends CeleryError {
  override readonly code: string = 'TIME_LIMIT_EXCEEDED'
  /** The limit in seconds: what Celery stores of it. Undefined when it is not known. */
  readonly limit: number | undefined

  /** @param message a text, or the limit in seconds, of which the text is made as Python does. */
  constructor(message?: string | number, options?: ErrorOptions) {
    super(typeof message === 'number' ? `TimeLimitExceeded(${message})` : message, options)
    this.limit = typeof message === 'number' ? message : undefined
  }
}

/** The process that ran the task ended unexpectedly. Celery: `WorkerLostError`. */
export class WorkerLostError extends CeleryError {
  override readonly code: string = 'WORKER_LOST'
}

/** The task was terminated by a signal on request. Celery: `Terminated`. */
export class Terminated extends CeleryError {
  override readonly code: string = 'TERMINATED'
}

/** The worker was told to stop at once. Celery: `WorkerTerminate`. */
export class WorkerTerminate extends CeleryError {
  override readonly code: string = 'WORKER_TERMINATE'
}

// ---------------------------------------------------------------- messaging

/** Base of errors of the messaging layer. kombu: `KombuError`. */
export class KombuError extends CeleryError {
  override readonly code: string = 'MESSAGING_ERROR'
}

/** The broker or its connection failed. `recoverable` says whether trying again can help. kombu: `OperationalError`. */
export class OperationalError extends KombuError {
  override readonly code: string = 'OPERATIONAL_ERROR'
  readonly recoverable: boolean

  constructor(message: string, options?: ErrorOptions & { readonly recoverable?: boolean }) {
    super(message, options)
    this.recoverable = options?.recoverable ?? true
  }
}

/** The connection to the broker was lost or could not be made. amqp: `ConnectionError`. */
export class ConnectionError extends OperationalError {
  override readonly code: string = 'CONNECTION_ERROR'
}

/** The broker refused an operation and closed the channel. amqp: `ChannelError`. */
export class ChannelError extends OperationalError {
  override readonly code: string = 'CHANNEL_ERROR'
}

/** A published message could not be routed to any queue or was refused (nacked) by the broker. */
export class PublishError extends OperationalError {
  override readonly code: string = 'PUBLISH_ERROR'
}

/** Base of errors about encoding and decoding. kombu: `SerializationError`. */
export class SerializationError extends KombuError {
  override readonly code: string = 'SERIALIZATION_ERROR'
}

/** A value cannot be encoded. kombu: `EncodeError`. */
export class EncodeError extends SerializationError {
  override readonly code: string = 'ENCODE_ERROR'
}

/** Bytes cannot be decoded. kombu: `DecodeError`. */
export class DecodeError extends SerializationError {
  override readonly code: string = 'DECODE_ERROR'
}

/** The content type of a message is not in `acceptContent`. kombu: `ContentDisallowed`. */
export class ContentDisallowed extends SerializationError {
  override readonly code: string = 'CONTENT_DISALLOWED'
}

/** The package that a serializer or compression needs is not installed. kombu: `SerializerNotInstalled`. */
export class SerializerNotInstalled extends SerializationError {
  override readonly code: string = 'SERIALIZER_NOT_INSTALLED'
}

/** A pattern for names of nodes is of a kind that nobody knows here. kombu: `MatcherNotInstalled`. */
export class MatcherNotInstalled extends KombuError {
  override readonly code: string = 'MATCHER_NOT_INSTALLED'
}
