/**
 * The LZMA decoder: an adaptive binary range decoder whose bits say "this byte", "repeat from there", or "repeat from
 * where it was lately".
 *
 * Names follow the format's own description: `lc`, `lp`, `pb` are the numbers of bits of literal context, literal
 * position and position; `rep0` to `rep3` the four latest distances; states 0 to 6 follow a literal.
 */

import { DecodeError } from '../../errors.ts'
import type { BoundedOutput } from './bounded-output.ts'

const STATES = 12
const POSITION_STATES = 16
const LENGTH_STATES = 4
const FIRST_LONG_DISTANCE = 14
const ALIGN_BITS = 4
const SHORTEST_MATCH = 2

/** Probability of a zero, in 2048ths, before anything is known. */
const EVEN = 1024

/** Reads bits of which the decoder knows how probable they are. */
class RangeDecoder {
  #input: Uint8Array = new Uint8Array(0)
  #position = 0
  #range = 0
  #code = 0

  /** Begins a new stretch of input. */
  start(input: Uint8Array): void {
    if (input.length < 5 || input[0] !== 0) throw corrupt()
    this.#input = input
    this.#range = 0xffffffff
    this.#code = Buffer.from(input.buffer, input.byteOffset, 5).readUInt32BE(1)
    this.#position = 5
  }

  /** Whether the input is used up just as it should be. */
  get finished(): boolean {
    this.#normalize()
    return this.#code === 0 && this.#position === this.#input.length
  }

  bit(probabilities: Uint16Array, index: number): number {
    this.#normalize()
    const probability = probabilities[index] ?? 0
    const bound = (this.#range >>> 11) * probability
    if (this.#code < bound) {
      this.#range = bound
      probabilities[index] = probability + ((2048 - probability) >> 5)
      return 0
    }
    this.#range -= bound
    this.#code -= bound
    probabilities[index] = probability - (probability >> 5)
    return 1
  }

  /** Bits that are as probable as not, highest first. */
  direct(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++) {
      this.#normalize()
      this.#range >>>= 1
      const bit = this.#code >= this.#range ? 1 : 0
      if (bit === 1) this.#code -= this.#range
      value = value * 2 + bit
    }
    return value
  }

  /** A number of `bits` bits, highest first, whose probabilities make a tree that begins at `offset`. */
  tree(probabilities: Uint16Array, offset: number, bits: number): number {
    let node = 1
    for (let i = 0; i < bits; i++) node = (node << 1) | this.bit(probabilities, offset + node)
    return node - (1 << bits)
  }

  /** The same, lowest bit first. */
  reverseTree(probabilities: Uint16Array, offset: number, bits: number): number {
    let node = 1
    let value = 0
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(probabilities, offset + node)
      node = (node << 1) | bit
      value |= bit << i
    }
    return value
  }

  #normalize(): void {
    if (this.#range >= 0x1000000) return
    const byte = this.#input[this.#position++]
    if (byte === undefined) throw corrupt()
    this.#range = (this.#range << 8) >>> 0
    this.#code = ((this.#code << 8) | byte) >>> 0
  }
}

/** Decodes lengths of matches: short, middle and long ones. */
class LengthDecoder {
  readonly #choice = new Uint16Array(2)
  readonly #low = new Uint16Array(POSITION_STATES << 3)
  readonly #middle = new Uint16Array(POSITION_STATES << 3)
  readonly #high = new Uint16Array(256)

