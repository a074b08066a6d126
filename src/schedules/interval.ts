/** Every so often: `schedule(30)`, `schedule('5m')`. Celery: `celery.schedules.schedule`. */
import type { Duration } from '../util/duration.ts'
import { fromMilliseconds, toMilliseconds } from '../util/duration.ts'
import { humanizeSeconds } from '../util/humanize-seconds.ts'
import { type Timezone, timezone } from '../util/timezone.ts'
import type { DueState, Schedule, ScheduleContext } from './schedule.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How an interval is counted. */
export interface IntervalOptions {
  /**
   * Cut the time of the next run to the unit of the interval: every two hours at the full hour, every day at midnight of
   * the app's zone. Default false: counted from the last run.
   */
  readonly relative?: boolean
}

/**
 * See the module's description. Intervals are lengths of absolute time: clocks that are set forward or back neither
 * shorten nor prolong them.
 */
export class Interval implements Schedule {
  /** Seconds between two runs. Celery: `run_every`. */
  readonly seconds: number
  readonly relative: boolean
  readonly #every: number

  /** @throws TypeError when `runEvery` is no duration; RangeError when it is negative. */
  constructor(runEvery: Duration, { relative = false }: IntervalOptions = {}) {
    this.#every = toMilliseconds(runEvery, 'schedule')
    if (this.#every < 0)
      throw new RangeError(`schedule: ${this.#every / 1000} s lies in the past; give a length of time`)
    this.seconds = fromMilliseconds(this.#every)
    this.relative = relative
  }

  /** E.g. `30.00 seconds`. Celery: `human_seconds`. */
  get humanSeconds(): string {
    return humanizeSeconds(this.seconds)
  }

  /** Seconds until the next run; negative when it is overdue. Celery: `remaining_estimate`. */
  remainingEstimate(lastRun: Date, now: Date, context?: ScheduleContext): number {
    return (this.#nextRun(lastRun.getTime(), context?.timezone ?? timezone('UTC')) - now.getTime()) / 1000
  }

  isDue(lastRun: Date, now: Date, context?: ScheduleContext): DueState {
    const remaining = this.remainingEstimate(lastRun, now, context)
    return remaining <= 0 ? { due: true, next: this.seconds } : { due: false, next: remaining }
  }

  equals(other: unknown): boolean {
    return other instanceof Interval && other.seconds === this.seconds && other.relative === this.relative
  }

  /** As plain data, for stores and configuration files; see `ScheduleData`. */
  toJSON(): { readonly every: number; readonly relative: boolean } {
    return { every: this.seconds, relative: this.relative }
  }

  /** As Celery shows it: `<freq: 30.00 seconds>`. */
  toString(): string {
    return `<freq: ${this.humanSeconds}>`
  }

  #nextRun(lastRun: number, zone: Timezone): number {
    const end = lastRun + this.#every
    if (!this.relative || this.#every < MINUTE) return this.relative ? Math.floor(end / 1000) * 1000 : end
    if (this.#every >= DAY) {
      // Days are those of the wall clock, which are not all equally long.
      const wall = zone.toWallTime(lastRun)
      const shown = Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second)
      const next = new Date(shown + this.#every)
      const [year, month, day] = [next.getUTCFullYear(), next.getUTCMonth() + 1, next.getUTCDate()]
      return zone.toInstant({ year, month, day, hour: 0, minute: 0, second: 0, millisecond: 0 })
    }
    const { minute, second, millisecond } = zone.toWallTime(end)
    return end - (this.#every >= HOUR ? minute * MINUTE : 0) - second * 1000 - millisecond
  }
}

/**
 * A schedule of equal intervals. A bare duration as `schedule` of an entry means the same.
 * @throws TypeError when `runEvery` is no duration.
 */
export function schedule(runEvery: Duration, options: IntervalOptions = {}): Interval {
  return new Interval(runEvery, options)
}
