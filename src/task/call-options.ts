/**
 * Options of one call: as users write them (camelCase, durations with units), and as they travel inside signatures
 * (`WireOptions`: Celery's names, seconds). Celery: the keyword arguments of `apply_async`.
 */
import { type Duration, fromMilliseconds, toMilliseconds } from '../util/duration.ts'
import { isPlainObject } from '../util/is-record.ts'
import type { WireOptions } from './ports.ts'

/** When publishing fails, how often it is tried again. Celery: `retry_policy`. */
export interface UserRetryPolicy {
  /** Default 3; null: for ever. */
  readonly maxRetries?: number | null
  /** Seconds before the first retry. Default 0. */
  readonly intervalStart?: number
  /** Seconds by which each pause is longer than the one before. Default 0.2. */
  readonly intervalStep?: number
  /** Seconds that a pause takes at most. Default 1. */
  readonly intervalMax?: number
}

/** Options of a call. What is left out comes from the task, the route, the queue or the settings. */
export interface UserCallOptions {
  /** Default: a new UUID. */
  readonly taskId?: string | undefined
  /** Seconds (or `'5m'`) until it may run. Wins over `eta`. */
  readonly countdown?: Duration | undefined
  /** When it may run: a date or an ISO 8601 text. */
  readonly eta?: Date | string | undefined
  /** When it is worthless: seconds (or `'5m'`) from now, a date or an ISO 8601 text. */
  readonly expires?: Duration | Date | null | undefined
  /** Try again when publishing fails. Default: the setting `taskPublishRetry`. */
  readonly retry?: boolean | undefined
  readonly retryPolicy?: UserRetryPolicy | undefined
  /** Name of a queue, or a `Queue`. */
  readonly queue?: string | object | null | undefined
  readonly exchange?: string | null | undefined
  readonly routingKey?: string | null | undefined
  /** 0–255. */
  readonly priority?: number | null | undefined
  readonly serializer?: string | null | undefined
  readonly compression?: string | null | undefined
  /** 1 transient, 2 persistent. */
  readonly deliveryMode?: 1 | 2 | null | undefined
  /** Fail when no queue gets the message (RabbitMQ). */
  readonly mandatory?: boolean | undefined
  /** Added to the headers of the message. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  /** Further properties of the message, e.g. `{ MessageGroupId: 'a' }` for SQS. */
  readonly properties?: Readonly<Record<string, unknown>> | undefined
  /** Seconds publishing may take, the broker's confirmation included. Default: the setting `publishTimeout`. */
  readonly timeout?: Duration | undefined
  /** The same; the smaller of the two counts. Celery: `confirm_timeout`. */
  readonly confirmTimeout?: Duration | undefined
  /** Publish through this `Producer` instead of the app's: over another connection, say. Celery: also `publisher`. */
  readonly producer?: object | undefined
  /** Asked for a route instead of `taskRoutes`: a function, an object or a map, as there. */
  readonly router?: object | undefined
  /** How often it was tried before. Default 0. */
  readonly retries?: number | undefined
  /** Called with the result: a signature or several. */
  readonly link?: unknown
  /** Called on failure: a signature or several. */
  readonly linkError?: unknown
  /** Name to be shown instead of the task's. */
  readonly shadow?: string | undefined
  /** Hard limit in seconds (or `'5m'`). */
  readonly timeLimit?: Duration | null | undefined
  /** Soft limit in seconds (or `'5m'`). */
  readonly softTimeLimit?: Duration | null | undefined
  readonly ignoreResult?: boolean | undefined
  /** Record the result among the children of the running task. Default true. */
  readonly addToParent?: boolean | undefined
  /** Route it like the task of that name. */
  readonly routeName?: string | undefined
  readonly groupId?: string | undefined
  readonly groupIndex?: number | undefined
  readonly rootId?: string | undefined
  readonly parentId?: string | undefined
  readonly replyTo?: string | undefined
  readonly argsrepr?: string | undefined
  readonly kwargsrepr?: string | undefined
  /** Sends the event `task-sent`, if the setting `taskSendSentEvent` is on. Default: the app's, `gen<pid>@<host>`. */
  readonly eventDispatcher?: object | undefined
}

/** No options at all; the same object every time, so that it is recognised. */
export const NO_OPTIONS: WireOptions = Object.freeze({})

const DURATIONS: ReadonlySet<string> = new Set([
  'countdown',
  'timeout',
  'confirm_timeout',
  'time_limit',
  'soft_time_limit',
])
const names = new Map<string, string>()

/**
 * Options as they travel. Those that are undefined are left out, null stays (it overrides what the task says).
 * @throws TypeError when a duration is none.
 */
export function toWireOptions(options: UserCallOptions | WireOptions): WireOptions {
  const wire: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (name === 'properties') Object.assign(wire, value)
    else {
      const known = wireName(name)
      wire[known] = wireValue(known, name, value)
    }
  }
  return wire
}

/** `routingKey` → `routing_key`. Names in Celery's style stay, and those of properties such as SQS's `MessageGroupId`. */
export function wireName(name: string): string {
  let known = names.get(name)
  if (known === undefined) {
    known = /^[A-Z]/.test(name) ? name : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    names.set(name, known)
  }
  return known
}

/** @param name as it was written, for messages. */
function wireValue(known: string, name: string, value: unknown): unknown {
  if (value === null) return null
  if (DURATIONS.has(known)) return seconds(name, value)
  if (known === 'expires') return value instanceof Date || isIsoText(value) ? value : seconds(name, value)
  if (known === 'retry_policy' && isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [wireName(key), each]))
  }
  return value
}

function seconds(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value === 'string' || typeof value === 'number' || isPlainObject(value)) {
    return fromMilliseconds(toMilliseconds(value, name))
  }
  throw new TypeError(`${name}: ${String(value)} is no duration; give seconds or a text with a unit ('5m')`)
}

/** Tells `2030-01-02T03:04:05Z` from `5m`. */
function isIsoText(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-?\d\d-?\d\d/.test(value)
}
