/**
 * Options of a task: as users write them (`UserTaskOptions`), and resolved (`TaskOptions`), where the settings have
 * filled in what was left open and durations are milliseconds. Celery: attributes of a Task class.
 */
import type { Backend, BackendOptions } from '../backends/backend.ts'
import type { Settings } from '../config/settings.ts'
import { ImproperlyConfigured } from '../errors.ts'
import { type Duration, fromMilliseconds, toMilliseconds } from '../util/duration.ts'
import { parseRate } from '../util/rate.ts'
import type { StandardSchema } from './standard-schema.ts'

/** A class of errors, for `instanceof`. */
export type ErrorClass = abstract new (...args: never[]) => Error

/** A result backend: its URL, or a function that makes it. */
export type TaskBackend = string | ((options: BackendOptions) => Backend | Promise<Backend>)

/** The settings that tasks, calls and workflows look at. */
export type TaskSettings = Pick<
  Settings,
  | 'taskSerializer'
  | 'taskCompression'
  | 'taskDefaultRateLimit'
  | 'taskDefaultPriority'
  | 'taskTimeLimit'
  | 'taskSoftTimeLimit'
  | 'taskTrackStarted'
  | 'taskAcksLate'
  | 'taskAcksOnFailureOrTimeout'
  | 'taskAcksOnFailure'
  | 'taskAcksOnTimeout'
  | 'taskRejectOnWorkerLost'
  | 'taskIgnoreResult'
  | 'taskStoreEagerResult'
  | 'taskAnnotations'
  | 'taskStoreErrorsEvenIfIgnored'
  | 'taskAlwaysEager'
  | 'taskEagerPropagates'
  | 'taskInheritParentPriority'
  | 'taskAllowErrorCbOnChordHeader'
  | 'taskProtocol'
  | 'resultExtended'
  | 'resultChordRetryInterval'
  | 'resultChordJoinTimeout'
>

/** Options that become options of every call of the task. */
export interface TaskPublishOptions {
  /** Name of the queue. Default: what `taskRoutes` say, else `taskDefaultQueue`. */
  readonly queue?: string
  /** Name of the exchange, instead of a queue. Celery: `exchange`. */
  readonly exchange?: string
  /** Routing key for the exchange. Default: `taskDefaultRoutingKey`. Celery: `routing_key`. */
  readonly routingKey?: string
  /** 0–255. */
  readonly priority?: number
  /** Seconds (or a text with a unit) after which a waiting call is worthless. */
  readonly expires?: Duration
  /** Name of a serializer: `json`, `yaml`, `msgpack`, … */
  readonly serializer?: string
  /** 1 transient, 2 persistent. */
  readonly deliveryMode?: 1 | 2
  /** Name of a compression: `gzip`, `zstd`, … */
  readonly compression?: string
  /** Hard limit in seconds (or a text with a unit): the process that runs the task is killed. 0: the setting's. */
  readonly timeLimit?: Duration
  /** Soft limit in seconds (or a text with a unit): `self.signal` fires. Not above `timeLimit`. */
  readonly softTimeLimit?: Duration
  /** Calls fail when no queue gets the message (RabbitMQ). Default: true where a queue is named, else false. */
  readonly mandatory?: boolean
  /** Accepted for Celery's sake, without effect: RabbitMQ knows it no more. */
  readonly immediate?: boolean
}

