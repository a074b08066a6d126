import { DecodeError } from '../../errors.ts'

/** Collects decompressed bytes, also serving as the dictionary they refer back to, and refuses to get too long. */
export class BoundedOutput {
  readonly #maxLength: number
  #buffer: Buffer
  #length = 0

  /** @param maxLength bytes. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength
    this.#buffer = Buffer.allocUnsafe(Math.min(16_384, maxLength))
  }

  get length(): number {
    return this.#length
  }

  /** The bytes from `start` on; valid until more are added. */
  from(start: number): Buffer {
    return this.#buffer.subarray(start, this.#length)
  }

  /** The byte that lies `distance` back; 1 is the last one. */
  byteAt(distance: number): number {
    return this.#buffer[this.#length - distance] ?? 0
  }

  /** Makes room for `count` bytes more. @throws DecodeError when that is too long. */
  reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#buffer.length) return
    if (needed > this.#maxLength) throw tooLong(this.#maxLength)
    const larger = Buffer.allocUnsafe(Math.min(Math.max(needed, this.#buffer.length * 2), this.#maxLength))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }

  push(byte: number): void {
    if (this.#length === this.#buffer.length) this.reserve(1)
    this.#buffer[this.#length++] = byte
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Repeats `count` bytes that lie `distance` back; they may overlap with what is being added. */
  repeat(distance: number, count: number): void {
    this.reserve(count)
    const buffer = this.#buffer
    let to = this.#length
    const end = to + count
    while (to < end) {
      buffer[to] = buffer[to - distance] ?? 0
      to++
    }
    this.#length = end
  }
}

/** What is said about a body that would fill the memory. @param maxLength bytes. */
export function tooLong(maxLength: number, cause?: unknown): DecodeError {
  return new DecodeError(
    `The decompressed body would have more than ${maxLength} bytes, which is not taken in (maxOutputLength)`,
    { cause },
  )
}
