import { Float } from '../../util/float.ts'
import type { Primitive } from './build-wire.ts'
import { PreciseDate } from './precise-date.ts'

/** A value of which every piece has a form in MessagePack. */
export type MsgpackValue =
  | Primitive
  | Uint8Array
  | Date
  | Float
  | readonly MsgpackValue[]
  | ReadonlyMap<string, MsgpackValue>

/** Bytes of a value. Integers and lengths take as little room as possible, numbers that are no integers 64 bits. */
export function writeMsgpack(value: MsgpackValue): Uint8Array {
  const writer = new Writer()
  writer.write(value)
  return writer.finish()
}

/** First bytes of the sized families: up to 2^8, 2^16 and 2^32 (0: that size does not exist). */
const STR = [0xd9, 0xda, 0xdb] as const
const BIN = [0xc4, 0xc5, 0xc6] as const
const ARRAY = [0, 0xdc, 0xdd] as const
const MAP = [0, 0xde, 0xdf] as const

/** Number of the timestamp extension, -1, as a byte. */
const TIMESTAMP = 0xff

class Writer {
  #buffer = Buffer.allocUnsafe(1024)
  #length = 0

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  write(value: MsgpackValue): void {
    if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'number') this.#number(value)
    else if (typeof value === 'bigint') this.#integer(value)
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2)
    else if (value === null) this.#byte(0xc0)
    else if (value instanceof Uint8Array) this.#bytes(value)
    else if (value instanceof Date) this.#timestamp(value)
    else if (value instanceof Float) this.#float(value.value)
    else if (isList(value)) this.#list(value)
    else this.#map(value)
  }

  #text(text: string): void {
    const size = Buffer.byteLength(text)
    if (size < 32) this.#byte(0xa0 | size)
    else this.#head(STR, size)
    this.#reserve(size)
    this.#length += this.#buffer.write(text, this.#length)
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#smallInteger(value)
    else this.#float(value)
  }

  #float(value: number): void {
    this.#byte(0xcb)
    this.#reserve(8)
    this.#length = this.#buffer.writeDoubleBE(value, this.#length)
  }

  #smallInteger(value: number): void {
    if (value >= -32 && value <= 127) {
      this.#byte(value & 0xff)
    } else if (value >= 0 && value <= 0xffffffff) {
      this.#head([0xcc, 0xcd, 0xce], value)
    } else if (value < 0 && value >= -0x80000000) {
      const size = value >= -0x80 ? 1 : value >= -0x8000 ? 2 : 4
      this.#byte(size === 1 ? 0xd0 : size === 2 ? 0xd1 : 0xd2)
      this.#reserve(size)
      this.#length = this.#buffer.writeIntBE(value, this.#length, size)
    } else {
      this.#integer(BigInt(value))
    }
  }

  #integer(value: bigint): void {
    if (value >= -0x80000000n && value <= 0xffffffffn) {
      this.#smallInteger(Number(value))
      return
    }
    this.#byte(value < 0n ? 0xd3 : 0xcf)
    this.#reserve(8)
    this.#length = this.#buffer.writeBigUInt64BE(BigInt.asUintN(64, value), this.#length)
  }

  #bytes(bytes: Uint8Array): void {
    this.#head(BIN, bytes.length)
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Seconds and nanoseconds, in the longest of the three forms: 32 bits of nanoseconds, 64 bits of seconds. */
  #timestamp(date: Date): void {
    const time = date.getTime()
    const seconds = Math.floor(time / 1000)
    const microseconds =
      (time - seconds * 1000) * 1000 + (date instanceof PreciseDate ? date.subMillisecond : 0)
    this.#byte(0xc7)
    this.#byte(12)
    this.#byte(TIMESTAMP)
    this.#reserve(12)
    this.#length = this.#buffer.writeUInt32BE(microseconds * 1000, this.#length)
    this.#length = this.#buffer.writeBigInt64BE(BigInt(seconds), this.#length)
  }

  #list(items: readonly MsgpackValue[]): void {
    if (items.length < 16) this.#byte(0x90 | items.length)
    else this.#head(ARRAY, items.length)
    for (const item of items) this.write(item)
  }

  #map(map: ReadonlyMap<string, MsgpackValue>): void {
    if (map.size < 16) this.#byte(0x80 | map.size)
    else this.#head(MAP, map.size)
    for (const [key, value] of map) {
      this.#text(key)
      this.write(value)
    }
  }

  /** The first byte of a family followed by a size, or an integer, that takes 1, 2 or 4 bytes. */
  #head([one, two, four]: readonly [number, number, number], size: number): void {
    this.#reserve(5)
    if (size <= 0xff && one !== 0) {
      this.#byte(one)
      this.#length = this.#buffer.writeUInt8(size, this.#length)
    } else if (size <= 0xffff) {
      this.#byte(two)
      this.#length = this.#buffer.writeUInt16BE(size, this.#length)
    } else {
      this.#byte(four)
      this.#length = this.#buffer.writeUInt32BE(size, this.#length)
    }
  }

  #byte(byte: number): void {
    this.#reserve(1)
    this.#buffer[this.#length++] = byte
  }

  #reserve(size: number): void {
    const needed = this.#length + size
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

function isList(value: object): value is readonly MsgpackValue[] {
  return Array.isArray(value)
}
