import { Float } from '../../../util/float.ts'
import type { Primitive, WireBuilder } from '../build-wire.ts'
import { Decimal } from '../decimal.ts'
import { PlainDate } from '../plain-date.ts'
import { PlainTime } from '../plain-time.ts'
import { PreciseDate } from '../precise-date.ts'
import { Uuid } from '../uuid.ts'
import { encodeSurrogateUtf8 } from './surrogate-utf8.ts'

/** The instructions that put a value onto the stack. */
export type Pickled = readonly Uint8Array[]

/** A call of something in a module of Python: `new PickledCall('decimal', 'Decimal', ['1.10'])`. */
export class PickledCall {
  readonly module: string
  readonly name: string
  readonly args: readonly unknown[]

  constructor(module: string, name: string, args: readonly unknown[]) {
    this.module = module
    this.name = name
    this.args = args
  }
}

const op = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes)
const PROTOCOL_4 = op(0x80, 4)
const STOP = op(0x2e)
const NONE = op(0x4e)
const TRUE = op(0x88)
const FALSE = op(0x89)
const MARK = op(0x28)
const EMPTY_LIST = op(0x5d)
const APPENDS = op(0x65)
const EMPTY_DICT = op(0x7d)
const SET_ITEMS = op(0x75)
const EMPTY_SET = op(0x8f)
const ADD_ITEMS = op(0x90)
const TUPLE = op(0x74)
const STACK_GLOBAL = op(0x93)
const REDUCE = op(0x52)
const LONG_INT = 0x8b

/** What begins a text and bytes: with a length of one byte, and of four. */
const TEXT = [0x8c, 0x58] as const
const BYTES = [0x43, 0x42] as const

/** A whole pickle of instructions for one value. */
export function finishPickle(pickled: Pickled): Uint8Array {
  return Buffer.concat([PROTOCOL_4, ...pickled, STOP])
}

/** Makes instructions of protocol 4. */
export const pickleBuilder: WireBuilder<Pickled> = {
  primitive: (value) => [primitive(value)],
  float: ({ value }) => [float(value)],
  special(value, build) {
    if (value instanceof PickledCall) return call(value.module, value.name, value.args.map(build))
    if (value instanceof Uint8Array) return [...sized(BYTES, value)]
    if (value instanceof Set) return [EMPTY_SET, MARK, ...[...value].flatMap(build), ADD_ITEMS]
    if (value instanceof Date) return datetime(value)
    if (value instanceof PlainDate) return pickledDate(value)
    if (value instanceof PlainTime) return pickledTime(value)
    if (value instanceof Decimal) return call('decimal', 'Decimal', [text(value.toString())])
    if (value instanceof Uuid) return call('uuid', 'UUID', [text(value.hex)])
    return undefined
  },
  list: (items) => (items.length === 0 ? [EMPTY_LIST] : [EMPTY_LIST, MARK, ...items.flat(), APPENDS]),
  map: (entries) =>
    entries.length === 0
      ? [EMPTY_DICT]
      : [EMPTY_DICT, MARK, ...entries.flatMap(([key, value]) => [...text(key), ...value]), SET_ITEMS],
}

function primitive(value: Primitive): Uint8Array {
  if (value === null) return NONE
  if (typeof value === 'string') return Buffer.concat(text(value))
  if (typeof value === 'boolean') return value ? TRUE : FALSE
  if (typeof value === 'bigint') return integer(value)
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? smallInteger(value) : float(value)
}

function smallInteger(value: number): Uint8Array {
  if (value >= 0 && value <= 0xff) return op(0x4b, value)
  if (value < -0x80000000 || value > 0x7fffffff) return integer(BigInt(value))
  const bytes = Buffer.from([0x4a, 0, 0, 0, 0])
  bytes.writeInt32LE(value, 1)
  return bytes
}

/** Little-endian two's complement, as many bytes as it takes. */
function integer(value: bigint): Uint8Array {
  if (value <= 0x7fffffffn && value >= -0x80000000n) {
    return smallInteger(Number(value))
  }
  const digits = (value < 0n ? ~value : value).toString(16).length
  const size = Math.floor(digits / 2) + 1
  const hex = BigInt.asUintN(size * 8, value)
    .toString(16)
    .padStart(size * 2, '0')
  const head = Buffer.from([LONG_INT, 0, 0, 0, 0])
  head.writeUInt32LE(size, 1)
  return Buffer.concat([head, Buffer.from(hex, 'hex').reverse()])
}

function float(value: number): Uint8Array {
  const bytes = Buffer.from([0x47, 0, 0, 0, 0, 0, 0, 0, 0])
  bytes.writeDoubleBE(value, 1)
  return bytes
}

function text(value: string): Pickled {
  return sized(TEXT, encodeSurrogateUtf8(value))
}

function sized([short, long]: readonly [number, number], bytes: Uint8Array): Pickled {
  if (bytes.length <= 0xff) return [op(short, bytes.length), bytes]
  const head = Buffer.from([long, 0, 0, 0, 0])
  head.writeUInt32LE(bytes.length, 1)
  return [head, bytes]
}

function call(module: string, name: string, args: readonly Pickled[]): Pickled {
  return [...text(module), ...text(name), STACK_GLOBAL, MARK, ...args.flat(), TUPLE, REDUCE]
}

/** Python's `datetime` with the zone that it is shown in; plain dates are in UTC. */
function datetime(date: Date): Pickled {
  if (Number.isNaN(date.getTime())) throw new RangeError('an invalid Date cannot be pickled')
  const offset = date instanceof PreciseDate ? date.offset : 0
  const local = new Date(date.getTime() + (offset ?? 0) * 1000)
  const year = local.getUTCFullYear()
  if (year < 1 || year > 9999) throw new RangeError(`Python has no dates in the year ${year}`)
  const below = date instanceof PreciseDate ? date.subMillisecond : 0
  const state = op(
    year >> 8,
    year & 0xff,
    local.getUTCMonth() + 1,
    local.getUTCDate(),
    local.getUTCHours(),
    local.getUTCMinutes(),
    local.getUTCSeconds(),
    ...microsecondBytes(local.getUTCMilliseconds() * 1000 + below),
  )
  return call('datetime', 'datetime', [sized(BYTES, state), ...zone(offset)])
}

function pickledDate({ year, month, day }: PlainDate): Pickled {
  return call('datetime', 'date', [sized(BYTES, op(year >> 8, year & 0xff, month, day))])
}

function pickledTime({ hour, minute, second, microsecond, offset }: PlainTime): Pickled {
  const state = op(hour, minute, second, ...microsecondBytes(microsecond))
  return call('datetime', 'time', [sized(BYTES, state), ...zone(offset)])
}

function microsecondBytes(microsecond: number): readonly number[] {
  return [microsecond >> 16, (microsecond >> 8) & 0xff, microsecond & 0xff]
}

/** @param offset seconds east of UTC; undefined: none is stated. */
function zone(offset: number | undefined): readonly Pickled[] {
  if (offset === undefined) return []
  const delta = call('datetime', 'timedelta', [[smallInteger(0)], [number(offset)]])
  return [call('datetime', 'timezone', [delta])]
}

function number(value: number): Uint8Array {
  return Number.isInteger(value) ? smallInteger(value) : float(new Float(value).value)
}
