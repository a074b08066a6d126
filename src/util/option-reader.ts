/** Reading options that came from outside: each is checked, and what is wrong is named. */
import { ImproperlyConfigured } from '../errors.ts'
import type { DurationParts } from './duration.ts'
import { toMilliseconds } from './duration.ts'
import { isPlainObject, isRecord } from './is-record.ts'
import { didYouMean } from './text.ts'

const TRUE = /^(?:true|yes|on|1)$/i
const FALSE = /^(?:false|no|off|0)$/i

/** Options by name; undefined and null count as absent. All methods throw `ImproperlyConfigured`. */
export class OptionReader {
  readonly #values: Readonly<Record<string, unknown>>
  readonly #where: string

  /** @param where names the place for messages, e.g. `brokerTransportOptions`. */
  constructor(values: Readonly<Record<string, unknown>>, where: string) {
    this.#values = values
    this.#where = where
  }

  /** Refuses options that nobody knows. */
  refuseUnknown(known: ReadonlySet<string>): void {
    for (const name of Object.keys(this.#values)) {
      if (known.has(name)) continue
      throw new ImproperlyConfigured(
        `${this.#where}: there is no option ${JSON.stringify(name)}${didYouMean(name, known)}`,
      )
    }
  }

  has(name: string): boolean {
    return this.value(name) !== undefined
  }

  /** The value as it is. */
  value(name: string): unknown {
    return this.#values[name] ?? undefined
  }

  text(name: string): string | undefined {
    const value = this.value(name)
    if (value === undefined || typeof value === 'string') return value
    throw this.#wrong(name, 'a text')
  }

  /** Also as a text or a number, as it stands in a URL. */
  flag(name: string): boolean | undefined {
    const value = this.value(name)
    if (value === undefined || typeof value === 'boolean') return value
    if (TRUE.test(String(value))) return true
    if (FALSE.test(String(value))) return false
    throw this.#wrong(name, 'true or false')
  }

  /** A whole number of at least `least`, also as a text. */
  integer(name: string, least = 0): number | undefined {
    const value = this.value(name)
    if (value === undefined) return undefined
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= least) return number
    throw this.#wrong(name, `a whole number of at least ${least}`)
  }

  /** A duration (seconds, or a text with a unit), in milliseconds. */
  milliseconds(name: string): number | undefined {
    const value = this.value(name)
    if (value === undefined) return undefined
    if (typeof value === 'number' || typeof value === 'string' || isParts(value)) {
      const milliseconds = this.#duration(name, value)
      if (milliseconds >= 0) return milliseconds
    }
    throw this.#wrong(name, 'a number of seconds, or a text such as "250ms"')
  }

  /** A function to be called back; what it answers is nobody's concern. */
  hook(name: string): ((...told: readonly unknown[]) => void) | undefined {
    const value = this.value(name)
    if (value === undefined) return undefined
    if (typeof value !== 'function') throw this.#wrong(name, 'a function')
    return (...told) => void Reflect.apply(value, undefined, told)
  }

  record(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.value(name)
    if (value === undefined || isRecord(value)) return value
    throw this.#wrong(name, 'an object')
  }

  #duration(name: string, value: number | string | DurationParts): number {
    try {
      return toMilliseconds(value, name)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new ImproperlyConfigured(`${this.#where}: ${reason}`, { cause })
    }
  }

  #wrong(name: string, wanted: string): ImproperlyConfigured {
    const value = this.value(name)
    const shown = typeof value === 'function' ? 'a function' : JSON.stringify(value)
    return new ImproperlyConfigured(`${this.#where}: ${name} must be ${wanted}, not ${shown}`)
  }
}

function isParts(value: unknown): value is DurationParts {
  return isPlainObject(value) && Object.values(value).every((part) => typeof part === 'number')
}
