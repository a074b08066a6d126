/**
 * Values as Python would show them, cut to a length: what Celery puts into `argsrepr`, `kwargsrepr` and the results of
 * events, and what monitors display. Celery: `celery.utils.saferepr`.
 *
 * It cuts at the very places where Celery cuts. Containers deeper than three levels are `[...]`; when the length is
 * used up, `, ...` follows and the brackets that are still open are closed. Texts have single quotes and no escapes
 * but `\'`.
 *
 * It stands on the way of every published task: the first pass counts UTF-16 units and allocates nothing but the text.
 * Only when something must be cut, a second pass counts characters as Python does.
 */

import { isUtf8 } from 'node:buffer'
import { isPlainObject } from './is-record.ts'
import { pythonNumber } from './python-number.ts'
import { pythonString } from './python-string.ts'

/** What a class implements to say how Python would show its objects, e.g. `Decimal('1.5')`. */
export interface PythonRepr {
  pythonRepr(): string
}

/** Limits of `repr`. */
export interface ReprOptions {
  /** Characters after which it cuts; default: never. */
  readonly maxLength?: number
  /** Levels of nested containers that are shown; default 3, 0: all. */
  readonly maxLevels?: number
}

/** A value as Python would show it; arrays are lists. It never throws. */
export function repr(
  value: unknown,
  { maxLength = Number.POSITIVE_INFINITY, maxLevels = 3 }: ReprOptions = {},
): string {
  return write(maxLength, maxLevels, (writer) => writer.value(value, 0))
}

/** Positional arguments: a tuple, `(2, 3)` or `(2,)`. @param maxLength default 1024, Celery's `argsrepr_maxsize`. */
export function reprArgs(args: readonly unknown[], maxLength = 1024): string {
  if (args.length === 0) return '()'
  return write(maxLength, 3, (writer) => writer.list(args, '(', args.length === 1 ? ',)' : ')', 0))
}

/** Named arguments: a dict, `{'x': 2}`. @param maxLength default 1024. */
export function reprKwargs(kwargs: Readonly<Record<string, unknown>>, maxLength = 1024): string {
  return write(maxLength, 3, (writer) => writer.value(kwargs, 0))
}

function write(maxLength: number, maxLevels: number, fill: (writer: Writer) => void): string {
  try {
    return attempt(maxLength, maxLevels, fill)
  } catch {
    // A proxy or a getter that throws: there is no more to be shown of it.
    return '<Unrepresentable>'
  }
}

function attempt(maxLength: number, maxLevels: number, fill: (writer: Writer) => void): string {
  const quick = new Writer(maxLength, maxLevels, false)
  fill(quick)
  if (!quick.full) return quick.text
  const exact = new Writer(maxLength, maxLevels, true)
  fill(exact)
  return exact.text
}

class Writer {
  text = ''
  /** Nothing more fits; a writer that is not exact is then of no use. */
  full = false
  #left: number
  readonly #maxLevels: number
  readonly #exact: boolean
  readonly #open: object[] = []

  constructor(maxLength: number, maxLevels: number, exact: boolean) {
    this.#left = maxLength
    this.#maxLevels = maxLevels
    this.#exact = exact
  }

  value(value: unknown, level: number): void {
    if (typeof value === 'string') this.#quoted(value)
    else if (typeof value !== 'object' || value === null) this.#token(showPrimitive(value))
    else if (Array.isArray(value)) this.list(value, '[', ']', level)
    else if (isPlainObject(value)) this.#record(value, level)
    else this.#object(value, level)
  }

  list(items: readonly unknown[] | ReadonlySet<unknown>, start: string, end: string, level: number): void {
    if (!this.#enter(items, start, end, level)) return
    let first = true
    for (const item of items) {
      if (!first) this.#literal(', ')
      first = false
      if (this.full) break
      this.value(item, level + 1)
      if (this.full) break
    }
    this.#leave(end)
  }

  #record(record: Readonly<Record<string, unknown>>, level: number): void {
    if (!this.#enter(record, '{', '}', level)) return
    let first = true
    for (const key of Object.keys(record)) {
      const value = record[key]
      // What is undefined is not sent either.
      if (value === undefined) continue
      if (!first) this.#literal(', ')
      first = false
      this.#pair(key, value, level)
      if (this.full) break
    }
    this.#leave('}')
  }

  #map(map: ReadonlyMap<unknown, unknown>, level: number): void {
    if (!this.#enter(map, '{', '}', level)) return
    let first = true
    for (const [key, value] of map) {
      if (!first) this.#literal(', ')
      first = false
      this.#pair(key, value, level)
      if (this.full) break
    }
    this.#leave('}')
  }

  #pair(key: unknown, value: unknown, level: number): void {
    if (this.full) return
    if (typeof key === 'string') this.#quoted(key)
    else this.#token(repr(key, { maxLength: this.#left, maxLevels: this.#maxLevels }))
    if (!this.full) this.#literal(': ')
    if (!this.full) this.value(value, level + 1)
  }

