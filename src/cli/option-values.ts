/** What options of the command line are given: texts that become values, or complaints. */

import { InvalidArgumentError } from 'commander'
import { poolNames } from '../pool/create-pool.ts'
import { isRecord } from '../util/is-record.ts'
import { parseIsoDate } from '../util/iso8601.ts'
import type { LogLevel } from '../util/logger.ts'
import { LOG_LEVELS } from '../util/logger.ts'
import { parseReference } from '../util/modules.ts'

/** Name of a pool, or where the class of one is. */
export function poolName(text: string): string {
  if (text === 'custom' || poolNames.includes(text) || parseReference(text).name !== undefined) return text
  throw new InvalidArgumentError(
    `Give one of ${[...poolNames, 'custom'].join(', ')}, or a class: ./pool.ts#MyPool.`,
  )
}

/** A whole number above zero. */
export function positiveInteger(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) === 0)
    throw new InvalidArgumentError('Give a whole number above 0.')
  return Number(text)
}

/** A whole number, zero included. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Give a whole number.')
  return Number(text)
}

/** Seconds: `10`, `0.5`, or with a unit: `'5m'`. Kept as it is, if it is one at all. */
export function seconds(text: string): string {
  if (!/^(?:\d+(?:\.\d*)?|\.\d+)$|^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ms|[smhdw])\s*)+$/.test(text)) {
    throw new InvalidArgumentError('Give seconds, or a length of time with its unit: 10, 0.5, 250ms, 5m.')
  }
  return text
}

/** Names separated by commas. */
export function commaList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** The same, at least one: where none would mean all of them, which an empty variable of a script must not. */
export function someNames(text: string): string[] {
  const names = commaList(text)
  if (names.length === 0)
    throw new InvalidArgumentError('Give at least one name; leave the option out for all.')
  return names
}

/** A severity, in any case; `FATAL` is another word for `CRITICAL`. Numbers are those of Python. */
export function logLevel(text: string): LogLevel {
  const name = text.toUpperCase()
  if (name === 'FATAL') return 'CRITICAL'
  for (const level of LEVELS) {
    if (name === level || text === String(LOG_LEVELS[level])) return level
  }
  throw new InvalidArgumentError(`Give one of ${LEVELS.join(', ')} or FATAL.`)
}

const LEVELS: readonly LogLevel[] = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL']

/** Bounds of the size of a pool. */
export interface Autoscale {
  readonly max: number
  readonly min: number
}

/** `max,min` in either order, or the greater one alone. */
export function autoscale(text: string): Autoscale {
  const numbers = /^\s*\d+\s*(?:,\s*\d+\s*)?$/.test(text) ? text.split(',').map(Number) : []
  const [first, second = 0] = numbers
  if (first === undefined) {
    throw new InvalidArgumentError('Give the most and the fewest processes, as in 10,3, or the most alone.')
  }
  return { max: Math.max(first, second), min: Math.min(first, second) }
}

/** A list in JSON. */
export function jsonList(text: string): unknown[] {
  const value = attempt((): unknown => JSON.parse(text), SyntaxError)
  if (!Array.isArray(value)) throw new InvalidArgumentError("Give a list in JSON: '[4, 4]'.")
  return value
}

/** A dict in JSON. */
export function jsonDict(text: string): Record<string, unknown> {
  const value = attempt((): unknown => JSON.parse(text), SyntaxError)
  if (!isRecord(value)) throw new InvalidArgumentError(`Give a dict in JSON: '{"x": 4}'.`)
  return value
}

/** A moment in ISO 8601, in UTC unless it says otherwise. */
export function isoDate(text: string): Date {
  const date = attempt(() => parseIsoDate(text), RangeError)
  if (date === undefined) throw new InvalidArgumentError('Give a moment in ISO 8601: 2030-01-02T03:04:05Z.')
  return date
}

/** What a parser makes of its text; `undefined` when it complains. */
function attempt<T>(parse: () => T, complaint: typeof SyntaxError | typeof RangeError): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof complaint) return undefined
    throw error
  }
}

/** A moment in ISO 8601, or seconds from now. */
export function isoDateOrSeconds(text: string): Date | number {
  const number = Number(text)
  return text.trim() !== '' && Number.isFinite(number) ? number : isoDate(text)
}

/** Whether a flag in the environment is up. `undefined`: it says neither yes nor no. */
export function truth(text: string): boolean | undefined {
  if (/^(?:1|true|t|yes|y|on)$/i.test(text)) return true
  return /^(?:0|false|f|no|n|off)$/i.test(text) ? false : undefined
}
