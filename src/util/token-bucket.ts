/** Rate limiting: tokens drip into a bucket, who wants to act takes one. kombu: `TokenBucket`. */

import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'

/** Who slept exactly as long as `timeUntil` said must not miss his token by a rounding error. */
const ROUNDING = 1e-9

/** See the module's description. It never gives out a part of what was asked for. */
export class TokenBucket {
  readonly #perMillisecond: number
  readonly #capacity: number
  readonly #clock: Clock
  #tokens: number
  #filledAt: number

  /**
   * @param rate tokens per second.
   * @param capacity how many tokens can gather, that is the largest burst; default 1.
   */
  constructor(rate: number, capacity = 1, clock: Clock = systemClock) {
    this.#perMillisecond = rate / 1000
    this.#capacity = capacity
    this.#clock = clock
    this.#tokens = capacity
    this.#filledAt = clock.monotonic()
  }

  /** Takes `tokens` if so many are there, and says whether it did. kombu: `can_consume`. */
  take(tokens = 1): boolean {
    if (this.#fill() + ROUNDING < tokens) return false
    this.#tokens -= tokens
    return true
  }

  /** Milliseconds until `tokens` will be there; 0 when they are. kombu: `expected_time`. */
  timeUntil(tokens = 1): number {
    return Math.max(0, tokens - this.#fill()) / this.#perMillisecond
  }

  #fill(): number {
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#filledAt) * this.#perMillisecond)
    this.#filledAt = now
    return this.#tokens
  }
}
