/**
 * The one place where seconds become milliseconds and back.
 *
 * The public API counts in seconds, as Celery does, or takes a text with units; inside everything is milliseconds.
 */

/** A length of time in named parts, as Python's `timedelta` takes them. The parts add up. */
export interface DurationParts {
  readonly weeks?: number
  readonly days?: number
  readonly hours?: number
  readonly minutes?: number
  readonly seconds?: number
  readonly milliseconds?: number
}

/** A length of time: seconds, a text such as `'250ms'`, `'5m'`, `'1h30m'`, or parts. */
export type Duration = number | string | DurationParts

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY

const UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', SECOND],
  ['m', MINUTE],
  ['h', HOUR],
  ['d', DAY],
  ['w', WEEK],
])

const PARTS: ReadonlyMap<string, number> = new Map([
  ['weeks', WEEK],
  ['days', DAY],
  ['hours', HOUR],
  ['minutes', MINUTE],
  ['seconds', SECOND],
  ['milliseconds', 1],
])

const PLAIN_NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/
const WITH_UNITS = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ms|[smhdw])\s*)+$/
const ONE_UNIT = /(\d+(?:\.\d*)?|\.\d+)(ms|[smhdw])/g

/**
 * Milliseconds of a duration.
 *
 * @param value seconds as a number (negative ones too), a text with units (`ms s m h d w`, e.g. `'1h30m'`) or with a
 *   bare number of seconds, or an object of parts.
 * @param option names the option for the error message, e.g. `countdown`.
 * @throws TypeError when the value is no duration.
 */
export function toMilliseconds(value: Duration, option: string): number {
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value * SECOND
  } else if (typeof value === 'string') {
    const text = value.trim()
    if (PLAIN_NUMBER.test(text)) return Number(text) * SECOND
    if (WITH_UNITS.test(text)) return sumOfUnits(text)
  } else if (typeof value === 'object' && value !== null) {
    const sum = sumOfParts(value)
    if (sum !== undefined) return sum
  }
  throw new TypeError(
    `${option}: ${describe(value)} is no duration; give seconds (10), a text with units ('250ms', '5m', '1h30m') ` +
      'or parts ({ minutes: 5 })',
  )
}

/** Seconds, as the public API and the wire count them. */
export function fromMilliseconds(milliseconds: number): number {
  return milliseconds / SECOND
}

function sumOfUnits(text: string): number {
  let sum = 0
  for (const [, number, unit] of text.matchAll(ONE_UNIT)) {
    sum += Number(number) * (UNITS.get(unit ?? '') ?? Number.NaN)
  }
  return text.startsWith('-') ? -sum : sum
}

function sumOfParts(parts: DurationParts): number | undefined {
  let sum: number | undefined
  for (const [name, amount] of Object.entries(parts)) {
    const unit = PARTS.get(name)
    if (unit === undefined || typeof amount !== 'number' || !Number.isFinite(amount)) return undefined
    sum = (sum ?? 0) + amount * unit
  }
  return sum
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) ? 'a list' : `an object with the keys [${Object.keys(value).join(', ')}]`
  }
  return String(value)
}