  #object(value: object, level: number): void {
    if (value instanceof Uint8Array) {
      this.#bytes(value)
    } else if (value instanceof Map) {
      this.#map(value, level)
    } else if (value instanceof Set && value.size > 0) {
      this.list(value, '{', '}', level)
    } else {
      const shown = showObject(value)
      if (typeof shown === 'string') this.#token(shown)
      else this.value(shown.data, level)
    }
  }

  /** Opens a container, unless it lies too deep or within itself. */
  #enter(container: object, start: string, end: string, level: number): boolean {
    if (this.#maxLevels > 0 && level >= this.#maxLevels) {
      this.#token(`${start}...${end}`)
      return false
    }
    if (this.#open.includes(container)) {
      this.#token(`<Recursion on ${start === '{' ? 'dict' : 'list'}>`)
      return false
    }
    this.#open.push(container)
    this.#literal(start)
    return true
  }

  #leave(end: string): void {
    this.#open.pop()
    // Once full, open brackets are closed whatever it takes; but the one that didn't fit itself is lost, as in Celery.
    if (this.full) this.text += end
    else this.#literal(end)
  }

  #quoted(text: string): void {
    if (!this.#exact && text.length >= this.#left) {
      this.full = true
      return
    }
    if (!this.#hasRoom()) return
    const cut = this.#exact ? truncate(text, this.#left) : text
    this.#append(`'${cut.includes("'") ? cut.replaceAll("'", "\\'") : cut}'`)
  }

  /** Adds something that may be cut. */
  #token(text: string): void {
    if (!this.#exact && text.length >= this.#left) {
      this.full = true
      return
    }
    if (this.#hasRoom()) this.#append(this.#exact ? truncate(text, this.#left) : text)
  }

  /** Adds a bracket or a separator, which is not cut. */
  #literal(text: string): void {
    if (this.#hasRoom()) this.#append(text)
  }

  #bytes(bytes: Uint8Array): void {
    if (!this.#hasRoom()) return
    const cut = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes
    const buffer = Buffer.from(cut.buffer, cut.byteOffset, cut.length)
    this.#append(`b'${buffer.toString(isUtf8(cut) ? 'utf8' : 'hex')}${cut === bytes ? '' : '...'}'`)
  }

  #hasRoom(): boolean {
    if (this.full) return false
    if (this.#left > 0) return true
    this.text += ', ...'
    this.full = true
    return false
  }

  #append(text: string): void {
    this.text += text
    this.#left -= this.#exact ? lengthOf(text) : text.length
  }
}

function showPrimitive(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return pythonNumber(value)
    case 'boolean':
      return value ? 'True' : 'False'
    case 'function':
      return `<function ${value.name || 'anonymous'}>`
    case 'bigint':
      return String(value)
    case 'symbol':
      return `<${String(value)}>`
    default:
      return 'None'
  }
}

/** How to show an object that is no container: a text, or data to be shown in its place. */
function showObject(value: object): string | { readonly data: unknown } {
  try {
    return describeObject(value)
  } catch (error) {
    return `<Unrepresentable ${className(value)}: ${String(error)}>`
  }
}

function describeObject(value: object): string | { readonly data: unknown } {
  if (value instanceof Set) return 'set()'
  if ('pythonRepr' in value && typeof value.pythonRepr === 'function') return String(value.pythonRepr())
  if (value instanceof Date) return reprDate(value)
  if (value instanceof Error) return `${value.name}(${pythonString(value.message)})`
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    const data: unknown = value.toJSON()
    if (data !== value) return { data }
  }
  return `<${className(value)} object>`
}

function className(value: object): string {
  return value.constructor?.name || 'anonymous'
}

function reprDate(date: Date): string {
  if (Number.isNaN(date.getTime())) return '<Invalid Date>'
  const parts = [
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
  ]
  const seconds = date.getUTCSeconds()
  const microseconds = date.getUTCMilliseconds() * 1000
  if (seconds !== 0 || microseconds !== 0) parts.push(seconds)
  if (microseconds !== 0) parts.push(microseconds)
  return `datetime.datetime(${parts.join(', ')}, tzinfo=datetime.timezone.utc)`
}

const SURROGATES = /[\ud800-\udfff]/

function lengthOf(text: string): number {
  return SURROGATES.test(text) ? [...text].length : text.length
}

/** Cuts at the last space before `length`, as Celery does; texts that just fit are marked as cut, too. */
function truncate(text: string, length: number): string {
  if (lengthOf(text) < length) return text
  const head = SURROGATES.test(text)
    ? [...text.slice(0, 2 * length)].slice(0, length).join('')
    : text.slice(0, length)
  const space = head.lastIndexOf(' ')
  return `${space < 0 ? head : head.slice(0, space)}...`
}
