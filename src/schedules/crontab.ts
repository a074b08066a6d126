/** At given times of day, week, month and year. Celery: `celery.schedules.crontab`. */
import { isDeepStrictEqual } from 'node:util'
import { isRecord } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'
import { type Timezone, timezone } from '../util/timezone.ts'
import type { CronField } from './cron-field.ts'
import { CRON_UNITS, expandCronField } from './cron-field.ts'
import type { CronNumbers } from './cron-times.ts'
import { nextCronTime } from './cron-times.ts'
import type { DueState, Schedule, ScheduleContext } from './schedule.ts'

/** The fields of an entry; those that are left out are `*`. See `CronField` for what may stand in them. */
export interface CrontabFields {
  /** 0 to 59. */
  readonly minute?: CronField
  /** 0 to 23. */
  readonly hour?: CronField
  /** 0 (Sunday) to 6, or names. A day must fit this *and* `dayOfMonth`, unlike in crontab(5). */
  readonly dayOfWeek?: CronField
  /** 1 to 31. */
  readonly dayOfMonth?: CronField
  /** 1 to 12, or names. */
  readonly monthOfYear?: CronField
  /** Tells the time instead of the scheduler's clock. */
  readonly nowfun?: () => Date
}

const HOUR = 3_600_000
/** The longest that each month can be. */
const LENGTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const UTC = timezone('UTC')

/** See the module's description, and `cron-times.ts` for what happens where clocks are set. */
export class Crontab implements Schedule {
  /** What the fields stand for. */
  readonly numbers: CronNumbers
  readonly #fields: CrontabFields
  readonly #nowfun: (() => Date) | undefined

  /**
   * @throws RangeError for numbers and notations that a field cannot have, and when no date fits (31 February);
   *   TypeError for values that are none.
   */
  constructor(fields: CrontabFields = {}) {
    // Python's `crontab(0, 7)` would have no field at all, and run every minute.
    const named: unknown = fields
    if (!isRecord(named)) {
      throw new TypeError(
        `crontab takes its fields by name, crontab({ hour: 7, minute: 30 }); a line is for crontab.fromString; not ${repr(named)}`,
      )
    }
    const { nowfun, ...given } = fields
    const stranger = Object.keys(given).find((name) => !(name in CRON_UNITS))
    if (stranger !== undefined) {
      throw new TypeError(`crontab: there is no field '${stranger}': ${Object.keys(CRON_UNITS).join(', ')}`)
    }
    this.#fields = given
    this.#nowfun = nowfun
    const { minute = '*', hour = '*', dayOfWeek = '*', dayOfMonth = '*', monthOfYear = '*' } = given
    this.numbers = {
      minute: expandCronField(minute, CRON_UNITS.minute),
      hour: expandCronField(hour, CRON_UNITS.hour),
      dayOfMonth: expandCronField(dayOfMonth, CRON_UNITS.dayOfMonth),
      monthOfYear: expandCronField(monthOfYear, CRON_UNITS.monthOfYear),
      dayOfWeek: expandCronField(dayOfWeek, CRON_UNITS.dayOfWeek),
    }
    const [firstDay = 1] = this.numbers.dayOfMonth
    if (!this.numbers.monthOfYear.some((month) => firstDay <= (LENGTHS[month - 1] ?? 0))) {
      throw new RangeError(`${this}: no month that it names has ${firstDay} days, so it would never run`)
    }
  }

  /** Seconds until the next run; negative when it is overdue. Celery: `remaining_estimate`. */
  remainingEstimate(lastRun: Date, now: Date, context?: ScheduleContext): number {
    const present = (this.#nowfun?.() ?? now).getTime()
    return (this.#nextRun(lastRun.getTime(), present, context?.timezone ?? UTC) - present) / 1000
  }

  isDue(lastRun: Date, now: Date, context?: ScheduleContext): DueState {
    const { timezone: zone = UTC, cronStartingDeadline: deadline } = context ?? {}
    const present = (this.#nowfun?.() ?? now).getTime()
    const last = lastRun.getTime()
    const next = nextCronTime(this.numbers, zone, last)
    if (next > present) return { due: false, next: (next - present) / 1000 }
    const due =
      deadline === undefined ||
      nextCronTime(this.numbers, zone, Math.max(last, present - deadline * 1000 - 1)) <= present
    return { due, next: (nextCronTime(this.numbers, zone, present) - present) / 1000 }
  }

  equals(other: unknown): boolean {
    return (
      other instanceof Crontab &&
      isDeepStrictEqual(other.numbers, this.numbers) &&
      other.#nowfun === this.#nowfun
    )
  }

  /** As plain data, for stores and configuration files; see `ScheduleData`. */
  toJSON(): { readonly crontab: string } {
    const lines = this.#written().map((field) => (typeof field === 'object' ? [...field].join(',') : field))
    return { crontab: lines.join(' ') }
  }

  /** As Celery shows it: `<crontab: 0 4 * * * (m/h/dM/MY/d)>`. */
  toString(): string {
    const shown = this.#written().map((field) => (typeof field === 'object' ? repr(field) : field))
    return `<crontab: ${shown.join(' ')} (m/h/dM/MY/d)>`
  }

  /** The fields as they were given, in the order of a line of crontab(5). */
  #written(): CronField[] {
    const { minute = '*', hour = '*', dayOfMonth = '*', monthOfYear = '*', dayOfWeek = '*' } = this.#fields
    return [minute, hour, dayOfMonth, monthOfYear, dayOfWeek]
  }

  /**
   * The next run as Celery counts: once the day is over, what was left of the hour of the last run doesn't count. Where
   * Celery forgets a run over that, which nothing later has made up for, this doesn't.
   */
  #nextRun(last: number, present: number, zone: Timezone): number {
    const next = nextCronTime(this.numbers, zone, last)
    const wall = zone.toWallTime(last)
    const today = zone.toWallTime(present)
    if (wall.year === today.year && wall.month === today.month && wall.day === today.day) return next
    const { minute, second, millisecond } = wall
    const endOfHour = last - (minute * 60 + second) * 1000 - millisecond + HOUR
    const later = nextCronTime(this.numbers, zone, endOfHour - 1)
    return later <= present || next > present ? later : next
  }
}

/**
 * `crontab({ minute: '0-59/15' })`, and `crontab.fromString('0 12 * * mon-fri')` with five fields separated by one space:
 * minute, hour, day of month, month, day of week.
 */
export interface CrontabFactory {
  /** @throws RangeError or TypeError for fields that cannot be; see `Crontab`. */
  (fields?: CrontabFields): Crontab
  /** @throws RangeError unless the line has five fields, and as above. */
  fromString(line: string): Crontab
}

/** See `CrontabFactory`. */
export const crontab: CrontabFactory = Object.assign(
  (fields: CrontabFields = {}): Crontab => new Crontab(fields),
  { fromString },
)

function fromString(line: string): Crontab {
  const [minute, hour, dayOfMonth, monthOfYear, dayOfWeek, ...more] = line.split(' ')
  const isComplete = minute && hour && dayOfMonth && monthOfYear && dayOfWeek && more.length === 0
  if (!isComplete) {
    throw new RangeError(
      `crontab.fromString: '${line}' must be five fields with one space in between: minute, hour, day of month, month, day of week`,
    )
  }
  return new Crontab({ minute, hour, dayOfMonth, monthOfYear, dayOfWeek })
}
