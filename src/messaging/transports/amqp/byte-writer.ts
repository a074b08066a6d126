/**
 * Writes AMQP's types into a buffer that grows, is used again and again, and is copied from when a message is complete.
 *
 * Tables are typed so that Python's amqp reads them: its versions before 5.4 misread the 8- and 16-bit integers that
 * amqplib would choose, and negative 64-bit integers unless they have the tag `L`.
 */
import { isRecord } from '../../../util/is-record.ts'
import { TAG } from './table-tags.ts'

const INT32_MAX = 2 ** 31 - 1
const INT64_MAX = 2n ** 63n - 1n
/** Most bytes that a UTF-16 unit takes in UTF-8. */
const BYTES_PER_UNIT = 3

/** See the module's description. */
export class ByteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(4096)
  #length = 0

  get length(): number {
    return this.#length
  }

  reset(): void {
    this.#length = 0
  }

  /** A copy of what was written. */
  copy(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length))
  }

  octet(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  short(value: number): void {
    this.#reserve(2)
    this.#length = this.#bytes.writeUInt16BE(value, this.#length)
  }

  long(value: number): void {
    this.#reserve(4)
    this.#length = this.#bytes.writeUInt32BE(value, this.#length)
  }

  longLong(value: bigint): void {
    this.#reserve(8)
    this.#length = this.#bytes.writeBigUInt64BE(value, this.#length)
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  /** Writes a 16-bit number over what stands at `offset`. */
  shortAt(offset: number, value: number): void {
    this.#bytes.writeUInt16BE(value, offset)
  }

  /** Writes a 32-bit number over what stands at `offset`. */
  longAt(offset: number, value: number): void {
    this.#bytes.writeUInt32BE(value, offset)
  }

  /** @throws RangeError above 255 bytes. */
  shortString(text: string, what: string): void {
    this.#reserve(1 + text.length * BYTES_PER_UNIT)
    const written = this.#bytes.write(text, this.#length + 1, 'utf8')
    if (written > 255) {
      throw new RangeError(
        `${what} has ${written} bytes, AMQP allows 255: ${JSON.stringify(text.slice(0, 64))}…`,
      )
    }
    this.#bytes[this.#length] = written
    this.#length += 1 + written
  }

  /**
   * Writes a table. Integers become 32- or 64-bit ones, other numbers doubles, `Date` a timestamp (whole seconds),
   * `Uint8Array` a byte array, bigint a 64-bit integer. Undefined values are left out.
   *
   * @throws TypeError for what a table cannot hold: functions, symbols, bigints above 64 bits.
   */
  table(table: Readonly<Record<string, unknown>>): void {
    const start = this.#begin()
    for (const key in table) {
      const value = table[key]
      if (value === undefined) continue
      this.shortString(key, 'A key of an AMQP table')
      this.#value(value, key)
    }
    this.longAt(start - 4, this.#length - start)
  }

  #value(value: unknown, key: string): void {
    if (typeof value === 'string') {
      this.#text(value)
    } else if (typeof value === 'number') {
      this.#number(value)
    } else if (value === null) {
      this.octet(TAG.void)
    } else if (typeof value === 'boolean') {
      this.octet(TAG.boolean)
      this.octet(value ? 1 : 0)
    } else if (typeof value === 'object') {
      this.#object(value, key)
    } else if (typeof value === 'bigint' && value <= INT64_MAX && value >= -INT64_MAX) {
      this.#int64(value)
    } else {
      throw new TypeError(
        `${key}: ${String(value)} cannot be a value in AMQP headers; use text, numbers up to 64 bits, booleans, ` +
          'dates, bytes, arrays, plain objects or null',
      )
    }
  }

  #text(value: string): void {
    this.#reserve(5 + value.length * BYTES_PER_UNIT)
    this.#bytes[this.#length] = TAG.text
    const written = this.#bytes.write(value, this.#length + 5, 'utf8')
    this.#bytes.writeUInt32BE(written, this.#length + 1)
    this.#length += 5 + written
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.#reserve(9)
      this.#bytes[this.#length] = TAG.double
      this.#length = this.#bytes.writeDoubleBE(value, this.#length + 1)
    } else if (value <= INT32_MAX && value >= -INT32_MAX) {
      this.#reserve(5)
      this.#bytes[this.#length] = TAG.int32
      this.#length = this.#bytes.writeInt32BE(value, this.#length + 1)
    } else {
      this.#int64(BigInt(value))
    }
  }

  #int64(value: bigint): void {
    this.#reserve(9)
    this.#bytes[this.#length] = value < 0n ? TAG.int64OfPython : TAG.int64
    this.#length = this.#bytes.writeBigInt64BE(value, this.#length + 1)
  }

  #object(value: object, key: string): void {
    if (Array.isArray(value)) {
      this.octet(TAG.array)
      const start = this.#begin()
      for (const item of value) this.#value(item ?? null, key)
      this.longAt(start - 4, this.#length - start)
    } else if (value instanceof Date) {
      this.octet(TAG.timestamp)
      this.longLong(BigInt(Math.max(0, Math.floor(value.getTime() / 1000))))
    } else if (value instanceof Uint8Array) {
      this.octet(TAG.bytes)
      this.long(value.length)
      this.bytes(value)
    } else if (isRecord(value)) {
      this.octet(TAG.table)
      this.table(value)
    }
  }

  /** Leaves room for a length and answers where what it counts begins. */
  #begin(): number {
    this.long(0)
    return this.#length
  }

  #reserve(size: number): void {
    const needed = this.#length + size
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