/** Options of a task as users write them; all may be left out. */
export interface UserTaskOptions extends TaskPublishOptions {
  /** The name under which it is called; must be the same for everybody. Default: names of app and function, `tasks.add`. */
  readonly name?: string
  /** Pass the running call (`self`) as first argument. Default false. */
  readonly bind?: boolean
  /** Names of the parameters (without `self`), so that Python can call with named arguments. */
  readonly params?: readonly string[]
  /** Check the number and names of arguments before sending. Default: the app's `strictTyping` (true). */
  readonly typing?: boolean
  /** Standard Schema of the argument list (zod's `z.tuple`, …), checked before sending and before running. */
  readonly input?: StandardSchema
  /** How many retries there are; null: endless. Default 3. */
  readonly maxRetries?: number | null
  /** Seconds between attempts unless said otherwise. Default 180. */
  readonly defaultRetryDelay?: Duration
  /** Errors after which the task is tried again by itself. */
  readonly autoretryFor?: readonly ErrorClass[]
  /** Exceptions from `autoretryFor`. */
  readonly dontAutoretryFor?: readonly ErrorClass[]
  /** Further options of those retries. */
  readonly retryKwargs?: { readonly maxRetries?: number | null; readonly countdown?: Duration }
  /** Delay that doubles from retry to retry: true starts at one second, a number at so many. Default false. */
  readonly retryBackoff?: boolean | number
  /** The longest such delay. Default 600 seconds. */
  readonly retryBackoffMax?: Duration
  /** Take a random delay between 0 and the one reckoned. Default true. */
  readonly retryJitter?: boolean
  /**
   * Calls that a worker starts per second (number), or `'10/s'`, `'10/m'`, `'10/h'`: each worker by itself, evenly, without
   * bursts. Default, and 0: no limit.
   */
  readonly rateLimit?: number | string
  /** Do not store results. */
  readonly ignoreResult?: boolean
  /** Where the results of this task are kept, if not where those of the app are. Callers must say the same. */
  readonly backend?: TaskBackend
  /** Record the calls that a run sends as its children. Default true. */
  readonly trail?: boolean
  /** Send events about this task. Default true. */
  readonly sendEvents?: boolean
  /** Store errors though results are ignored. Default: the setting `taskStoreErrorsEvenIfIgnored`. */
  readonly storeErrorsEvenIfIgnored?: boolean
  /** Store results also of runs in place. Default: the setting `taskStoreEagerResult`. */
  readonly storeEagerResult?: boolean
  /** Store the state STARTED. */
  readonly trackStarted?: boolean
  /** Acknowledge the message after the run instead of before. */
  readonly acksLate?: boolean
  /** With `acksLate`: acknowledge failures and time-outs, too. Default: the setting `taskAcksOnFailureOrTimeout`. */
  readonly acksOnFailureOrTimeout?: boolean
  /** With `acksLate`; false: reject the message of a run that failed, for good. Default: as above. */
  readonly acksOnFailure?: boolean
  /** With `acksLate`; false: put the message of a run back that met its hard time limit. Default: as above. */
  readonly acksOnTimeout?: boolean
  /** Put the message back when the process that ran it died. Needs `acksLate`. */
  readonly rejectOnWorkerLost?: boolean
  /** Errors that are expected: logged without traceback. */
  readonly throws?: readonly ErrorClass[]
  /** Characters of a result shown in logs and events. Default 1024. */
  readonly resultreprMaxsize?: number
  /** Another name for logs, chosen per call. Celery: `shadow_name`. */
  readonly shadowName?: (
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
  ) => string | undefined
  /** Anything else you want to find at `task.options.attributes`. */
  readonly attributes?: Readonly<Record<string, unknown>>
}

/** Options of a task, resolved. Durations are milliseconds. */
export interface TaskOptions {
  readonly bind: boolean
  readonly params: readonly string[] | undefined
  readonly typing: boolean
  readonly input: StandardSchema | undefined
  /** Infinity: endless. */
  readonly maxRetries: number
  readonly defaultRetryDelay: number
  readonly autoretryFor: readonly ErrorClass[]
  readonly dontAutoretryFor: readonly ErrorClass[]
  readonly retryKwargs: { readonly maxRetries: number | undefined; readonly countdown: number | undefined }
  /** Milliseconds of the first backoff; undefined: none. */
  readonly retryBackoff: number | undefined
  readonly retryBackoffMax: number
  readonly retryJitter: boolean
  readonly rateLimit: number | string | undefined
  readonly ignoreResult: boolean
  /** Undefined: that of the app. */
  readonly backend: TaskBackend | undefined
  readonly trail: boolean
  readonly sendEvents: boolean
  readonly storeErrorsEvenIfIgnored: boolean
  readonly storeEagerResult: boolean
  readonly serializer: string
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
  readonly trackStarted: boolean
  readonly acksLate: boolean
  readonly acksOnFailure: boolean
  readonly acksOnTimeout: boolean
  readonly rejectOnWorkerLost: boolean
  readonly throws: readonly ErrorClass[]
  readonly resultreprMaxsize: number
  readonly shadowName: UserTaskOptions['shadowName']
  /** What the task says about its calls, in wire form and seconds; only what was set. */
  readonly publish: Readonly<Record<string, unknown>>
  readonly attributes: Readonly<Record<string, unknown>>
}

const DEFAULT_MAX_RETRIES = 3
const DEFAULT_RETRY_DELAY = 180_000
const DEFAULT_BACKOFF_MAX = 600_000
const DEFAULT_REPR_MAXSIZE = 1024

/**
 * Resolves the options of a task.
 * @param strictTyping default of `typing`: the app's `strictTyping`.
 * @param annotated options that override its own: see `annotations.ts`.
 * @throws TypeError when a duration is none; ImproperlyConfigured when the soft limit is above the hard one or the rate
 *   limit is none.
 */
