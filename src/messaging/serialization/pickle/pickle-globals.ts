/** What a pickle may name: makers of plain values, each of which checks what it is given. */
import { DecodeError } from '../../../errors.ts'
import { isRecord } from '../../../util/is-record.ts'
import { instantOf } from '../../../util/iso8601.ts'
import type { Timezone } from '../../../util/timezone.ts'
import { timezone } from '../../../util/timezone.ts'
import { Decimal } from '../decimal.ts'
import { PlainDate } from '../plain-date.ts'
import { PlainTime } from '../plain-time.ts'
import { PreciseDate } from '../precise-date.ts'
import { Uuid } from '../uuid.ts'

/** Makes a value of the arguments of a call. May throw anything, which is reported as `DecodeError`. */
export type PickleMaker = (...args: readonly unknown[]) => unknown

/** By `module.name`. */
export type PickleGlobals = ReadonlyMap<string, PickleMaker>

/** Something that is no value by itself, but of which values are made; it must not be left over. */
export abstract class PicklePart {
  /** What it is in Python. */
  abstract readonly what: string
}

/** A fixed offset, in seconds east of UTC, or a zone. */
class Zone extends PicklePart {
  readonly what = 'a time zone'
  readonly zone: number | Timezone

  constructor(zone: number | Timezone) {
    super()
    this.zone = zone
  }
}

/** A class or method that is only named. */
class Named extends PicklePart {
  readonly what: string

  constructor(what: string) {
    super()
    this.what = what
  }
}

/** A span, in seconds with its microseconds apart, lest they get lost. */
function timedelta(days: unknown = 0, seconds: unknown = 0, microseconds: unknown = 0): number {
  return integer(days) * 86_400 + integer(seconds) + integer(microseconds) / 1e6
}

function datetime(state: unknown, zone?: unknown): Date {
  const bytes = stateOf(state, 10)
  const [high = 0, low = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = bytes
  const microsecond = microsecondOf(bytes, 7)
  // The highest bit of the month tells the second of two hours with the same name.
  const wall = { year: high * 256 + low, month: month & 0x7f, day, hour, minute, second, microsecond }
  const offset = offsetOf(zone, wall)
  const instant = instantOf({ ...wall, offset })
  if (Number.isNaN(instant)) throw new DecodeError('A pickled datetime has no date')
  const subMillisecond = microsecond % 1000
  if (subMillisecond === 0 && offset === 0) return new Date(instant)
  return new PreciseDate(instant, { subMillisecond, offset })
}

function date(state: unknown): PlainDate {
  const [high = 0, low = 0, month = 0, day = 0] = stateOf(state, 4)
  return new PlainDate(high * 256 + low, month, day)
}

function time(state: unknown, zone?: unknown): PlainTime {
  const bytes = stateOf(state, 6)
  const [hour = 0, minute = 0, second = 0] = bytes
  const offset = zone instanceof Zone && typeof zone.zone === 'number' ? zone.zone : undefined
  return new PlainTime({ hour: hour & 0x7f, minute, second, microsecond: microsecondOf(bytes, 3), offset })
}

type Wall = Readonly<Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'microsecond', number>>

/** Seconds east of UTC. */
function offsetOf(zone: unknown, wall: Wall): number | undefined {
  if (zone === undefined || zone === null) return undefined
  if (!(zone instanceof Zone)) throw new DecodeError('A pickled datetime has a time zone of an unknown kind')
  if (typeof zone.zone === 'number') return zone.zone
  const instant = zone.zone.toInstant({ ...wall, millisecond: 0 })
  return zone.zone.offsetAt(instant) / 1000
}

/** Python's way to name a method: only that which makes zones is known. */
function getattr(owner: unknown, name: unknown): PickleMaker {
  if (owner instanceof Named && owner.what === 'zoneinfo.ZoneInfo' && name === '_unpickle') return zoneInfo
  throw new DecodeError('A pickle takes an attribute of an object, which is not allowed')
}

function zoneInfo(name: unknown): Zone {
  return new Zone(timezone(text(name)))
}

function uuidOf(state: unknown): Uuid {
  if (typeof state === 'string') return new Uuid(state)
  const number = isRecord(state) ? state['int'] : undefined
  if (typeof number !== 'bigint' && typeof number !== 'number')
    throw new DecodeError('A pickled UUID is empty')
  return new Uuid(BigInt(number).toString(16).padStart(32, '0'))
}

function bytesOf(value: unknown = new Uint8Array(), encoding?: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string' && (encoding === 'latin1' || encoding === 'latin-1')) {
    return new Uint8Array(Buffer.from(value, 'latin1'))
  }
  throw new DecodeError('Pickled bytes are in an unknown form')
}

function setOf(items: unknown = []): Set<unknown> {
  if (!Array.isArray(items)) throw new DecodeError('A pickled set is made of something else than a list')
  return new Set(items)
}

function timezoneOf(offset: unknown): Zone {
  if (typeof offset !== 'number' || Math.abs(offset) >= 86_400) {
    throw new DecodeError('A pickled time zone has no offset')
  }
  return new Zone(offset)
}

const makers: Readonly<Record<string, PickleMaker>> = {
  'datetime.datetime': datetime,
  'datetime.date': date,
  'datetime.time': time,
  'datetime.timedelta': timedelta,
  'datetime.timezone': timezoneOf,
  'decimal.Decimal': (value) => new Decimal(text(value)),
  'uuid.UUID': uuidOf,
  'collections.OrderedDict': () => ({}),
  'collections.defaultdict': () => ({}),
  '_codecs.encode': bytesOf,
}

/** What has another module in the pickles of Python 2's protocols. */
const builtins: Readonly<Record<string, PickleMaker>> = {
  set: setOf,
  frozenset: setOf,
  bytes: bytesOf,
  bytearray: bytesOf,
  getattr,
}

/** Makers of plain values. */
export const PLAIN_GLOBALS: PickleGlobals = new Map([
  ...Object.entries(makers),
  ...Object.entries(builtins).flatMap(([name, make]): [string, PickleMaker][] => [
    [`builtins.${name}`, make],
    [`__builtin__.${name}`, make],
  ]),
])

/** Classes that a pickle may name without ever making one. */
const ONLY_NAMED: ReadonlySet<string> = new Set([
  'zoneinfo.ZoneInfo',
  ...['list', 'dict', 'int', 'str', 'float', 'bool', 'tuple'].flatMap((name) => [
    `builtins.${name}`,
    `__builtin__.${name}`,
  ]),
])

/** A class that is only named, such as the factory of a `defaultdict`. */
export function namedOnly(name: string): PicklePart | undefined {
  return ONLY_NAMED.has(name) ? new Named(name) : undefined
}

function stateOf(state: unknown, size: number): Uint8Array {
  if (state instanceof Uint8Array && state.length === size) return state
  throw new DecodeError(`A pickled time is not in the form of ${size} bytes`)
}

function microsecondOf(bytes: Uint8Array, at: number): number {
  const [high = 0, middle = 0, low = 0] = bytes.subarray(at, at + 3)
  return (high << 16) | (middle << 8) | low
}

function integer(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new DecodeError('A pickled span is made of something else than numbers')
}

function text(value: unknown): string {
  if (typeof value === 'string') return value
  throw new DecodeError(`A pickle has ${typeof value} where a text is expected`)
}
