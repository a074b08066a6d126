/**
 * Time as a thing that is handed in, so that tests can turn the hands themselves.
 *
 * Everything that waits or compares times takes a `Clock`; only the composition root picks `systemClock`.
 */

/** A timer that was set on a `Clock`. */
export interface TimerHandle {
  /** Forgets the timer; harmless when it has fired already. */
  cancel(): void
  /** Lets the process end although the timer is pending. */
  unref(): void
}

/** Source of time. All numbers are milliseconds. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970; it may jump when somebody sets the system's clock. */
  now(): number
  /** Milliseconds since an arbitrary moment; never goes back, so it is the one to measure spans with. */
  monotonic(): number
  /** Calls back once after `ms` milliseconds (0 or less: on a later turn of the event loop). Any length works. */
  setTimeout(callback: () => void, ms: number): TimerHandle
}

/** Node fires a longer timer at once, so longer spans are waited for in pieces. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

class SystemTimer implements TimerHandle {
  readonly #callback: () => void
  #remaining: number
  #timer: NodeJS.Timeout
  #unreferenced = false

  constructor(callback: () => void, ms: number) {
    this.#callback = callback
    this.#remaining = ms
    this.#timer = this.#arm()
  }

  cancel(): void {
    clearTimeout(this.#timer)
  }

  unref(): void {
    this.#unreferenced = true
    this.#timer.unref()
  }

  #arm(): NodeJS.Timeout {
    if (this.#remaining <= LONGEST_TIMEOUT) return setTimeout(this.#callback, this.#remaining)
    this.#remaining -= LONGEST_TIMEOUT
    return setTimeout(() => {
      this.#timer = this.#arm()
      if (this.#unreferenced) this.#timer.unref()
    }, LONGEST_TIMEOUT)
  }
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (callback, ms) => new SystemTimer(callback, ms),
}