export function normalizeTaskOptions(
  name: string,
  own: UserTaskOptions,
  settings: TaskSettings,
  strictTyping: boolean,
  annotated: UserTaskOptions = {},
): TaskOptions {
  const user = over(own, annotated)
  const timeLimit = limit(user.timeLimit, 'timeLimit') ?? limit(settings.taskTimeLimit, 'taskTimeLimit')
  const softTimeLimit =
    limit(user.softTimeLimit, 'softTimeLimit') ?? limit(settings.taskSoftTimeLimit, 'taskSoftTimeLimit')
  if (timeLimit !== undefined && softTimeLimit !== undefined && softTimeLimit > timeLimit) {
    throw new ImproperlyConfigured(
      `Task ${name}: softTimeLimit (${softTimeLimit} ms) must not be above timeLimit (${timeLimit} ms)`,
    )
  }
  const acks = user.acksOnFailureOrTimeout ?? settings.taskAcksOnFailureOrTimeout
  return {
    ...retryOptions(user),
    bind: user.bind ?? false,
    params: user.params,
    typing: user.typing ?? strictTyping,
    input: user.input,
    rateLimit: checkedRate(user.rateLimit ?? settings.taskDefaultRateLimit ?? undefined, name),
    ignoreResult: user.ignoreResult ?? settings.taskIgnoreResult,
    backend: user.backend,
    trail: user.trail ?? true,
    sendEvents: user.sendEvents ?? true,
    storeErrorsEvenIfIgnored: user.storeErrorsEvenIfIgnored ?? settings.taskStoreErrorsEvenIfIgnored,
    storeEagerResult: user.storeEagerResult ?? settings.taskStoreEagerResult,
    serializer: user.serializer ?? settings.taskSerializer,
    timeLimit,
    softTimeLimit,
    trackStarted: user.trackStarted ?? settings.taskTrackStarted,
    acksLate: user.acksLate ?? settings.taskAcksLate,
    acksOnFailure: user.acksOnFailure ?? settings.taskAcksOnFailure ?? acks,
    acksOnTimeout: user.acksOnTimeout ?? settings.taskAcksOnTimeout ?? acks,
    rejectOnWorkerLost: user.rejectOnWorkerLost ?? settings.taskRejectOnWorkerLost ?? false,
    throws: user.throws ?? [],
    resultreprMaxsize: user.resultreprMaxsize ?? DEFAULT_REPR_MAXSIZE,
    shadowName: user.shadowName,
    publish: publishOptions(user, settings, timeLimit, softTimeLimit),
    attributes: user.attributes ?? {},
  }
}

function over(own: UserTaskOptions, annotated: UserTaskOptions): UserTaskOptions {
  const { attributes } = annotated
  if (attributes === undefined) return { ...own, ...annotated }
  return { ...own, ...annotated, attributes: { ...own.attributes, ...attributes } }
}

type RetryPart = Pick<
  TaskOptions,
  | 'maxRetries'
  | 'defaultRetryDelay'
  | 'autoretryFor'
  | 'dontAutoretryFor'
  | 'retryKwargs'
  | 'retryBackoff'
  | 'retryBackoffMax'
  | 'retryJitter'
>

function retryOptions(user: UserTaskOptions): RetryPart {
  const backoff = user.retryBackoff ?? false
  const { retryKwargs = {} } = user
  return {
    maxRetries: retries(user.maxRetries) ?? DEFAULT_MAX_RETRIES,
    defaultRetryDelay: duration(user.defaultRetryDelay, 'defaultRetryDelay') ?? DEFAULT_RETRY_DELAY,
    autoretryFor: user.autoretryFor ?? [],
    dontAutoretryFor: user.dontAutoretryFor ?? [],
    retryKwargs: {
      maxRetries: retries(retryKwargs.maxRetries),
      countdown: duration(retryKwargs.countdown, 'retryKwargs.countdown'),
    },
    // Celery counts whole seconds here, and at least one.
    retryBackoff:
      backoff === false || backoff === 0 ? undefined : Math.max(1, Math.trunc(Number(backoff))) * 1000,
    retryBackoffMax: duration(user.retryBackoffMax, 'retryBackoffMax') ?? DEFAULT_BACKOFF_MAX,
    retryJitter: user.retryJitter ?? true,
  }
}

/** In the order of Celery's `extract_exec_options`. */
function publishOptions(
  user: UserTaskOptions,
  settings: TaskSettings,
  timeLimit: number | undefined,
  softTimeLimit: number | undefined,
): Readonly<Record<string, unknown>> {
  const candidates: Readonly<Record<string, unknown>> = {
    queue: user.queue,
    routing_key: user.routingKey,
    exchange: user.exchange,
    priority: user.priority ?? settings.taskDefaultPriority,
    expires: user.expires === undefined ? undefined : seconds(toMilliseconds(user.expires, 'expires')),
    serializer: user.serializer ?? settings.taskSerializer,
    delivery_mode: user.deliveryMode,
    compression: user.compression,
    time_limit: seconds(timeLimit),
    soft_time_limit: seconds(softTimeLimit),
    immediate: user.immediate,
    mandatory: user.mandatory,
    ignore_result: (user.ignoreResult ?? settings.taskIgnoreResult) ? true : undefined,
  }
  return Object.fromEntries(
    Object.entries(candidates).filter(([, value]) => value !== undefined && value !== null),
  )
}

function checkedRate(rate: number | string | undefined, name: string): number | string | undefined {
  parseRate(rate, `Task ${name}: rateLimit`)
  return rate
}

function duration(value: Duration | null | undefined, option: string): number | undefined {
  return value === null || value === undefined ? undefined : toMilliseconds(value, option)
}

/** Python asks `limit or default`, so that 0 says nothing. */
function limit(value: Duration | null | undefined, option: string): number | undefined {
  const milliseconds = duration(value, option)
  return milliseconds === 0 ? undefined : milliseconds
}

function seconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : fromMilliseconds(milliseconds)
}

function retries(value: number | null | undefined): number | undefined {
  return value === null ? Number.POSITIVE_INFINITY : value
}
