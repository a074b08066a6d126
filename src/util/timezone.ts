/**
 * Arithmetic in the time zones of the IANA database, which Node carries in `Intl`.
 *
 * A zone turns an instant (milliseconds since 1970) into the numbers on a wall clock there, and back. Where clocks are
 * set, the way back follows Python's `fold=0`: a time that occurs twice is the first of the two, a time that is left
 * out is moved on by the length of the gap.
 */

import { ImproperlyConfigured } from '../errors.ts'
import { LruMap } from './lru-map.ts'

/** What a wall clock shows. */
export interface WallTime {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly millisecond: number
}

/** Offsets change at quarters of an hour only, at least since 1970. */
const QUARTER = 15 * 60 * 1000
const DAY = 24 * 60 * 60 * 1000

/** Name of the zone that this machine is set to, e.g. `Europe/Berlin`. */
export function systemZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

const zones = new Map<string, Timezone>()

/**
 * The zone of that name. Zones are shared: the same name gives the same object.
 *
 * @throws ImproperlyConfigured when there is no such zone.
 */
export function timezone(name: string): Timezone {
  let zone = zones.get(name)
  if (zone === undefined) {
    zone = new Timezone(name)
    zones.set(name, zone)
  }
  return zone
}

/** See the module's description. */
export class Timezone {
  /** The name it was made with, e.g. `Asia/Kolkata`. */
  readonly name: string
  readonly #format: Intl.DateTimeFormat | undefined
  readonly #offsets = new LruMap<number, number>(4096)

  /** @throws ImproperlyConfigured when there is no zone of that name. */
  constructor(name: string) {
    this.name = name
    this.#format = name === 'UTC' ? undefined : makeFormat(name)
  }

  /** Milliseconds by which clocks there are ahead of UTC at an instant; negative west of Greenwich. */
  offsetAt(instant: number): number {
    if (this.#format === undefined) return 0
    const quarter = Math.floor(instant / QUARTER)
    let offset = this.#offsets.get(quarter)
    if (offset === undefined) {
      offset = this.#computeOffset(this.#format, instant)
      if (instant >= 0) this.#offsets.set(quarter, offset)
    }
    return offset
  }

  /** What a wall clock there shows at an instant. */
  toWallTime(instant: number): WallTime {
    const shifted = new Date(instant + this.offsetAt(instant))
    return {
      year: shifted.getUTCFullYear(),
      month: shifted.getUTCMonth() + 1,
      day: shifted.getUTCDate(),
      hour: shifted.getUTCHours(),
      minute: shifted.getUTCMinutes(),
      second: shifted.getUTCSeconds(),
      millisecond: shifted.getUTCMilliseconds(),
    }
  }

  /** Day of the week there at an instant: 0 Sunday to 6 Saturday. */
  weekdayAt(instant: number): number {
    return new Date(instant + this.offsetAt(instant)).getUTCDay()
  }

  /** The instant at which a wall clock there shows a time; parts beyond their range carry over (day 32). */
  toInstant(time: WallTime): number {
    const shown = utc(time)
    // The offset in force the day before and the day after: they differ only around a change.
    const before = this.offsetAt(shown - DAY)
    const after = this.offsetAt(shown + DAY)
    const early = shown - before
    if (before === after || this.offsetAt(early) === before) return early
    const late = shown - after
    // When neither offset leads back to the time shown, it falls into a gap: the old offset moves it on.
    return this.offsetAt(late) === after ? late : early
  }

  #computeOffset(format: Intl.DateTimeFormat, instant: number): number {
    const parts = new Map<string, number>()
    for (const { type, value } of format.formatToParts(instant)) parts.set(type, Number(value))
    const part = (name: string): number => parts.get(name) ?? Number.NaN
    const shown = utc({
      year: part('year'),
      month: part('month'),
      day: part('day'),
      hour: part('hour'),
      minute: part('minute'),
      second: part('second'),
      millisecond: 0,
    })
    return shown - Math.floor(instant / 1000) * 1000
  }
}

function utc(time: WallTime): number {
  const date = new Date(0)
  date.setUTCFullYear(time.year, time.month - 1, time.day)
  return date.setUTCHours(time.hour, time.minute, time.second, time.millisecond)
}

function makeFormat(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch (cause) {
    throw new ImproperlyConfigured(
      `There is no time zone '${timeZone}'; use a name of the IANA database such as Europe/Berlin`,
      { cause },
    )
  }
}
