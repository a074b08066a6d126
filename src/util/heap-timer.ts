/**
 * Any number of timers on a single timer of the clock: a binary heap ordered by due time.
 *
 * Made for ETA and countdown: a hundred thousand waiting tasks cost an entry each and one real timer in all. Due times
 * are wall-clock times, and the real timer never sleeps longer than a minute, so a changed system clock is noticed.
 */

import type { Clock, TimerHandle } from './clock.ts'
import { systemClock } from './clock.ts'

const LONGEST_SLEEP = 60_000

/** A timer that waits in a `HeapTimer`. */
export interface ScheduledTimer {
  /** When it is due, in milliseconds since 1970. */
  readonly at: number
  /** Takes it back; says whether it was still waiting. */
  cancel(): boolean
}

class Entry implements ScheduledTimer {
  readonly at: number
  readonly order: number
  readonly callback: () => void
  /** Place in the heap; -1 when it waits no more. */
  index = -1
  readonly #owner: HeapTimer

  constructor(owner: HeapTimer, at: number, order: number, callback: () => void) {
    this.#owner = owner
    this.at = at
    this.order = order
    this.callback = callback
  }

  cancel(): boolean {
    return this.#owner.remove(this)
  }

  isBefore(other: Entry): boolean {
    return this.at < other.at || (this.at === other.at && this.order < other.order)
  }
}

/** See the module's description. Timers that are due at the same time fire in the order in which they were made. */
export class HeapTimer {
  readonly #clock: Clock
  readonly #heap: Entry[] = []
  #order = 0
  #timer: TimerHandle | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #firing = false
  #closed = false

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** The time by which they are due, in milliseconds since 1970. */
  get now(): number {
    return this.#clock.now()
  }

  /** How many timers wait. */
  get size(): number {
    return this.#heap.length
  }

  /**
   * Calls `callback` once at the wall-clock time `at` (milliseconds since 1970); past times on the next turn. What the
   * callback throws becomes an uncaught exception, after the other due timers have fired.
   *
   * @throws Error when the timer is closed.
   */
  schedule(at: number, callback: () => void): ScheduledTimer {
    if (this.#closed) throw new Error('The timer is closed; nothing more can be scheduled on it')
    const entry = new Entry(this, at, this.#order++, callback)
    this.#heap.push(entry)
    this.#rise(entry, this.#heap.length - 1)
    this.#arm()
    return entry
  }

  /** Forgets all timers; none of them fires any more. */
  close(): void {
    this.#closed = true
    for (const entry of this.#heap) entry.index = -1
    this.#heap.length = 0
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** @internal Called by the timers themselves. */
  remove(entry: Entry): boolean {
    const index = entry.index
    if (index < 0) return false
    entry.index = -1
    const last = this.#heap.pop()
    if (last !== undefined && last !== entry) {
      this.#rise(last, index)
      this.#sink(last, last.index)
    }
    return true
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || this.#firing || this.#timerAt <= first.at) return
    this.#timer?.cancel()
    const wait = Math.min(Math.max(0, first.at - this.#clock.now()), LONGEST_SLEEP)
    this.#timerAt = first.at
    this.#timer = this.#clock.setTimeout(this.#fire, Math.ceil(wait))
  }

  readonly #fire = (): void => {
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
    // What the callbacks schedule waits for the next turn: they cannot keep the event loop for themselves.
    this.#firing = true
    const order = this.#order
    const now = this.#clock.now()
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.at > now || first.order >= order) break
      this.remove(first)
      try {
        first.callback()
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
    this.#firing = false
    this.#arm()
  }

  #rise(entry: Entry, from: number): void {
    let index = from
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = this.#heap[parentIndex]
      if (parent === undefined || !entry.isBefore(parent)) break
      this.#place(parent, index)
      index = parentIndex
    }
    this.#place(entry, index)
  }

  #sink(entry: Entry, from: number): void {
    let index = from
    for (;;) {
      const left = this.#heap[2 * index + 1]
      const right = this.#heap[2 * index + 2]
      const child = left !== undefined && right?.isBefore(left) ? right : left
      if (child === undefined || !child.isBefore(entry)) break
      const childIndex = child.index
      this.#place(child, index)
      index = childIndex
    }
    this.#place(entry, index)
  }

  #place(entry: Entry, index: number): void {
    this.#heap[index] = entry
    entry.index = index
  }
}
