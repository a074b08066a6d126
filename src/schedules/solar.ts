/** At sunrise, sunset, noon or twilight of a place. Celery: `celery.schedules.solar`. */
import { didYouMean } from '../util/text.ts'
import type { DueState, Schedule } from './schedule.ts'
import type { Place } from './sun.ts'
import { sunAltitude, sunHourAngle, sunRadius } from './sun.ts'

interface Crossing {
  /** Degrees above the horizon. */
  readonly altitude: number
  readonly rising: boolean
  /** Whether the upper edge of the sun counts instead of its centre. */
  readonly edge?: boolean
}

/** Refraction lifts the sun by so much when it is at the horizon. */
const REFRACTED = -34 / 60

const CROSSINGS: Readonly<Record<Exclude<SolarEvent, 'solar_noon'>, Crossing>> = {
  dawn_astronomical: { altitude: -18, rising: true },
  dawn_nautical: { altitude: -12, rising: true },
  dawn_civil: { altitude: -6, rising: true },
  sunrise: { altitude: REFRACTED, rising: true, edge: true },
  sunset: { altitude: REFRACTED, rising: false, edge: true },
  dusk_civil: { altitude: -6, rising: false },
  dusk_nautical: { altitude: -12, rising: false },
  dusk_astronomical: { altitude: -18, rising: false },
}

/** What the sun does; Celery's names. */
export type SolarEvent =
  | 'dawn_astronomical'
  | 'dawn_nautical'
  | 'dawn_civil'
  | 'sunrise'
  | 'solar_noon'
  | 'sunset'
  | 'dusk_civil'
  | 'dusk_nautical'
  | 'dusk_astronomical'

const EVENTS: readonly SolarEvent[] = [
  'dawn_astronomical',
  'dawn_nautical',
  'dawn_civil',
  'sunrise',
  'solar_noon',
  'sunset',
  'dusk_civil',
  'dusk_nautical',
  'dusk_astronomical',
]

const DAY = 86_400_000
/** Every event that a place has comes at least once in so many days, even at the poles. */
const SEARCH_DAYS = 370

/**
 * See the module's description. Where the sun does not rise for weeks, the next run is when it does. Times are true to
 * some seconds for a free horizon at sea level.
 */
export class Solar implements Schedule {
  readonly event: SolarEvent
  /** Degrees, north positive. */
  readonly latitude: number
  /** Degrees, east positive. */
  readonly longitude: number

  /** @throws RangeError when there is no such event or place. */
  constructor(event: SolarEvent, latitude: number, longitude: number) {
    if (!EVENTS.includes(event)) {
      throw new RangeError(
        `solar: there is no event '${event}'${didYouMean(event, EVENTS)}: ${EVENTS.join(', ')}`,
      )
    }
    if (!(latitude >= -90 && latitude <= 90)) {
      throw new RangeError(`solar: the latitude must be from -90 to 90 degrees, not ${latitude}`)
    }
    if (!(longitude >= -180 && longitude <= 180)) {
      throw new RangeError(`solar: the longitude must be from -180 to 180 degrees, not ${longitude}`)
    }
    this.event = event
    this.latitude = latitude
    this.longitude = longitude
  }

  /** The first time after a moment; undefined when the place does not see it (astronomical dusk at the pole, say). */
  nextTime(after: Date): Date | undefined {
    const time =
      this.event === 'solar_noon'
        ? nextHourAngle(0, after.getTime(), this)
        : nextCrossing(CROSSINGS[this.event], after.getTime(), this)
    return time === undefined ? undefined : new Date(time)
  }

  /** Seconds until the next run; negative when it is overdue. Celery: `remaining_estimate`. */
  remainingEstimate(lastRun: Date, now: Date): number {
    const next = this.nextTime(lastRun)
    return next === undefined ? (SEARCH_DAYS * DAY) / 1000 : (next.getTime() - now.getTime()) / 1000
  }

  isDue(lastRun: Date, now: Date): DueState {
    const remaining = this.remainingEstimate(lastRun, now)
    if (remaining > 0) return { due: false, next: remaining }
    return { due: true, next: Math.max(0, this.remainingEstimate(now, now)) }
  }

  equals(other: unknown): boolean {
    return other instanceof Solar && other.toString() === this.toString()
  }

  /** As plain data, for stores and configuration files; see `ScheduleData`. */
  toJSON(): { readonly solar: readonly [event: SolarEvent, latitude: number, longitude: number] } {
    return { solar: [this.event, this.latitude, this.longitude] }
  }

  /** As Celery shows it: `<solar: sunset at latitude 51.5, longitude: -0.1>`. */
  toString(): string {
    return `<solar: ${this.event} at latitude ${this.latitude}, longitude: ${this.longitude}>`
  }
}

/** Whether it is the name of an event. */
export function isSolarEvent(value: unknown): value is SolarEvent {
  return EVENTS.some((event) => event === value)
}

/** A schedule of the sun: `solar('sunset', -37.81753, 144.96715)`. @throws RangeError; see `Solar`. */
export function solar(event: SolarEvent, latitude: number, longitude: number): Solar {
  return new Solar(event, latitude, longitude)
}

/** When the sun is next at an hour angle: 0 noon, 180 midnight. */
function nextHourAngle(angle: number, after: number, place: Place): number {
  let time = after + (((angle - sunHourAngle(after, place) + 360) % 360) / 360) * DAY
  for (let round = 0; round < 4; round++) time += (behind(angle, sunHourAngle(time, place)) / 360) * DAY
  // Rounding may lead to the very moment that is to be left behind.
  return time > after ? time : nextHourAngle(angle, after + DAY / 24, place)
}

/** Degrees from one hour angle to another, the short way. */
function behind(wanted: number, is: number): number {
  return ((wanted - is + 540) % 360) - 180
}

/** From noon to midnight the sun only sinks, from midnight to noon it only climbs: in each half it crosses once, or not. */
function nextCrossing(crossing: Crossing, after: number, place: Place): number | undefined {
  const above = (time: number): boolean => {
    const edge = crossing.edge === true ? sunRadius(time) : 0
    return sunAltitude(time, place) + edge >= crossing.altitude
  }
  let start = after
  while (start < after + SEARCH_DAYS * DAY) {
    const end = Math.min(nextHourAngle(0, start, place), nextHourAngle(180, start, place))
    if (above(start) !== crossing.rising && above(end) === crossing.rising) {
      const time = bisect(start, end, (middle) => above(middle) === crossing.rising)
      if (time > after) return time
    }
    start = end
  }
  return undefined
}

/** The millisecond from which on `holds` holds. */
function bisect(from: number, to: number, holds: (time: number) => boolean): number {
  let [low, high] = [Math.floor(from), Math.ceil(to)]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) high = middle
    else low = middle
  }
  return high
}
