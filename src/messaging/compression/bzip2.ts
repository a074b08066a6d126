/**
 * Reads bzip2 files: blocks of text that was sorted (Burrows-Wheeler), moved to front and Huffman-coded, with runs of
 * equal bytes shortened before and in between.
 */

import { DecodeError } from '../../errors.ts'
import { BoundedOutput } from './bounded-output.ts'

const BLOCK_MAGIC = 0x314159265359
const END_MAGIC = 0x177245385090
const GROUP_SIZE = 50
const LONGEST_CODE = 20
const RUN_A = 0
const RUN_B = 1

/**
 * Decompresses all streams; what follows the last one is ignored, as Python does.
 *
 * @param maxLength how many bytes may come out.
 * @throws DecodeError when the bytes are corrupt or too many would come out.
 */
export function decompressBzip2(bytes: Uint8Array, maxLength: number): Uint8Array {
  const bits = new BitReader(bytes)
  const output = new BoundedOutput(maxLength)
  do {
    readStream(bits, output)
    bits.align()
  } while (bits.startsWith('BZh'))
  return output.from(0)
}

function readStream(bits: BitReader, output: BoundedOutput): void {
  if (!bits.startsWith('BZh')) throw new DecodeError('The body is no bzip2 stream: it begins otherwise')
  bits.read(24)
  const level = bits.read(8) - 0x30
  if (level < 1 || level > 9) throw corrupt()
  let streamCrc = 0
  for (;;) {
    const magic = bits.read(24) * 2 ** 24 + bits.read(24)
    const crc = bits.readUint32()
    if (magic === END_MAGIC) {
      if (crc !== streamCrc) throw corrupt()
      return
    }
    if (magic !== BLOCK_MAGIC) throw corrupt()
    const actual = readBlock(bits, level * 100_000, output)
    if (actual !== crc) throw corrupt()
    streamCrc = (((streamCrc << 1) | (streamCrc >>> 31)) ^ actual) >>> 0
  }
}

/** Reads a block and gives the checksum of what came out. */
function readBlock(bits: BitReader, maxSize: number, output: BoundedOutput): number {
  if (bits.read(1) === 1)
    throw new DecodeError('The body is a bzip2 stream of a version before 0.9.5: not supported')
  const origin = bits.read(24)
  const used = readUsedBytes(bits)
  const symbols = readSymbols(bits, used.length + 2)
  const sorted = unpack(symbols, used, maxSize)
  if (origin >= sorted.length) throw corrupt()
  return writeUnsorted(sorted, origin, output)
}

/** Which bytes occur in the block: 16 groups of 16. */
function readUsedBytes(bits: BitReader): Uint8Array {
  const groups = bits.read(16)
  const used: number[] = []
  for (let group = 0; group < 16; group++) {
    if (((groups >> (15 - group)) & 1) === 0) continue
    const members = bits.read(16)
    for (let i = 0; i < 16; i++) {
      if (((members >> (15 - i)) & 1) === 1) used.push(group * 16 + i)
    }
  }
  if (used.length === 0) throw corrupt()
  return Uint8Array.from(used)
}

/** The symbols of a block, decoded with several Huffman tables that take turns every 50 symbols. */
function* readSymbols(bits: BitReader, alphabet: number): Generator<number, void> {
  const tableCount = bits.read(3)
  const selectorCount = bits.read(15)
  if (tableCount < 2 || tableCount > 6 || selectorCount === 0) throw corrupt()
  const recent = Array.from({ length: tableCount }, (_, table) => table)
  const selectors: number[] = []
  for (let i = 0; i < selectorCount; i++) {
    let place = 0
    while (bits.read(1) === 1) place++
    const [selector] = recent.splice(place, 1)
    if (selector === undefined) throw corrupt()
    recent.unshift(selector)
    selectors.push(selector)
  }
  const tables = Array.from({ length: tableCount }, () => new HuffmanTable(readCodeLengths(bits, alphabet)))
  for (const selector of selectors) {
    const table = tables[selector]
    if (table === undefined) throw corrupt()
    for (let i = 0; i < GROUP_SIZE; i++) {
      const symbol = table.decode(bits)
      if (symbol === alphabet - 1) return
      yield symbol
    }
  }
  throw corrupt()
}

function readCodeLengths(bits: BitReader, alphabet: number): number[] {
  const lengths: number[] = []
  let length = bits.read(5)
  for (let symbol = 0; symbol < alphabet; symbol++) {
    while (bits.read(1) === 1) length += bits.read(1) === 0 ? 1 : -1
    if (length < 1 || length > LONGEST_CODE) throw corrupt()
    lengths.push(length)
  }
  return lengths
}

