/** The options of a call, checked and resolved, as the message and its properties need them. */

import type { MessageProperties } from '../messaging/message.ts'
import type { SignatureData } from '../protocol/signature.ts'
import { isSignatureData } from '../protocol/signature.ts'
import type { WireOptions } from '../task/ports.ts'
import { listOption, toData } from '../task/signature.ts'
import { toMilliseconds } from '../util/duration.ts'
import { isRecord, isStringArray } from '../util/is-record.ts'
import { instantOf, parseIsoDateTime } from '../util/iso8601.ts'

/** Celery refuses what does not fit into 32 bits. */
const EARLIEST_SECONDS = -2147483648

/** Where and when of a call, and its place in a workflow. */
export interface CallFields {
  readonly eta: Date | string | undefined
  readonly expires: Date | string | undefined
  readonly retries: number | undefined
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
  readonly rootId: string | undefined
  readonly parentId: string | undefined
  readonly groupId: string | undefined
  readonly groupIndex: number | undefined
  readonly shadow: string | undefined
  readonly ignoreResult: boolean
  readonly replacedTaskNesting: number | undefined
  readonly origin: string | undefined
  readonly replyTo: string | undefined
  readonly argsrepr: string | undefined
  readonly kwargsrepr: string | undefined
  readonly headers: Readonly<Record<string, unknown>> | undefined
  readonly stampedHeaders: readonly string[] | undefined
  readonly stamps: Readonly<Record<string, unknown>> | undefined
  readonly callbacks: readonly SignatureData[] | undefined
  readonly errbacks: readonly SignatureData[] | undefined
  readonly chain: readonly SignatureData[] | undefined
  readonly chord: SignatureData | undefined
}

/**
 * Reads the options of a call.
 * @param now milliseconds since 1970, from which `countdown` and `expires` count.
 * @throws TypeError or RangeError naming the option that cannot be.
 */
export function readCallFields(options: WireOptions, now: number): CallFields {
  const read = new OptionReader(options)
  const stampedHeaders = read.texts('stamped_headers')
  return {
    eta: readEta(read, now),
    expires: readExpires(read, now),
    retries: read.number('retries'),
    timeLimit: read.milliseconds('time_limit'),
    softTimeLimit: read.milliseconds('soft_time_limit'),
    rootId: read.text('root_id'),
    parentId: read.text('parent_id'),
    groupId: read.text('group_id'),
    groupIndex: read.number('group_index'),
    shadow: read.text('shadow'),
    ignoreResult: options['ignore_result'] === true,
    replacedTaskNesting: read.number('replaced_task_nesting'),
    origin: read.text('origin'),
    replyTo: read.text('reply_to'),
    argsrepr: read.text('argsrepr'),
    kwargsrepr: read.text('kwargsrepr'),
    headers: read.record('headers'),
    stampedHeaders,
    stamps:
      stampedHeaders === undefined
        ? undefined
        : Object.fromEntries(stampedHeaders.map((name) => [name, options[name] ?? null])),
    callbacks: read.signatures('link'),
    errbacks: read.signatures('link_error'),
    chain: read.signatures('chain'),
    chord: read.signature('chord'),
  }
}

function readEta(read: OptionReader, now: number): Date | string | undefined {
  const countdown = read.number('countdown')
  // As in Celery 0 says nothing.
  if (countdown !== undefined && countdown !== 0) return new Date(now + secondsFrom('countdown', countdown))
  return read.time('eta')
}

function readExpires(read: OptionReader, now: number): Date | string | undefined {
  const { expires } = read.options
  if (typeof expires === 'number') return new Date(now + secondsFrom('expires', expires))
  return read.time('expires')
}

function secondsFrom(option: string, value: number): number {
  if (!Number.isFinite(value) || value < EARLIEST_SECONDS) {
    throw new RangeError(`${option} is out of range: ${value}`)
  }
  return toMilliseconds(value, option)
}

/**
 * Properties that the options name, but for `expiration`, which depends on the time.
 * @throws RangeError for a priority that is none.
 */
