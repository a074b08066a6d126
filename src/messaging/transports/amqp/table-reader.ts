/**
 * Reading AMQP's field tables (message headers).
 *
 * Done here, because amqplib knows neither the tag `L` in which Python writes integers above 31 bits (it drops the
 * connection over it) nor integers above 53 bits (it rounds them).
 */
import { isUtf8 } from 'node:buffer'
import { TAG } from './table-tags.ts'

/** Where in a buffer the reading has got to. */
export interface Cursor {
  readonly bytes: Buffer
  offset: number
}

/** Reads a short string (a length byte and text). */
export function readShortString(at: Cursor): string {
  const start = at.offset + 1
  at.offset = start + at.bytes.readUInt8(at.offset)
  return at.bytes.toString('utf8', start, at.offset)
}

/**
 * Reads a table. Integers beyond JavaScript's exact ones come as bigint, timestamps as `Date`, decimals as number,
 * byte arrays (and text that is no UTF-8) as `Uint8Array`.
 *
 * @throws TypeError at an unknown type; RangeError when the table ends too early.
 */
export function readTable(at: Cursor): Record<string, unknown> {
  const end = readLength(at)
  const table: Record<string, unknown> = {}
  while (at.offset < end) {
    const key = readShortString(at)
    const value = readValue(at)
    if (key === '__proto__') Object.defineProperty(table, key, { value, enumerable: true })
    else table[key] = value
  }
  return table
}

function readArray(at: Cursor): unknown[] {
  const end = readLength(at)
  const array: unknown[] = []
  while (at.offset < end) array.push(readValue(at))
  return array
}

/** Reads a 32-bit length and answers where what follows ends. */
function readLength(at: Cursor): number {
  const start = at.offset + 4
  const end = start + at.bytes.readUInt32BE(at.offset)
  if (end > at.bytes.length)
    throw new RangeError(`An AMQP table ends ${end - at.bytes.length} bytes too early`)
  at.offset = start
  return end
}

/** Reads a tag and the value that it announces. */
function readValue(at: Cursor): unknown {
  const tag = at.bytes[at.offset++]
  switch (tag) {
    case TAG.text:
      return readText(at)
    case TAG.void:
      return null
    case TAG.int32:
      return at.bytes.readInt32BE(skip(at, 4))
    case TAG.boolean:
      return at.bytes.readUInt8(skip(at, 1)) !== 0
    case TAG.table:
      return readTable(at)
    case TAG.array:
      return readArray(at)
    case TAG.double:
      return at.bytes.readDoubleBE(skip(at, 8))
    case TAG.int64:
    case TAG.int64OfPython:
      return exact(at.bytes.readBigInt64BE(skip(at, 8)))
    case TAG.timestamp:
      return new Date(Number(at.bytes.readBigUInt64BE(skip(at, 8))) * 1000)
    case TAG.bytes:
      return readBytes(at)
    default:
      return readRareValue(at, tag)
  }
}

function readRareValue(at: Cursor, tag: number | undefined): unknown {
  switch (tag) {
    case TAG.int8:
      return at.bytes.readInt8(skip(at, 1))
    case TAG.uint8:
      return at.bytes.readUInt8(skip(at, 1))
    case TAG.int16:
    case TAG.int16OfPython:
      return at.bytes.readInt16BE(skip(at, 2))
    case TAG.uint16:
      return at.bytes.readUInt16BE(skip(at, 2))
    case TAG.uint32:
      return at.bytes.readUInt32BE(skip(at, 4))
    case TAG.float:
      return at.bytes.readFloatBE(skip(at, 4))
    case TAG.decimal: {
      // The number of decimal places, then the digits.
      const places = at.bytes.readUInt8(skip(at, 1))
      return at.bytes.readInt32BE(skip(at, 4)) / 10 ** places
    }
    default:
      throw new TypeError(`An AMQP table has a value of the unknown type 0x${tag?.toString(16)}`)
  }
}

function skip(at: Cursor, length: number): number {
  const start = at.offset
  at.offset += length
  return start
}

function readText(at: Cursor): string | Uint8Array {
  const end = readLength(at)
  const start = at.offset
  at.offset = end
  const text = at.bytes.toString('utf8', start, end)
  // Python writes bytes in the same type.
  if (!text.includes('\ufffd') || isUtf8(at.bytes.subarray(start, end))) return text
  return new Uint8Array(at.bytes.subarray(start, end))
}

function readBytes(at: Cursor): Uint8Array {
  const end = readLength(at)
  const bytes = new Uint8Array(at.bytes.subarray(at.offset, end))
  at.offset = end
  return bytes
}

function exact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