  reset(): void {
    for (const probabilities of [this.#choice, this.#low, this.#middle, this.#high]) probabilities.fill(EVEN)
  }

  decode(decoder: RangeDecoder, positionState: number): number {
    if (decoder.bit(this.#choice, 0) === 0) return decoder.tree(this.#low, positionState << 3, 3)
    if (decoder.bit(this.#choice, 1) === 0) return 8 + decoder.tree(this.#middle, positionState << 3, 3)
    return 16 + decoder.tree(this.#high, 0, 8)
  }
}

/** See the module's description. It keeps its state from one `decode` to the next, as LZMA2 wants it. */
export class LzmaDecoder {
  readonly #output: BoundedOutput
  readonly #range = new RangeDecoder()
  #dictionaryStart = 0
  #lc = 0
  #positionMask = 0
  #literalPositionMask = 0
  #state = 0
  #rep0 = 0
  #rep1 = 0
  #rep2 = 0
  #rep3 = 0
  #literals = new Uint16Array(0)
  readonly #isMatch = new Uint16Array(STATES * POSITION_STATES)
  readonly #isRep = new Uint16Array(STATES)
  readonly #isRep0 = new Uint16Array(STATES)
  readonly #isRep1 = new Uint16Array(STATES)
  readonly #isRep2 = new Uint16Array(STATES)
  readonly #isRep0Long = new Uint16Array(STATES * POSITION_STATES)
  readonly #distanceSlot = new Uint16Array(LENGTH_STATES << 6)
  readonly #distanceSpecial = new Uint16Array(128)
  readonly #distanceAlign = new Uint16Array(1 << ALIGN_BITS)
  readonly #matchLength = new LengthDecoder()
  readonly #repLength = new LengthDecoder()

  constructor(output: BoundedOutput) {
    this.#output = output
  }

  /** Forgets what was put out before: nothing refers back beyond this point. */
  resetDictionary(): void {
    this.#dictionaryStart = this.#output.length
  }

  /** Takes the byte that holds `lc`, `lp` and `pb`. */
  setProperties(byte: number): void {
    const lc = byte % 9
    const lp = Math.floor(byte / 9) % 5
    const pb = Math.floor(byte / 45)
    if (pb > 4 || lc + lp > 4) throw corrupt()
    this.#lc = lc
    this.#literalPositionMask = (1 << lp) - 1
    this.#positionMask = (1 << pb) - 1
    this.#literals = new Uint16Array(0x300 << (lc + lp))
  }

  /** Makes all probabilities even again. */
  resetState(): void {
    this.#state = 0
    this.#rep0 = this.#rep1 = this.#rep2 = this.#rep3 = 0
    const tables = [this.#literals, this.#isMatch, this.#isRep, this.#isRep0, this.#isRep1, this.#isRep2]
    tables.push(this.#isRep0Long, this.#distanceSlot, this.#distanceSpecial, this.#distanceAlign)
    for (const table of tables) table.fill(EVEN)
    this.#matchLength.reset()
    this.#repLength.reset()
  }

  /** Decodes `input`, which must give exactly `size` bytes. */
  decode(input: Uint8Array, size: number): void {
    if (this.#literals.length === 0) throw corrupt()
    const range = this.#range
    const output = this.#output
    range.start(input)
    const end = output.length + size
    output.reserve(size)
    while (output.length < end) {
      const positionState = (output.length - this.#dictionaryStart) & this.#positionMask
      if (range.bit(this.#isMatch, (this.#state << 4) + positionState) === 0) {
        this.#decodeLiteral()
      } else {
        const length = this.#decodeRepeat(positionState)
        const distance = this.#rep0 + 1
        if (distance > output.length - this.#dictionaryStart || length > end - output.length) throw corrupt()
        output.repeat(distance, length)
      }
    }
    if (!range.finished) throw corrupt()
  }

  #decodeLiteral(): void {
    const output = this.#output
    const position = output.length - this.#dictionaryStart
    const before = position === 0 ? 0 : output.byteAt(1)
    const context = ((position & this.#literalPositionMask) << this.#lc) + (before >> (8 - this.#lc))
    const offset = 0x300 * context
    let symbol = 1
    if (this.#state >= 7) {
      // After a match the byte differs from the one that would have continued it: that one is used as a hint.
      let match = output.byteAt(this.#rep0 + 1)
      while (symbol < 0x100) {
        const hint = (match >> 7) & 1
        match <<= 1
        const bit = this.#range.bit(this.#literals, offset + ((1 + hint) << 8) + symbol)
        symbol = (symbol << 1) | bit
        if (bit !== hint) break
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#range.bit(this.#literals, offset + symbol)
    output.push(symbol & 0xff)
    this.#state = this.#state < 4 ? 0 : this.#state - (this.#state < 10 ? 3 : 6)
  }

  /** Decodes what to repeat: sets `rep0` and gives the length. */
  #decodeRepeat(positionState: number): number {
    const range = this.#range
    const state = this.#state
    if (range.bit(this.#isRep, state) === 0) return this.#decodeMatch(positionState)
    if (range.bit(this.#isRep0, state) === 0) {
      if (range.bit(this.#isRep0Long, (state << 4) + positionState) === 0) {
        this.#state = state < 7 ? 9 : 11
        return 1
      }
    } else {
      let distance = this.#rep1
      if (range.bit(this.#isRep1, state) === 1) {
        distance = this.#rep2
        if (range.bit(this.#isRep2, state) === 1) {
          distance = this.#rep3
          this.#rep3 = this.#rep2
        }
        this.#rep2 = this.#rep1
      }
      this.#rep1 = this.#rep0
      this.#rep0 = distance
    }
    this.#state = state < 7 ? 8 : 11
    return SHORTEST_MATCH + this.#repLength.decode(range, positionState)
  }

  #decodeMatch(positionState: number): number {
    this.#rep3 = this.#rep2
    this.#rep2 = this.#rep1
    this.#rep1 = this.#rep0
    const length = this.#matchLength.decode(this.#range, positionState)
    this.#rep0 = this.#decodeDistance(length)
    this.#state = this.#state < 7 ? 7 : 10
    return SHORTEST_MATCH + length
  }

  #decodeDistance(length: number): number {
    const lengthState = Math.min(length, LENGTH_STATES - 1)
    const slot = this.#range.tree(this.#distanceSlot, lengthState << 6, 6)
    if (slot < 4) return slot
    const bits = (slot >> 1) - 1
    const base = (2 | (slot & 1)) * 2 ** bits
    if (slot < FIRST_LONG_DISTANCE) {
      return base + this.#range.reverseTree(this.#distanceSpecial, base - slot, bits)
    }
    const high = this.#range.direct(bits - ALIGN_BITS) * (1 << ALIGN_BITS)
    return base + high + this.#range.reverseTree(this.#distanceAlign, 0, ALIGN_BITS)
  }
}

/** What is said when the compressed bytes make no sense. */
export function corrupt(): DecodeError {
  return new DecodeError('The body is no valid xz stream: its data is corrupt')
}
