import { DecodeError } from '../../errors.ts'
import { asBuffer } from '../../util/as-buffer.ts'
import { decodeUtf8 } from '../../util/decode-utf8.ts'
import { setOwn } from '../../util/set-own.ts'
import { PreciseDate } from './precise-date.ts'

const TIMESTAMP = -1

/**
 * Reads one value out of bytes. Sizes are checked against what is left, so a short message cannot claim much memory.
 */
export class MsgpackReader {
  readonly #buffer: Buffer
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = asBuffer(bytes)
  }

  /** The value that all the bytes make. @throws DecodeError, or RangeError when they end too soon or nest too deeply. */
  readAll(): unknown {
    const value = this.#read()
    const rest = this.#buffer.length - this.#position
    if (rest > 0) throw new DecodeError(`The MessagePack value is followed by ${rest} more bytes`)
    return value
  }

  #read(): unknown {
    const head = this.#buffer.readUInt8(this.#position++)
    if (head <= 0x7f) return head
    if (head <= 0x8f) return this.#map(head & 0x0f)
    if (head <= 0x9f) return this.#list(head & 0x0f)
    if (head <= 0xbf) return this.#text(head & 0x1f)
    if (head >= 0xe0) return head - 0x100
    return head <= 0xc9 ? this.#readConstantOrBytes(head) : this.#readNumberOrContainer(head)
  }

  #readConstantOrBytes(head: number): unknown {
    switch (head) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
        return this.#bytes(this.#uint(1))
      case 0xc5:
        return this.#bytes(this.#uint(2))
      case 0xc6:
        return this.#bytes(this.#uint(4))
      case 0xc7:
        return this.#extension(this.#uint(1))
      case 0xc8:
        return this.#extension(this.#uint(2))
      case 0xc9:
        return this.#extension(this.#uint(4))
      default:
        throw new DecodeError(`MessagePack has no value that begins with the byte ${head}`)
    }
  }

  #readNumberOrContainer(head: number): unknown {
    switch (head) {
      case 0xca:
        return this.#buffer.readFloatBE(this.#advance(4))
      case 0xcb:
        return this.#buffer.readDoubleBE(this.#advance(8))
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (head - 0xcc))
      case 0xcf:
        return narrow(this.#buffer.readBigUInt64BE(this.#advance(8)))
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.#int(1 << (head - 0xd0))
      case 0xd3:
        return narrow(this.#buffer.readBigInt64BE(this.#advance(8)))
      case 0xd9:
        return this.#text(this.#uint(1))
      case 0xda:
        return this.#text(this.#uint(2))
      case 0xdb:
        return this.#text(this.#uint(4))
      case 0xdc:
        return this.#list(this.#uint(2))
      case 0xdd:
        return this.#list(this.#uint(4))
      case 0xde:
        return this.#map(this.#uint(2))
      case 0xdf:
        return this.#map(this.#uint(4))
      default:
        return this.#extension(1 << (head - 0xd4))
    }
  }

  #uint(size: number): number {
    return this.#buffer.readUIntBE(this.#advance(size), size)
  }

  #int(size: number): number {
    return this.#buffer.readIntBE(this.#advance(size), size)
  }

  #text(size: number): string {
    const text = decodeUtf8(this.#take(size))
    if (text === undefined) throw new DecodeError('A MessagePack text is not valid UTF-8')
    return text
  }

  #bytes(size: number): Uint8Array {
    return new Uint8Array(this.#take(size))
  }

  #list(count: number): unknown[] {
    this.#expect(count)
    const items: unknown[] = []
    for (let i = 0; i < count; i++) items.push(this.#read())
    return items
  }

  #map(count: number): Record<string, unknown> {
    this.#expect(2 * count)
    const map: Record<string, unknown> = {}
    for (let i = 0; i < count; i++) {
      const key = this.#read()
      if (typeof key !== 'string') throw new DecodeError('A MessagePack map has a key that is no text')
      setOwn(map, key, this.#read())
    }
    return map
  }

  #extension(size: number): Date {
    const type = this.#int(1)
    if (type !== TIMESTAMP) throw new DecodeError(`The MessagePack extension ${type} is not known here`)
    const data = this.#take(size)
    if (size === 4) return new Date(data.readUInt32BE(0) * 1000)
    if (size === 8) {
      const bits = data.readBigUInt64BE(0)
      return instant(Number(bits & 0x3_ffff_ffffn), Number(bits >> 34n))
    }
    if (size === 12) return instant(Number(data.readBigInt64BE(4)), data.readUInt32BE(0))
    throw new DecodeError(`A MessagePack timestamp cannot have ${size} bytes`)
  }

  #take(size: number): Buffer {
    this.#expect(size)
    const start = this.#advance(size)
    return this.#buffer.subarray(start, start + size)
  }

  #expect(size: number): void {
    const rest = this.#buffer.length - this.#position
    if (size > rest) throw new RangeError(`${size} more bytes were announced, but only ${rest} are left`)
  }

  #advance(size: number): number {
    const start = this.#position
    this.#position += size
    return start
  }
}

function narrow(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

function instant(seconds: number, nanoseconds: number): Date {
  const microseconds = Math.floor(nanoseconds / 1000)
  const time = seconds * 1000 + Math.floor(microseconds / 1000)
  if (Number.isNaN(new Date(time).getTime()))
    throw new DecodeError(`The timestamp ${seconds} lies too far away`)
  const subMillisecond = microseconds % 1000
  return subMillisecond === 0 ? new Date(time) : new PreciseDate(time, { subMillisecond, offset: 0 })
}
