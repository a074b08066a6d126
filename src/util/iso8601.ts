/**
 * Dates and times as Python prints and reads them: `isoformat()` and `fromisoformat()`.
 *
 * Python counts microseconds and knows naive times (without offset) and offsets down to the second; a `Date` has
 * neither, so parsing gives all the parts and callers decide what to keep.
 */

/** What an ISO 8601 text says. */
export interface IsoDateTime {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  /** 0 to 999,999. */
  readonly microsecond: number
  /** Seconds east of UTC; undefined: the time is naive, that is in no stated zone. */
  readonly offset: number | undefined
}

/** A time of day; see `IsoDateTime`. */
export type IsoTime = Pick<IsoDateTime, 'hour' | 'minute' | 'second' | 'microsecond' | 'offset'>

const DATE = /^(\d{4})(-?)(\d\d)\2(\d\d)(?:[Tt ]|$)/
const TIME =
  /^(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?(?:([Zz])|([+-])(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.\d+)?)?)?)?$/

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * Reads a date, with or without a time (midnight then), with or without an offset. Digits beyond microseconds are cut.
 *
 * @throws RangeError when the text is no such thing or says something impossible such as February 30.
 */
export function parseIsoDateTime(text: string): IsoDateTime {
  const date = DATE.exec(text)
  const year = Number(date?.[1])
  const month = Number(date?.[3])
  const day = Number(date?.[4])
  const head = date?.[0] ?? ''
  if (date === null || !isDay(year, month, day) || (head.length === text.length && !/\d$/.test(head))) {
    throw new RangeError(`'${text}' is no ISO 8601 date and time`)
  }
  const time = head.length === text.length ? MIDNIGHT : parseTime(text.slice(head.length))
  if (time === undefined) throw new RangeError(`'${text}' is no ISO 8601 date and time`)
  return { year, month, day, ...time }
}

/**
 * Reads a time of day.
 *
 * @throws RangeError when the text is none.
 */
export function parseIsoTime(text: string): IsoTime {
  const time = parseTime(text)
  if (time === undefined) throw new RangeError(`'${text}' is no ISO 8601 time of day`)
  return time
}

const MIDNIGHT: IsoTime = { hour: 0, minute: 0, second: 0, microsecond: 0, offset: undefined }

function parseTime(text: string): IsoTime | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const [
    ,
    hour,
    minute = 0,
    second = 0,
    fraction = '',
    z,
    sign,
    offsetHour,
    offsetMinute = 0,
    offsetSecond = 0,
  ] = match
  const time = {
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    microsecond: Number(fraction.slice(0, 6).padEnd(6, '0')),
    offset: z === undefined ? undefined : 0,
  }
  if (time.hour > 23 || time.minute > 59 || time.second > 59) return undefined
  if (sign === undefined) return time
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59 || Number(offsetSecond) > 59) return undefined
  const offset = Number(offsetHour) * 3600 + Number(offsetMinute) * 60 + Number(offsetSecond)
  return { ...time, offset: sign === '-' && offset !== 0 ? -offset : offset }
}

function isDay(year: number, month: number, day: number): boolean {
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1)) return false
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day <= (DAYS[month - 1] ?? 0) + (leap ? 1 : 0)
}

/**
 * The instant that a date and time stands for, in milliseconds since 1970; what is below a millisecond is cut.
 *
 * @param naiveOffset seconds east of UTC to be taken for naive times; default 0: they are UTC, as in Celery.
 */
export function instantOf(time: IsoDateTime, naiveOffset = 0): number {
  const millisecond = Math.floor(time.microsecond / 1000)
  // Date.UTC takes the years 0 to 99 for 1900 to 1999, so the date is set apart.
  const date = new Date(0)
  date.setUTCFullYear(time.year, time.month - 1, time.day)
  date.setUTCHours(time.hour, time.minute, time.second, millisecond)
  return date.getTime() - (time.offset ?? naiveOffset) * 1000
}

/** Reads a text straight into a `Date`; naive times are UTC. @throws RangeError when it is no date. */
export function parseIsoDate(text: string): Date {
  return new Date(instantOf(parseIsoDateTime(text)))
}

/**
 * Prints an instant as Python prints an aware datetime in UTC: `2030-01-02T03:04:05.678000+00:00`, without fraction
 * when it is zero.
 *
 * @throws RangeError when it is not between the years 1 and 9999, or no time at all.
 */
export function formatIsoDate(date: Date): string {
  const year = date.getUTCFullYear()
  if (!(year >= 1 && year <= 9999)) {
    throw new RangeError(
      `A date in ISO 8601 needs a year from 1 to 9999, not ${Number.isNaN(year) ? 'an invalid Date' : year}`,
    )
  }
  // Date prints `2030-01-02T03:04:05.678Z`.
  const text = date.toISOString()
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}+00:00` : `${text.slice(0, -1)}000+00:00`
}

/** Prints a time of day as Python does: `01:02:03.000045+05:30`. */
export function formatIsoTime(time: IsoTime): string {
  const fraction = time.microsecond === 0 ? '' : `.${String(time.microsecond).padStart(6, '0')}`
  const offset = time.offset === undefined ? '' : formatOffset(time.offset)
  return `${two(time.hour)}:${two(time.minute)}:${two(time.second)}${fraction}${offset}`
}

/** Prints an offset from UTC, in seconds, as Python does: `+05:30`, `-03:00`, `+01:00:15`. */
export function formatOffset(offset: number): string {
  const size = Math.abs(offset)
  const seconds = size % 60 === 0 ? '' : `:${two(size % 60)}`
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(size / 3600))}:${two(Math.floor(size / 60) % 60)}${seconds}`
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number)
}
