/** Shapes of the settings that are more than a text, a number or a truth value. */

import type { Duration } from '../util/duration.ts'

/** A class, function or object, or a text `module#export` that names one. */
export type Reference = string | object | ((...args: never[]) => unknown)

/** Anything that knows when it is due, such as `crontab(…)`. */
export interface ScheduleValue {
  isDue(lastRun: Date, now: Date): unknown
}

/** A call of a task as a thing, such as `add.s(2, 2)` or a chain. */
export interface SignatureValue {
  /** Name of the task. */
  readonly task: string
  send(...call: never[]): unknown
}

/** One entry of `beatSchedule`. */
export interface BeatScheduleEntry {
  /** Name of the task; or a signature, of a chain, say. */
  readonly task: string | SignatureValue
  /**
   * When it runs: every so many seconds, every `'5m'`, `{ minutes: 5 }`, or a schedule such as `crontab(…)`; as data
   * `{ every: 30 }`, `{ crontab: '0 4 * * *' }` or `{ solar: ['sunset', 51.5, -0.1] }`.
   */
  readonly schedule: Duration | ScheduleValue | Readonly<Record<string, unknown>>
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Options of `applyAsync`, such as `queue` or `expires`. */
  readonly options?: Readonly<Record<string, unknown>>
  /** Whether the times of an interval are rounded to its unit: every hour on the hour. */
  readonly relative?: boolean
  /** False: it rests. Default true. */
  readonly enabled?: boolean
}

/** How often, and after how many seconds, something is tried again. */
export interface RetryPolicyValue {
  /** `null`: for ever. */
  readonly max_retries?: number | null
  /** Pause before the first retry. */
  readonly interval_start?: number
  /** What each pause is longer than the one before. */
  readonly interval_step?: number
  /** Longest pause. */
  readonly interval_max?: number
  /** Errors to try again after; default: what the transport calls recoverable. */
  readonly retry_errors?: readonly unknown[]
}

/** The same as users may write it. */
export interface CamelCaseRetryPolicy {
  /** `null`: for ever. */
  readonly maxRetries?: number | null
  /** Pause before the first retry. */
  readonly intervalStart?: number
  /** What each pause is longer than the one before. */
  readonly intervalStep?: number
  /** Longest pause. */
  readonly intervalMax?: number
  /** Errors to try again after; default: what the transport calls recoverable. */
  readonly retryErrors?: readonly unknown[]
}

/** Where a task goes: the name of a queue, or options of `applyAsync`. */
export type RouteValue = string | Readonly<Record<string, unknown>>

/** Decides where a task goes; nothing means that the next router decides. */
export type RouterFunction = (
  name: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  options: Readonly<Record<string, unknown>>,
  task?: unknown,
) => RouteValue | null | undefined

/** Pattern (a name, a glob or an expression) and where tasks of such names go. */
export type RoutePair = readonly [pattern: string | RegExp, route: RouteValue]

/** One router: a dict of patterns, a list of pairs, a function, an object, or the name of one. */
export type RouterValue =
  | Readonly<Record<string, RouteValue>>
  | readonly RoutePair[]
  | RouterFunction
  | { routeForTask: RouterFunction }
  | string

/** A queue, made by `new Queue(…)` or written down. */
export interface QueueValue {
  readonly name: string
}

/** Attributes for tasks: name of the task, or `*`, → attribute → value; or an object that has `annotate`. */
export type AnnotationsValue =
  | Readonly<Record<string, Readonly<Record<string, unknown>>>>
  | { annotate(task: { readonly name: string }): Readonly<Record<string, unknown>> | null | undefined }
  | string

/** Makes an endless series of URLs out of the list of those that are configured. */
export type FailoverStrategy = (urls: readonly string[]) => Iterable<string>

/**
 * Types of settings for which the type in the table says too little. Where the table says `null`, that is added.
 */
export interface SpecialValues {
  readonly beatSchedule: Readonly<Record<string, BeatScheduleEntry>>
  readonly brokerFailoverStrategy: 'round-robin' | 'shuffle' | FailoverStrategy
  readonly overrideBackends: Readonly<Record<string, Reference>>
  readonly taskAnnotations: AnnotationsValue | readonly AnnotationsValue[]
  readonly taskPublishRetryPolicy: RetryPolicyValue
  readonly taskQueues: readonly QueueValue[] | Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly taskRoutes: Exclude<RouterValue, readonly RoutePair[]> | readonly RouterValue[]
}
