/**
 * How often this worker starts tasks of a kind: the option `rateLimit`. Celery: the task buckets of the consumer.
 *
 * Each task has a bucket of its own, into which a token drips so many times a second and which holds one: there are no
 * bursts. Calls wait for their tokens in line; their messages stay unsettled and count against the prefetch count, so a
 * limit also slows down how fast a queue is emptied into memory.
 */
import type { TaskLookup } from '../task/ports.ts'
import type { Clock } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import { Fifo } from '../util/fifo.ts'
import type { HeapTimer, ScheduledTimer } from '../util/heap-timer.ts'
import { parseRate } from '../util/rate.ts'
import { TokenBucket } from '../util/token-bucket.ts'

/** A call that waits for its turn. */
export interface Turn {
  /** It does not want to start any more. */
  cancel(): void
}

/** What `RateLimits` works with. */
export interface RateLimitsOptions {
  readonly tasks: TaskLookup
  readonly timer: HeapTimer
  readonly clock?: Clock | undefined
}

/** See the module's description. */
export class RateLimits {
  readonly #tasks: TaskLookup
  readonly #timer: HeapTimer
  readonly #clock: Clock
  /** By the name of the task; undefined: it has no limit. */
  readonly #lines = new Map<string, Line | undefined>()
  /** Limits that were set at run time. */
  readonly #changed = new Map<string, number | string | null>()

  constructor({ tasks, timer, clock = systemClock }: RateLimitsOptions) {
    this.#tasks = tasks
    this.#timer = timer
    this.#clock = clock
  }

  /** Lets a call of a task wait until it may start, and calls `start` then. Undefined: it may start now. */
  wait(name: string, start: () => void): Turn | undefined {
    return this.#line(name)?.wait(start)
  }

  /** The limit of a task as it is now. */
  rateOf(name: string): number | string | null | undefined {
    return this.#changed.has(name) ? this.#changed.get(name) : this.#tasks.get(name)?.options.rateLimit
  }

  /**
   * Changes the limit of a task; 0 or null: none. Calls that wait go on by the new one. Celery: `rate_limit`.
   * @throws ImproperlyConfigured when it is no rate.
   */
  change(name: string, limit: number | string | null): void {
    const rate = parseRate(limit, `Task ${name}: rateLimit`)
    this.#changed.set(name, limit)
    const line = this.#lines.get(name)
    line?.change(rate)
    if (line === undefined || rate === 0) this.#lines.delete(name)
  }

  #line(name: string): Line | undefined {
    const known = this.#lines.get(name)
    if (known !== undefined || this.#lines.has(name)) return known
    const rate = parseRate(this.rateOf(name), `Task ${name}: rateLimit`)
    const line = rate === 0 ? undefined : new Line(rate, this.#timer, this.#clock)
    this.#lines.set(name, line)
    return line
  }
}

interface Waiting extends Turn {
  /** Undefined: cancelled. */
  start: (() => void) | undefined
}

/** The calls of one task that wait for a token. */
class Line {
  #bucket: TokenBucket
  readonly #timer: HeapTimer
  readonly #clock: Clock
  readonly #waiting = new Fifo<Waiting>()
  /** The first of the line; it is out of the queue while the timer runs for it. */
  #first: Waiting | undefined
  #alarm: ScheduledTimer | undefined

  constructor(rate: number, timer: HeapTimer, clock: Clock) {
    this.#bucket = new TokenBucket(rate, 1, clock)
    this.#timer = timer
    this.#clock = clock
  }

  wait(start: () => void): Turn | undefined {
    if (this.#first === undefined && this.#bucket.take()) return undefined
    const waiting: Waiting = {
      start,
      cancel: () => {
        waiting.start = undefined
      },
    }
    this.#waiting.push(waiting)
    if (this.#first === undefined) this.#next()
    return waiting
  }

  /** The rate is another one from now on; 0: whoever waits may start. */
  change(rate: number): void {
    this.#alarm?.cancel()
    if (rate === 0) {
      for (let next = this.#first; next !== undefined; next = this.#waiting.shift()) next.start?.()
      this.#first = undefined
      return
    }
    this.#bucket = new TokenBucket(rate, 1, this.#clock)
    if (this.#first !== undefined) this.#serve()
  }

  /** Turns to the next in line, and comes back when there is a token for it. */
  #next(): void {
    do this.#first = this.#waiting.shift()
    while (this.#first !== undefined && this.#first.start === undefined)
    if (this.#first !== undefined) this.#wake()
  }

  #wake(): void {
    const at = this.#clock.now() + Math.ceil(this.#bucket.timeUntil())
    this.#alarm = this.#timer.schedule(at, () => this.#serve())
  }

  #serve(): void {
    const first = this.#first
    if (first?.start === undefined) {
      // Nobody wants the token any more: the next in line gets it.
      this.#next()
      return
    }
    if (!this.#bucket.take()) {
      this.#wake()
      return
    }
    first.start()
    this.#next()
  }
}
