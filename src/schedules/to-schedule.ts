import type { Duration } from '../util/duration.ts'
import { Interval } from './interval.ts'
import type { Schedule } from './schedule.ts'
import { isSchedule } from './schedule.ts'

/**
 * A schedule out of what stands for one: seconds, `'5m'`, `{ minutes: 5 }` or a schedule. Celery: `maybe_schedule`.
 *
 * @param relative see `IntervalOptions`; without effect on schedules that are no bare intervals.
 * @throws TypeError when it is neither.
 */
export function toSchedule(value: Duration | Schedule, relative = false): Schedule {
  return isSchedule(value) ? value : new Interval(value, { relative })
}
