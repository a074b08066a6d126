/** One field of a crontab entry: from a notation to the numbers that it stands for. Celery: `crontab_parser`. */
import { isIterable } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'

/**
 * What may stand in a field: a number, several, or a text: `*`, `5`, `1-5`, `22-4` (around the end), `mon-fri`, each
 * with a step (`0-59/15`), or several of these separated by commas.
 */
export type CronField = number | string | Iterable<number>

/** What a field counts. */
export interface CronUnit {
  /** For messages. */
  readonly name: string
  readonly min: number
  readonly max: number
}

/** The fields of an entry. */
type CronUnitName = 'minute' | 'hour' | 'dayOfMonth' | 'monthOfYear' | 'dayOfWeek'

/** The fields, in the order of a line of crontab(5). Sunday is 0. */
export const CRON_UNITS: Readonly<Record<CronUnitName, CronUnit>> = {
  minute: { name: 'minute', min: 0, max: 59 },
  hour: { name: 'hour', min: 0, max: 23 },
  dayOfMonth: { name: 'dayOfMonth', min: 1, max: 31 },
  monthOfYear: { name: 'monthOfYear', min: 1, max: 12 },
  dayOfWeek: { name: 'dayOfWeek', min: 0, max: 6 },
}

/**
 * Names by their first three letters. Any of them is understood in any field, as in Celery; months and weekdays have no
 * three letters in common.
 */
const NAMES: ReadonlyMap<string, number> = new Map([
  ...['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'].map(
    (name, index) => [name, index + 1] as const,
  ),
  ...['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'].map((name, index) => [name, index] as const),
])

/**
 * The numbers of a field, in ascending order.
 * @throws RangeError for numbers and notations that the field cannot have; TypeError for values that are none.
 */
export function expandCronField(field: CronField, unit: CronUnit): readonly number[] {
  const numbers = [...new Set(numbersOf(field, unit))].sort((a, b) => a - b)
  const { name, min, max } = unit
  const stranger = numbers.find((number) => !Number.isInteger(number) || number < min || number > max)
  if (stranger !== undefined)
    throw new RangeError(`crontab: ${name} must be from ${min} to ${max}, not ${stranger}`)
  if (numbers.length === 0)
    throw new RangeError(`crontab: ${name} has no number at all, so it would never run`)
  return numbers
}

function numbersOf(field: unknown, unit: CronUnit): number[] {
  if (typeof field === 'string') return field.split(',').flatMap((part) => expandPart(part, unit))
  if (Number.isInteger(field)) return [Number(field)]
  if (isIterable(field)) {
    const numbers = [...field]
    if (numbers.every((number) => typeof number === 'number')) return numbers
  }
  throw new TypeError(
    `crontab: ${unit.name} must be a whole number, a list of them or a text, not ${repr(field)}`,
  )
}

const PART = /^(?:(?<star>\*)|(?<from>[^*/-]+)(?:-(?<to>[^*/-]+))?)(?:\/(?<step>.*))?$/

function expandPart(part: string, unit: CronUnit): number[] {
  const groups = PART.exec(part)?.groups
  const { star, from, to, step } = groups ?? {}
  // A step behind a single number (5/20) means something else to each program that knows it; Celery knows it not.
  const isStepped = step !== undefined
  if (groups === undefined || (isStepped && star === undefined && to === undefined)) {
    throw new RangeError(
      `crontab: ${unit.name}: '${part}' is not understood; examples are *, */5, 1-5, 22-4, 1,3 and mon-fri`,
    )
  }
  const all = star === undefined ? range(from ?? '', to, unit) : upTo(unit.min, unit.max)
  if (!isStepped) return all
  if (!/^\d+$/.test(step) || Number(step) === 0) {
    throw new RangeError(`crontab: ${unit.name}: '${part}' needs a whole number above 0 behind its slash`)
  }
  return all.filter((_, index) => index % Number(step) === 0)
}

function range(from: string, to: string | undefined, unit: CronUnit): number[] {
  const first = numberOf(from, unit)
  const last = to === undefined ? first : numberOf(to, unit)
  return last >= first ? upTo(first, last) : [...upTo(first, unit.max), ...upTo(unit.min, last)]
}

function numberOf(text: string, { name, min, max }: CronUnit): number {
  const number = /^\s*\+?\d+\s*$/.test(text) ? Number(text) : NAMES.get(text.slice(0, 3).toLowerCase())
  if (number === undefined) {
    throw new RangeError(`crontab: ${name}: '${text}' is neither a number nor the name of a day or month`)
  }
  if (number < min || number > max)
    throw new RangeError(`crontab: ${name} must be from ${min} to ${max}, not ${text}`)
  return number
}

function upTo(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
