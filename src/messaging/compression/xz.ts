/**
 * Reads `.xz` files, which is what Python's `lzma.compress` writes: streams of blocks, each with a checksum, holding
 * LZMA2 data. The filters for machine code, which nobody uses for messages, are not known here.
 */

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { DecodeError } from '../../errors.ts'
import { asBuffer } from '../../util/as-buffer.ts'
import { BoundedOutput } from './bounded-output.ts'
import { crc64 } from './crc64.ts'
import { corrupt, LzmaDecoder } from './lzma.ts'

const MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])
const FOOTER_MAGIC = 'YZ'
const LZMA2 = 0x21
const HEADER_SIZE = 12

/** Bytes that the checksums take, by the number of their kind. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64]

/**
 * Decompresses all streams.
 *
 * @param maxLength how many bytes may come out.
 * @throws DecodeError when the bytes are corrupt or too many would come out.
 */
export function decompressXz(bytes: Uint8Array, maxLength: number): Uint8Array {
  const input = asBuffer(bytes)
  const output = new BoundedOutput(maxLength)
  let position = 0
  do {
    position = new StreamReader(input, position, output).read()
    // Streams may be followed by others, after zeros in groups of four.
    while (position < input.length && input[position] === 0) position++
  } while (position < input.length)
  return output.from(0)
}

class StreamReader {
  readonly #input: Buffer
  readonly #output: BoundedOutput
  readonly #start: number
  #position: number

  constructor(input: Buffer, start: number, output: BoundedOutput) {
    this.#input = input
    this.#output = output
    this.#start = start
    this.#position = start
  }

  /** Reads one stream and gives the position behind it. */
  read(): number {
    const header = this.#take(HEADER_SIZE)
    const flags = header.subarray(6, 8)
    if (!header.subarray(0, 6).equals(MAGIC))
      throw new DecodeError('The body is no xz stream: it begins otherwise')
    if (crc32(flags) !== header.readUInt32LE(8) || flags[0] !== 0) throw corrupt()
    const check = (flags[1] ?? 0) & 0x0f
    while (this.#peek() !== 0) this.#readBlock(check)
    this.#readIndex()
    const footer = this.#take(HEADER_SIZE)
    const intact = footer.toString('latin1', 10) === FOOTER_MAGIC && footer.subarray(8, 10).equals(flags)
    if (!intact || crc32(footer.subarray(4, 10)) !== footer.readUInt32LE(0)) throw corrupt()
    return this.#position
  }

  #readBlock(check: number): void {
    const start = this.#position
    const header = this.#take((this.#peek() + 1) * 4)
    const flags = header[1] ?? 0
    if (crc32(header.subarray(0, -4)) !== header.readUInt32LE(header.length - 4)) throw corrupt()
    this.#position = start + 2
    if (flags & 0x40) this.#variableLength()
    if (flags & 0x80) this.#variableLength()
    const filter = this.#variableLength()
    if ((flags & 0x3f) !== 0 || filter !== LZMA2) {
      throw new DecodeError('The body is an xz stream with filters that are not supported; use LZMA2 alone')
    }
    this.#position = start + header.length
    const from = this.#output.length
    this.#readLzma2()
    this.#skipPadding()
    this.#verify(check, this.#output.from(from))
  }

  /** LZMA2: chunks that are compressed or not, each saying what of the decoder's state it begins afresh. */
  #readLzma2(): void {
    const decoder = new LzmaDecoder(this.#output)
    for (let control = this.#byte(); control !== 0; control = this.#byte()) {
      if (control === 1 || (control & 0xe0) === 0xe0) decoder.resetDictionary()
      if (control < 0x80) {
        if (control > 2) throw corrupt()
        this.#output.append(this.#take(this.#take(2).readUInt16BE() + 1))
        continue
      }
      const size = ((control & 0x1f) << 16) + this.#take(2).readUInt16BE() + 1
      const compressedSize = this.#take(2).readUInt16BE() + 1
      if (control >= 0xc0) decoder.setProperties(this.#byte())
      if (control >= 0xa0) decoder.resetState()
      decoder.decode(this.#take(compressedSize), size)
    }
  }

  #verify(check: number, data: Buffer): void {
    const expected = this.#take(CHECK_SIZES[check] ?? 0)
    let intact = true
    if (check === 1) intact = crc32(data) === expected.readUInt32LE()
    else if (check === 4) intact = crc64(data) === expected.readBigUInt64LE()
    else if (check === 10) intact = createHash('sha256').update(data).digest().equals(expected)
    if (!intact) throw corrupt()
  }

  /** The index repeats the sizes of the blocks; its checksum tells whether the stream is complete. */
  #readIndex(): void {
    const start = this.#position
    this.#position++
    for (let records = 2 * this.#variableLength(); records > 0; records--) this.#variableLength()
    this.#skipPadding()
    const expected = crc32(this.#input.subarray(start, this.#position))
    if (this.#take(4).readUInt32LE() !== expected) throw corrupt()
  }

  #skipPadding(): void {
    while ((this.#position - this.#start) % 4 !== 0) {
      if (this.#byte() !== 0) throw corrupt()
    }
  }

  #variableLength(): number {
    let value = 0
    for (let i = 0; i < 7; i++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return value
    }
    throw corrupt()
  }

  #peek(): number {
    const byte = this.#input[this.#position]
    if (byte === undefined) throw corrupt()
    return byte
  }

  #byte(): number {
    const byte = this.#peek()
    this.#position++
    return byte
  }

  #take(size: number): Buffer {
    const end = this.#position + size
    if (end > this.#input.length) throw new DecodeError('The body is an xz stream that ends too soon')
    const bytes = this.#input.subarray(this.#position, end)
    this.#position = end
    return bytes
  }
}