export function readProperties(options: WireOptions): MessageProperties {
  const read = new OptionReader(options)
  const properties: Record<string, unknown> = {}
  const priority = read.number('priority')
  if (priority !== undefined) {
    if (!Number.isInteger(priority) || priority < 0 || priority > 255) {
      throw new RangeError(`priority must be a whole number from 0 to 255, not ${priority}`)
    }
    properties['priority'] = priority
  }
  const extra: Record<string, unknown> = {}
  const stamps = new Set(listOption(options, 'stamped_headers'))
  for (const [name, value] of Object.entries(options)) {
    if (value === null || value === undefined || OPTION_NAMES.has(name) || stamps.has(name)) continue
    const property = PROPERTY_NAMES.get(name)
    if (property === undefined) extra[name] = value
    else properties[property] = value
  }
  if (Object.keys(extra).length > 0) properties['extra'] = extra
  return properties
}

/** AMQP's own properties under their wire names. */
const PROPERTY_NAMES: ReadonlyMap<string, keyof MessageProperties> = new Map([
  ['message_id', 'messageId'],
  ['timestamp', 'timestamp'],
  ['type', 'type'],
  ['user_id', 'userId'],
  ['app_id', 'appId'],
  ['expiration', 'expiration'],
])

/** Options that mean something to us; every other one is a property of the message. */
const OPTION_NAMES: ReadonlySet<string> = new Set([
  'task_id',
  'countdown',
  'eta',
  'expires',
  'retry',
  'retry_policy',
  'queue',
  'exchange',
  'routing_key',
  'exchange_type',
  'priority',
  'serializer',
  'compression',
  'delivery_mode',
  'mandatory',
  'immediate',
  'headers',
  'declare',
  'timeout',
  'confirm_timeout',
  'producer',
  'publisher',
  'connection',
  'router',
  'result_cls',
  'link',
  'link_error',
  'shadow',
  'time_limit',
  'soft_time_limit',
  'ignore_result',
  'retries',
  'group_id',
  'group_index',
  'chord',
  'chain',
  'root_id',
  'parent_id',
  'reply_to',
  'replaced_task_nesting',
  'origin',
  'argsrepr',
  'kwargsrepr',
  'stamped_headers',
  'add_to_parent',
  'route_name',
  'task_type',
  'event_dispatcher',
  'interval',
  'max_retries',
  'immutable',
])

/** Reads options that may come from anywhere; null and undefined count as not given. */
export class OptionReader {
  readonly options: WireOptions

  constructor(options: WireOptions) {
    this.options = options
  }

  text(name: string): string | undefined {
    return this.#read(name, 'a text', (value) => typeof value === 'string')
  }

  number(name: string): number | undefined {
    return this.#read(name, 'a number', (value) => typeof value === 'number')
  }

  texts(name: string): readonly string[] | undefined {
    return this.#read(name, 'a list of texts', isStringArray)
  }

  record(name: string): Readonly<Record<string, unknown>> | undefined {
    return this.#read(name, 'an object', isRecord)
  }

  /** Seconds as milliseconds. */
  milliseconds(name: string): number | undefined {
    const seconds = this.number(name)
    return seconds === undefined ? undefined : toMilliseconds(seconds, name)
  }

  /** A date or an ISO 8601 text; the text stays as it is. */
  time(name: string): Date | string | undefined {
    const value = this.options[name]
    if (value === undefined || value === null || value === '') return undefined
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) throw new RangeError(`${name} is an invalid Date`)
      return value
    }
    if (typeof value !== 'string') {
      throw new TypeError(`${name} must be a Date or an ISO 8601 text, not ${typeof value}`)
    }
    instantOf(parseIsoDateTime(value))
    return value
  }

  signature(name: string): SignatureData | undefined {
    const value = this.options[name]
    return value === undefined || value === null ? undefined : readData(value, name)
  }

  /** Undefined when the option is not given; an empty list stays one. */
  signatures(name: string): readonly SignatureData[] | undefined {
    const value = this.options[name]
    if (value === undefined || value === null) return undefined
    return listOption(this.options, name).map((item) => readData(item, name))
  }

  #read<T>(name: string, wanted: string, isRight: (value: unknown) => value is T): T | undefined {
    const value = this.options[name]
    if (value === undefined || value === null) return undefined
    if (isRight(value)) return value
    throw new TypeError(`${name} must be ${wanted}, not ${typeof value}`)
  }
}

function readData(value: unknown, name: string): SignatureData {
  const data = toData(value)
  if (isSignatureData(data)) return data
  throw new TypeError(`${name} must be a signature (task.s(…)), not ${typeof value}`)
}
