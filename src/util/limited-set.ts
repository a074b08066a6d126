/**
 * A set whose members leave again: the oldest when it gets too long, any when they get too old.
 *
 * Made for revoked task ids and the like, where the set must never grow without bound. Celery: `LimitedSet`.
 */

import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'

/** Limits of a `LimitedSet`; without any it keeps everything. */
export interface LimitedSetOptions {
  /** How many members it keeps at most. Celery: `maxlen`. */
  readonly maxLength?: number
  /** How many members it keeps although they have expired; default 0. Celery: `minlen`. */
  readonly minLength?: number
  /** Milliseconds after which a member expires. Celery: `expires`. */
  readonly expires?: number
  /** Where the time comes from; default the system's clock. */
  readonly clock?: Clock
}

/** See the module's description. Members are ordered by the time at which they were added, oldest first. */
export class LimitedSet<T> {
  readonly #maxLength: number
  readonly #minLength: number
  readonly #expires: number
  readonly #clock: Clock
  #addedAt = new Map<T, number>()
  #latest = Number.NEGATIVE_INFINITY

  /** @throws RangeError when `minLength` is above `maxLength` or a limit is negative. */
  constructor({ maxLength, minLength = 0, expires, clock = systemClock }: LimitedSetOptions = {}) {
    if (minLength < 0 || minLength > (maxLength ?? Number.POSITIVE_INFINITY)) {
      throw new RangeError(`minLength ${minLength} must lie between 0 and maxLength ${maxLength}`)
    }
    if (expires !== undefined && expires < 0) throw new RangeError(`expires ${expires} must not be negative`)
    this.#maxLength = maxLength ?? Number.POSITIVE_INFINITY
    this.#minLength = minLength
    this.#expires = expires ?? Number.POSITIVE_INFINITY
    this.#clock = clock
  }

  get size(): number {
    return this.#addedAt.size
  }

  has(member: T): boolean {
    const at = this.#addedAt.get(member)
    return at !== undefined && (!this.#isExpired(at) || this.#addedAt.size <= this.#minLength)
  }

  /**
   * Adds a member, or makes an old one young again.
   *
   * @param at when it was added, in the clock's milliseconds since 1970; default now.
   */
  add(member: T, at: number = this.#clock.now()): this {
    this.#addedAt.delete(member)
    this.#addedAt.set(member, at)
    if (at < this.#latest) this.#sort()
    else this.#latest = at
    this.purge()
    return this
  }

  /** Takes over members with the times at which they were added, e.g. from another worker. */
  merge(entries: Iterable<readonly [T, number]>): void {
    for (const [member, at] of entries) this.#addedAt.set(member, at)
    this.#sort()
    this.purge()
  }

  delete(member: T): boolean {
    return this.#addedAt.delete(member)
  }

  clear(): void {
    this.#addedAt.clear()
  }

  /** Drops what is too much or too old. Done on every `add`; call it yourself only to free memory in quiet times. */
  purge(): void {
    for (const [member, at] of this.#addedAt) {
      const tooLong = this.#addedAt.size > this.#maxLength
      const tooOld = this.#addedAt.size > this.#minLength && this.#isExpired(at)
      if (!tooLong && !tooOld) return
      this.#addedAt.delete(member)
    }
  }

  /** Members with the times at which they were added, oldest first. */
  entries(): IterableIterator<[T, number]> {
    return this.#addedAt.entries()
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#addedAt.keys()
  }

  #isExpired(at: number): boolean {
    return at + this.#expires <= this.#clock.now()
  }

  #sort(): void {
    const sorted = [...this.#addedAt].sort((a, b) => a[1] - b[1])
    this.#addedAt = new Map(sorted)
    this.#latest = sorted.at(-1)?.[1] ?? Number.NEGATIVE_INFINITY
  }
}
