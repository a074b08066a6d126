import { isRecord } from '../../util/is-record.ts'
import { repr } from '../../util/repr.ts'

/** The arguments of a command, as they came: anything may be in them. Readers throw `TypeError` for a wrong type. */
export class CommandArguments {
  readonly #values: Readonly<Record<string, unknown>>

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values
  }

  /** All of them. */
  get values(): Readonly<Record<string, unknown>> {
    return this.#values
  }

  /** As it came; null counts as not given. */
  get(name: string): unknown {
    return this.#values[name] ?? undefined
  }

  text(name: string): string | undefined {
    const value = this.get(name)
    if (value === undefined || typeof value === 'string') return value
    throw wrong(name, 'a text', value)
  }

  /** A number, or a text that is one. */
  number(name: string): number | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number === 'number' && Number.isFinite(number)) return number
    throw wrong(name, 'a number', value)
  }

  integer(name: string): number | undefined {
    const number = this.number(name)
    if (number === undefined || Number.isInteger(number)) return number
    throw wrong(name, 'a whole number', number)
  }

  /** True and false, also as 1 and 0 or the words that Celery's command line knows. */
  flag(name: string): boolean {
    const value = this.get(name)
    const word = String(value ?? false).toLowerCase()
    if (['true', '1', 'yes', 'on'].includes(word)) return true
    if (['false', '0', 'no', 'off'].includes(word)) return false
    throw wrong(name, 'true or false', value)
  }

  /** Texts; a single one is a list of one. */
  texts(name: string): readonly string[] {
    const value = this.get(name)
    if (value === undefined) return []
    const list: readonly unknown[] = Array.isArray(value) ? value : [value]
    return list.map((item) => {
      if (typeof item === 'string') return item
      throw wrong(name, 'a text or a list of texts', item)
    })
  }

  record(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.get(name)
    if (value === undefined || isRecord(value)) return value
    throw wrong(name, 'an object', value)
  }
}

function wrong(name: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${name} must be ${wanted}, not ${repr(value, { maxLength: 100 })}`)
}
