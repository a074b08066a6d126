/**
 * A call as the headers and the body of a message: protocol 2 (default) and protocol 1.
 *
 * Speed: all that is the same for every call of a task is computed once, into a `TaskTemplate`; a call then allocates
 * one object for its headers.
 */
import { fromMilliseconds } from '../util/duration.ts'
import { formatIsoDate, parseIsoDate } from '../util/iso8601.ts'
import type { SignatureData } from './signature.ts'

/** One call. Everything optional is absent, not null; the encoders write the nulls. */
export interface TaskCallData {
  readonly id: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** The arguments as text for people; Python's `saferepr`. */
  readonly argsrepr: string
  readonly kwargsrepr: string
  /** Default: the task's own id. */
  readonly rootId?: string | undefined
  readonly parentId?: string | undefined
  readonly groupId?: string | undefined
  readonly groupIndex?: number | undefined
  readonly shadow?: string | undefined
  /** When to run it: an instant, or its text as it shall be written. */
  readonly eta?: Date | string | undefined
  /** When it is of no use any more. */
  readonly expires?: Date | string | undefined
  /** Default 0. */
  readonly retries?: number | undefined
  /** Milliseconds; default: that of the template. */
  readonly timeLimit?: number | undefined
  /** Milliseconds; default: that of the template. */
  readonly softTimeLimit?: number | undefined
  /** Default: that of the template. */
  readonly ignoreResult?: boolean | undefined
  readonly replacedTaskNesting?: number | undefined
  readonly stampedHeaders?: readonly string[] | undefined
  readonly stamps?: Readonly<Record<string, unknown>> | undefined
  /** Headers of the caller; they win over the protocol's. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  /** Default: that of the template. */
  readonly origin?: string | undefined
  readonly replyTo?: string | undefined
  readonly callbacks?: readonly SignatureData[] | undefined
  readonly errbacks?: readonly SignatureData[] | undefined
  /** Reversed: the last one runs next. Protocol 1 has none. */
  readonly chain?: readonly SignatureData[] | undefined
  readonly chord?: SignatureData | undefined
}

/** What all calls of a task have in common. */
export interface TaskTemplateParts {
  readonly task: string
  /** Who sends, e.g. `gen1234@host`. */
  readonly origin: string
  /** Default false. */
  readonly ignoreResult?: boolean | undefined
  /** Milliseconds. */
  readonly timeLimit?: number | undefined
  /** Milliseconds. */
  readonly softTimeLimit?: number | undefined
  readonly shadow?: string | undefined
}

/** See `createTaskTemplate`. */
export interface TaskTemplate {
  readonly task: string
  readonly origin: string
  readonly ignoreResult: boolean
  readonly shadow: string | null
  /** `[hard, soft]` in seconds or null. */
  readonly timeLimits: readonly [number | null, number | null]
}

/** A call, ready to be serialised and sent. */
export interface EncodedTask {
  /** A fresh object, the caller's to change (e.g. to add `compression`). */
  readonly headers: Record<string, unknown>
  /** What the serializer is to make bytes of. */
  readonly body: unknown
  /** Property of the message: the task's id. */
  readonly correlationId: string
  /** Property of the message; empty when nobody waits. */
  readonly replyTo: string
}

/** Computes once what all calls of a task have in common. */
export function createTaskTemplate(parts: TaskTemplateParts): TaskTemplate {
  return {
    task: parts.task,
    origin: parts.origin,
    ignoreResult: parts.ignoreResult ?? false,
    shadow: parts.shadow ?? null,
    timeLimits: timeLimits(parts.timeLimit, parts.softTimeLimit, NO_LIMITS),
  }
}

/** Encodes a call in protocol 2. Celery: `as_task_v2`. */
export function encodeTaskMessage(template: TaskTemplate, call: TaskCallData): EncodedTask {
  const headers: Record<string, unknown> = {
    lang: 'js',
    task: template.task,
    id: call.id,
    shadow: call.shadow ?? template.shadow,
    eta: call.eta === undefined ? null : isoText(call.eta),
    expires: call.expires === undefined ? null : isoText(call.expires),
    group: call.groupId ?? null,
    group_index: call.groupIndex ?? null,
    retries: call.retries ?? 0,
    timelimit: timeLimits(call.timeLimit, call.softTimeLimit, template.timeLimits),
    root_id: call.rootId ?? call.id,
    parent_id: call.parentId ?? null,
    argsrepr: call.argsrepr,
    kwargsrepr: call.kwargsrepr,
    origin: call.origin ?? template.origin,
    ignore_result: call.ignoreResult ?? template.ignoreResult,
    replaced_task_nesting: call.replacedTaskNesting ?? 0,
    stamped_headers: call.stampedHeaders ?? null,
    stamps: call.stamps ?? NO_STAMPS,
  }
  if (call.headers !== undefined) Object.assign(headers, call.headers)
  return {
    headers,
    body: [
      call.args,
      call.kwargs,
      {
        callbacks: call.callbacks ?? null,
        errbacks: call.errbacks ?? null,
        chain: call.chain ?? null,
        chord: call.chord ?? null,
      },
    ],
    correlationId: call.id,
    replyTo: call.replyTo ?? '',
  }
}

/** Encodes a call in protocol 1: everything is in the body, the headers are the caller's. Celery: `as_task_v1`. */
export function encodeTaskMessageV1(template: TaskTemplate, call: TaskCallData): EncodedTask {
  return {
    headers: { ...call.headers },
    body: {
      task: template.task,
      id: call.id,
      args: call.args,
      kwargs: call.kwargs,
      group: call.groupId ?? null,
      group_index: call.groupIndex ?? null,
      retries: call.retries ?? 0,
      eta: call.eta === undefined ? null : isoText(call.eta),
      expires: call.expires === undefined ? null : isoText(call.expires),
      utc: true,
      callbacks: call.callbacks ?? null,
      errbacks: call.errbacks ?? null,
      timelimit: timeLimits(call.timeLimit, call.softTimeLimit, template.timeLimits),
      taskset: call.groupId ?? null,
      chord: call.chord ?? null,
    },
    correlationId: call.id,
    replyTo: call.replyTo ?? '',
  }
}

/**
 * The property `expiration` of a message that expires: whole milliseconds from now as text, AMQP's form; `'0'` when
 * the time is over.
 *
 * @param now milliseconds since 1970.
 * @throws RangeError when `expires` is a text that is no time.
 */
export function expirationProperty(expires: Date | string, now: number): string {
  const date = typeof expires === 'string' ? parseIsoDate(expires) : expires
  return String(Math.max(0, Math.floor(date.getTime() - now)))
}

const NO_LIMITS: readonly [null, null] = Object.freeze([null, null] as const)
const NO_STAMPS: Readonly<Record<string, unknown>> = Object.freeze({})

function timeLimits(
  hard: number | undefined,
  soft: number | undefined,
  defaults: readonly [number | null, number | null],
): readonly [number | null, number | null] {
  if (hard === undefined && soft === undefined) return defaults
  return [
    hard === undefined ? defaults[0] : fromMilliseconds(hard),
    soft === undefined ? defaults[1] : fromMilliseconds(soft),
  ]
}

function isoText(time: Date | string): string {
  return typeof time === 'string' ? time : formatIsoDate(time)
}
