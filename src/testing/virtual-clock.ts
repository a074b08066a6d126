import type { Clock, TimerHandle } from '../util/clock.ts'
import { toMilliseconds } from '../util/duration.ts'

interface VirtualTimer extends TimerHandle {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/**
 * A clock that stands still until it is told to go on.
 *
 * `await clock.advance(ms)` fires what becomes due, in order, each at its own time, and lets promises settle in between.
 */
export class VirtualClock implements Clock {
  #now: number
  #monotonic = 0
  #order = 0
  readonly #timers = new Set<VirtualTimer>()

  /** @param start wall-clock time at the start: a date or milliseconds; default 2030-01-02T03:04:05.678Z. */
  constructor(start: Date | number = Date.UTC(2030, 0, 2, 3, 4, 5, 678)) {
    this.#now = Number(start)
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#monotonic
  }

  /** How many timers are pending. */
  get pending(): number {
    return this.#timers.size
  }

  setTimeout(callback: () => void, ms: number): TimerHandle {
    const timer: VirtualTimer = {
      at: this.#monotonic + Math.max(0, ms),
      order: this.#order++,
      callback,
      cancel: () => {
        this.#timers.delete(timer)
      },
      unref: () => undefined,
    }
    this.#timers.add(timer)
    return timer
  }

  /** Moves the wall clock alone, as an administrator or NTP would; no timer fires. */
  setWallClock(time: Date | number): void {
    this.#now = Number(time)
  }

  /** Lets time pass: milliseconds, or a text with a unit (`'1h'`). */
  async advance(time: number | string): Promise<void> {
    const end = this.#monotonic + (typeof time === 'number' ? time : toMilliseconds(time, 'advance'))
    await settle()
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer)
      this.#moveTo(timer.at)
      timer.callback()
      await settle()
    }
    this.#moveTo(end)
  }

  #moveTo(monotonic: number): void {
    this.#now += monotonic - this.#monotonic
    this.#monotonic = monotonic
  }

  #next(end: number): VirtualTimer | undefined {
    let first: VirtualTimer | undefined
    for (const timer of this.#timers) {
      if (timer.at > end) continue
      if (
        first === undefined ||
        timer.at < first.at ||
        (timer.at === first.at && timer.order < first.order)
      ) {
        first = timer
      }
    }
    return first
  }
}

/** Two turns of the real event loop: whatever is only waiting for settled promises gets through. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
  }
}
