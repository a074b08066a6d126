/**
 * The moments that a crontab entry stands for, in a time zone.
 *
 * An entry is a set of times on a wall clock. Where clocks are set, each of these times still comes once a day:
 * - A time that is left out (02:30 when 02:00 becomes 03:00) is moved on by the length of the gap, to 03:30. When that is
 *   a time of the entry anyway, it runs then, once.
 * - A time that comes twice runs the first time only, unless the entry runs in every hour of the day: who asks for every
 *   hour, or every 15 minutes, means the hour that is repeated, too.
 */
import type { Timezone } from '../util/timezone.ts'

/** The numbers of an entry, each list in ascending order. */
export interface CronNumbers {
  readonly minute: readonly number[]
  readonly hour: readonly number[]
  readonly dayOfMonth: readonly number[]
  readonly monthOfYear: readonly number[]
  readonly dayOfWeek: readonly number[]
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** No zone is further from UTC. */
const FARTHEST = 14 * HOUR
/** 29 February falls on a given day of the week at least once in so many days (2096 is followed by 2104). */
const SEARCH_DAYS = 41 * 366

/** The first moment after `after`, both in milliseconds since 1970. @throws RangeError when there is none. */
export function nextCronTime(numbers: CronNumbers, zone: Timezone, after: number): number {
  const today = Math.floor((after + zone.offsetAt(after)) / DAY)
  // A time of yesterday may have been moved on past midnight.
  for (let day = today - 1; day < today + SEARCH_DAYS; day++) {
    const time = firstOn(numbers, zone, day, after)
    if (time === undefined) continue
    // Nor are the times of two days in order, then.
    return Math.min(time, firstOn(numbers, zone, day + 1, after) ?? time)
  }
  throw new RangeError('crontab: no day has such a date')
}

/** The first moment of a day after `after`. @param day days since 1970, on the wall clock. */
function firstOn(numbers: CronNumbers, zone: Timezone, day: number, after: number): number | undefined {
  const midnight = day * DAY
  if (!isDay(numbers, new Date(midnight))) return undefined
  const offset = zone.offsetAt(midnight - FARTHEST)
  const later = zone.offsetAt(midnight + DAY + FARTHEST)
  if (offset !== later) return firstOnUnevenDay(numbers, zone, { midnight, later, after })
  const start = midnight - offset
  const least = Math.floor((after - start) / MINUTE) + 1
  for (const hour of numbers.hour) {
    if ((hour + 1) * 60 <= least) continue
    const minute = numbers.minute.find((each) => hour * 60 + each >= least)
    if (minute !== undefined) return start + hour * HOUR + minute * MINUTE
  }
  return undefined
}

/** The same around a day on which clocks are set: all its times are looked at. */
function firstOnUnevenDay(
  { hour: hours, minute: minutes }: CronNumbers,
  zone: Timezone,
  { midnight, later, after }: { readonly midnight: number; readonly later: number; readonly after: number },
): number | undefined {
  const date = new Date(midnight)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
  let first: number | undefined
  const consider = (time: number): void => {
    if (time > after && (first === undefined || time < first)) first = time
  }
  for (const hour of hours) {
    for (const minute of minutes) {
      const time = zone.toInstant({ year, month, day, hour, minute, second: 0, millisecond: 0 })
      consider(time)
      if (hours.length < 24) continue
      const again = midnight + hour * HOUR + minute * MINUTE - later
      if (again > time && zone.offsetAt(again) === later) consider(again)
    }
  }
  return first
}

function isDay({ dayOfMonth, monthOfYear, dayOfWeek }: CronNumbers, date: Date): boolean {
  return (
    monthOfYear.includes(date.getUTCMonth() + 1) &&
    dayOfMonth.includes(date.getUTCDate()) &&
    dayOfWeek.includes(date.getUTCDay())
  )
}
