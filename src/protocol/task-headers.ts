/**
 * The headers of a task message: what a worker must know of a call without decoding its body.
 */
import { InvalidTaskError } from '../errors.ts'
import { toMilliseconds } from '../util/duration.ts'
import { isRecord, isStringArray } from '../util/is-record.ts'
import type { IsoDateTime } from '../util/iso8601.ts'
import { formatIsoDate, instantOf, parseIsoDateTime } from '../util/iso8601.ts'

/** The headers of a task as read: every field is there, absent ones are undefined. Plain data. */
export interface TaskHeaders {
  readonly id: string
  readonly task: string
  /** Id of the task that began the workflow. The sender gives a task without parent its own id. */
  readonly rootId: string | undefined
  readonly parentId: string | undefined
  /** Id of the group it belongs to. Celery: `group`, formerly `taskset`. */
  readonly groupId: string | undefined
  readonly groupIndex: number | undefined
  /** Name to be shown instead of `task`. */
  readonly shadow: string | undefined
  /** ISO 8601, perhaps without offset; see `taskTime`. */
  readonly eta: string | undefined
  /** ISO 8601, perhaps without offset; see `taskTime`. */
  readonly expires: string | undefined
  readonly retries: number
  /** Hard time limit in milliseconds. On the wire: seconds, the first of `timelimit`. */
  readonly timeLimit: number | undefined
  /** Soft time limit in milliseconds. On the wire: seconds, the second of `timelimit`. */
  readonly softTimeLimit: number | undefined
  /** Arguments as text for people; undefined when the sender gave none. */
  readonly argsrepr: string | undefined
  readonly kwargsrepr: string | undefined
  /** Who sent it, e.g. `gen1234@host`. */
  readonly origin: string | undefined
  readonly ignoreResult: boolean
  readonly replacedTaskNesting: number
  readonly stampedHeaders: readonly string[] | undefined
  readonly stamps: Readonly<Record<string, unknown>> | undefined
  /** Headers that are not the protocol's: those of the caller. Undefined when there are none. */
  readonly custom: Readonly<Record<string, unknown>> | undefined
}

type Draft = { -readonly [Key in keyof TaskHeaders]: TaskHeaders[Key] } & {
  custom: Record<string, unknown> | undefined
}

/**
 * Reads the headers of a message. Missing ones and null get their default.
 *
 * @returns undefined when there is no header `task`: it is no task message of protocol 2.
 * @throws InvalidTaskError naming the header that cannot be right.
 */
export function readTaskHeaders(headers: Readonly<Record<string, unknown>>): TaskHeaders | undefined {
  const task = headers['task']
  if (task === undefined || task === null) return undefined
  return readTaskFields(headers)
}

/**
 * Reads the fields that describe a call, wherever they stand: in headers (protocol 2) or in a body (protocol 1).
 *
 * @throws InvalidTaskError naming the field that cannot be right.
 */
export function readTaskFields(fields: Readonly<Record<string, unknown>>): TaskHeaders {
  const draft: Draft = {
    id: '',
    task: '',
    rootId: undefined,
    parentId: undefined,
    groupId: undefined,
    groupIndex: undefined,
    shadow: undefined,
    eta: undefined,
    expires: undefined,
    retries: 0,
    timeLimit: undefined,
    softTimeLimit: undefined,
    argsrepr: undefined,
    kwargsrepr: undefined,
    origin: undefined,
    ignoreResult: false,
    replacedTaskNesting: 0,
    stampedHeaders: undefined,
    stamps: undefined,
    custom: undefined,
  }
  for (const key in fields) {
    const value = fields[key]
    if (value !== null && value !== undefined) readField(draft, key, value)
    else if (!PROTOCOL_FIELDS.has(key)) addCustom(draft, key, value)
  }
  if (draft.task === '') throw new InvalidTaskError("The header 'task' of a message is missing or empty")
  if (draft.id === '') throw new InvalidTaskError(`The header 'id' of a message for ${draft.task} is missing`)
  return draft
}

/** What is the protocol's and not the caller's. `meth` is of old versions, `compression` and `lang` say nothing to us. */
const PROTOCOL_FIELDS: ReadonlySet<string> = new Set([
  'lang',
  'task',
  'id',
  'shadow',
  'eta',
  'expires',
  'group',
  'taskset',
  'group_index',
  'retries',
  'timelimit',
  'root_id',
  'parent_id',
  'argsrepr',
  'kwargsrepr',
  'origin',
  'ignore_result',
  'replaced_task_nesting',
  'stamped_headers',
  'stamps',
  'compression',
  'meth',
  'utc',
])

