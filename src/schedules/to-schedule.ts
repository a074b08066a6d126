/** From what stands for a schedule in settings, and in JSON, to the schedule. */
import type { Duration, DurationParts } from '../util/duration.ts'
import { isPlainObject } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'
import { crontab } from './crontab.ts'
import { Interval } from './interval.ts'
import type { Schedule } from './schedule.ts'
import { isSchedule } from './schedule.ts'
import type { SolarEvent } from './solar.ts'
import { isSolarEvent, solar } from './solar.ts'

/** A schedule as plain data: what `toJSON` of our schedules gives, and what may stand in a configuration file. */
export type ScheduleData =
  | { readonly every: Duration; readonly relative?: boolean }
  /** Five fields; see `crontab.fromString`. */
  | { readonly crontab: string }
  | { readonly solar: readonly [event: SolarEvent, latitude: number, longitude: number] }

/**
 * A schedule out of what stands for one: seconds, `'5m'`, `{ minutes: 5 }`, `{ crontab: '0 4 * * *' }` or a schedule.
 * Celery: `maybe_schedule`.
 *
 * @param relative see `IntervalOptions`; without effect on schedules that are no bare intervals.
 * @throws TypeError when it is none of these, RangeError when it is one that cannot be.
 */
export function toSchedule(value: Duration | ScheduleData | Schedule, relative = false): Schedule {
  if (isSchedule(value)) return value
  if (typeof value === 'object' && value !== null) {
    if ('crontab' in value) return crontab.fromString(value.crontab)
    if ('solar' in value) return solar(...value.solar)
    if ('every' in value) return new Interval(value.every, { relative: value.relative ?? relative })
  }
  return new Interval(value, { relative })
}

/** The same for a value of which nothing is known. */
export function readSchedule(value: unknown, relative: boolean): Schedule {
  if (typeof value === 'number' || typeof value === 'string' || isSchedule(value))
    return toSchedule(value, relative)
  if (isDurationParts(value) || isScheduleData(value)) return toSchedule(value, relative)
  throw new TypeError(
    `schedule must be seconds, a text such as '5m', or a schedule such as crontab(), not ${repr(value)}`,
  )
}

function isDurationParts(value: unknown): value is DurationParts {
  return isPlainObject(value) && Object.values(value).every((part) => typeof part === 'number')
}

function isScheduleData(value: unknown): value is ScheduleData {
  if (!isPlainObject(value)) return false
  const { crontab: line, solar: place, every } = value
  if (line !== undefined) return typeof line === 'string'
  if (Array.isArray(place)) {
    const [event, ...numbers] = place
    return (
      isSolarEvent(event) && numbers.length === 2 && numbers.every((number) => typeof number === 'number')
    )
  }
  return typeof every === 'number' || typeof every === 'string'
}