/** Undoes the run lengths and the moving to front. */
function unpack(symbols: Iterable<number>, used: Uint8Array, maxSize: number): Uint8Array {
  const sorted = new Uint8Array(maxSize)
  const recent = Uint8Array.from(used)
  let size = 0
  let run = 0
  let weight = 1
  const flush = (): void => {
    if (run > maxSize - size) throw corrupt()
    sorted.fill(recent[0] ?? 0, size, size + run)
    size += run
    run = 0
    weight = 1
  }
  for (const symbol of symbols) {
    if (symbol === RUN_A || symbol === RUN_B) {
      // Runs are numbers with the digits 1 and 2, lowest first.
      run += weight * (symbol + 1)
      weight *= 2
      if (run > maxSize) throw corrupt()
      continue
    }
    flush()
    const place = symbol - 1
    const byte = recent[place]
    if (byte === undefined || size >= maxSize) throw corrupt()
    recent.copyWithin(1, 0, place)
    recent[0] = byte
    sorted[size++] = byte
  }
  flush()
  return sorted.subarray(0, size)
}

/** Undoes the sorting, writes the text with its runs at full length, and gives its checksum. */
function writeUnsorted(sorted: Uint8Array, origin: number, output: BoundedOutput): number {
  const next = followers(sorted)
  let position = next[origin] ?? 0
  let crc = 0xffffffff
  let previous = -1
  let equal = 0
  for (let i = 0; i < sorted.length; i++) {
    const byte = sorted[position] ?? 0
    position = next[position] ?? 0
    if (equal === 4) {
      // After four equal bytes comes the number of further ones.
      for (let copy = 0; copy < byte; copy++) {
        output.push(previous)
        crc = ((crc << 8) ^ (CRC[((crc >>> 24) ^ previous) & 0xff] ?? 0)) >>> 0
      }
      equal = 0
      previous = -1
      continue
    }
    equal = byte === previous ? equal + 1 : 1
    previous = byte
    output.push(byte)
    crc = ((crc << 8) ^ (CRC[((crc >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0
  }
  return ~crc >>> 0
}

/** For every place in the last column, the place of the byte that follows in the text. */
function followers(sorted: Uint8Array): Uint32Array {
  const starts = new Uint32Array(257)
  for (const byte of sorted) starts[byte + 1] = (starts[byte + 1] ?? 0) + 1
  for (let byte = 0; byte < 256; byte++) starts[byte + 1] = (starts[byte + 1] ?? 0) + (starts[byte] ?? 0)
  const next = new Uint32Array(sorted.length)
  for (const [place, byte] of sorted.entries()) {
    const start = starts[byte] ?? 0
    next[start] = place
    starts[byte] = start + 1
  }
  return next
}

/** A canonical Huffman code. */
class HuffmanTable {
  /** For every length: the largest code of that length, or -1. */
  readonly #limits = new Int32Array(LONGEST_CODE + 1).fill(-1)
  /** For every length: what is taken off a code to get its place among the symbols. */
  readonly #offsets = new Int32Array(LONGEST_CODE + 1)
  readonly #symbols: number[] = []

  constructor(lengths: readonly number[]) {
    let code = 0
    for (let length = 1; length <= LONGEST_CODE; length++) {
      this.#offsets[length] = code - this.#symbols.length
      for (const [symbol, own] of lengths.entries()) {
        if (own !== length) continue
        this.#symbols.push(symbol)
        this.#limits[length] = code++
      }
      code <<= 1
    }
  }

  decode(bits: BitReader): number {
    let code = 0
    for (let length = 1; length <= LONGEST_CODE; length++) {
      code = (code << 1) | bits.read(1)
      if (code > (this.#limits[length] ?? -1)) continue
      const symbol = this.#symbols[code - (this.#offsets[length] ?? 0)]
      if (symbol !== undefined) return symbol
    }
    throw corrupt()
  }
}

/** Reads bits, highest first. */
class BitReader {
  readonly #bytes: Uint8Array
  #position = 0
  #bits = 0
  #count = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The next `count` bits, 24 at most. */
  read(count: number): number {
    while (this.#count < count) {
      const byte = this.#bytes[this.#position++]
      if (byte === undefined) throw new DecodeError('The body is a bzip2 stream that ends too soon')
      this.#bits = ((this.#bits & 0xffffff) << 8) | byte
      this.#count += 8
    }
    this.#count -= count
    return (this.#bits >>> this.#count) & ((1 << count) - 1)
  }

  readUint32(): number {
    return this.read(16) * 0x10000 + this.read(16)
  }

  /** Skips to the next whole byte. */
  align(): void {
    this.#count -= this.#count % 8
  }

  /** Whether a text follows; only to be asked at a whole byte. */
  startsWith(text: string): boolean {
    const start = this.#position - this.#count / 8
    return Buffer.from(this.#bytes.subarray(start, start + text.length)).toString('latin1') === text
  }
}

/** Checksums of single bytes; the highest bit comes first, unlike in zlib. */
const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  return crc >>> 0
})

function corrupt(): DecodeError {
  return new DecodeError('The body is no valid bzip2 stream: its data is corrupt')
}