// One pass over the headers with a switch is faster than some twenty look-ups, and finds the custom ones on the way.
function readField(draft: Draft, key: string, value: unknown): void {
  switch (key) {
    case 'task':
      draft.task = text(key, value)
      return
    case 'id':
      draft.id = text(key, value)
      return
    case 'root_id':
      draft.rootId = text(key, value)
      return
    case 'parent_id':
      draft.parentId = text(key, value)
      return
    case 'group':
    case 'taskset':
      draft.groupId = text(key, value)
      return
    case 'group_index':
      draft.groupIndex = integer(key, value)
      return
    case 'retries':
      draft.retries = integer(key, value)
      return
    case 'replaced_task_nesting':
      draft.replacedTaskNesting = integer(key, value)
      return
    case 'timelimit':
      readTimeLimits(draft, value)
      return
    case 'ignore_result':
      draft.ignoreResult = flag(key, value)
      return
    default:
      readRareField(draft, key, value)
  }
}

function readRareField(draft: Draft, key: string, value: unknown): void {
  switch (key) {
    case 'shadow':
      draft.shadow = shownText(key, value) || undefined
      return
    case 'argsrepr':
      draft.argsrepr = shownText(key, value)
      return
    case 'kwargsrepr':
      draft.kwargsrepr = shownText(key, value)
      return
    case 'origin':
      draft.origin = shownText(key, value)
      return
    case 'eta':
      draft.eta = time(key, value)
      return
    case 'expires':
      draft.expires = time(key, value)
      return
    case 'stamped_headers':
      if (!isStringArray(value)) throw wrong(key, 'a list of texts', value)
      draft.stampedHeaders = value
      return
    case 'stamps':
      if (!isRecord(value)) throw wrong(key, 'an object', value)
      draft.stamps = value
      return
    default:
      if (!PROTOCOL_FIELDS.has(key)) addCustom(draft, key, value)
  }
}

function addCustom(draft: Draft, key: string, value: unknown): void {
  // Assigned to an object, it would change its prototype instead of its keys.
  if (key === '__proto__') return
  draft.custom ??= {}
  draft.custom[key] = value
}

function readTimeLimits(draft: Draft, value: unknown): void {
  if (!Array.isArray(value) || value.length > 2) throw wrong('timelimit', '[hard, soft] in seconds', value)
  draft.timeLimit = seconds(value[0])
  draft.softTimeLimit = seconds(value[1])
}

function seconds(value: unknown): number | undefined {
  // Python asks `limit or default`, so that 0 says nothing.
  if (value === null || value === undefined || value === 0) return undefined
  if (typeof value !== 'number' || !(value > 0)) throw wrong('timelimit', '[hard, soft] in seconds', value)
  return toMilliseconds(value, 'timelimit')
}

function text(key: string, value: unknown): string {
  if (typeof value !== 'string') throw wrong(key, 'text', value)
  return value
}

/**
 * A text for people only. RabbitMQ hands over as bytes what is no UTF-8: Python writes lone surrogates so, and a task is
 * not lost for the sake of a character that nobody can read.
 */
function shownText(key: string, value: unknown): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : text(key, value)
}

function integer(key: string, value: unknown): number {
  if (typeof value === 'bigint') return Number(value)
  if (!Number.isSafeInteger(value)) throw wrong(key, 'a whole number', value)
  return Number(value)
}

function flag(key: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  if (value === 0 || value === 1) return value === 1
  throw wrong(key, 'true or false', value)
}

function time(key: string, value: unknown): string {
  // Serializers with a type for times (yaml, AMQP's own table) hand over dates.
  if (value instanceof Date) return formatIsoDate(value)
  return text(key, value)
}

function wrong(key: string, wanted: string, value: unknown): InvalidTaskError {
  const found = Array.isArray(value) ? 'a list' : typeof value
  return new InvalidTaskError(`The header '${key}' of a task message must be ${wanted}, not ${found}`)
}

/**
 * The instant that the header `eta` or `expires` names, in milliseconds since 1970; parts of one count as a whole, so
 * that nothing runs too early. Times without an offset are UTC whatever the zone of the app and the field `utc` of
 * protocol 1 say, as in Celery's workers.
 *
 * @throws InvalidTaskError when it is no time.
 */
export function taskTime(value: string, header: 'eta' | 'expires'): number {
  let time: IsoDateTime
  try {
    time = parseIsoDateTime(value)
  } catch (cause) {
    throw new InvalidTaskError(`invalid ${header} value '${value}': it is no ISO 8601 date and time`, {
      cause,
    })
  }
  const rest = time.microsecond % 1000 === 0 ? 0 : 1
  return instantOf(time) + rest
}
