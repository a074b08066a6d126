/** What a value of a setting must be: checks of values that programs give, casts of texts from the command line. */

import { ImproperlyConfigured } from '../errors.ts'
import type { Duration } from '../util/duration.ts'
import { fromMilliseconds, toMilliseconds } from '../util/duration.ts'
import { isRecord, isStringArray } from '../util/is-record.ts'
import type { SettingRow, SettingType } from './settings/setting-row.ts'
import type { SettingName } from './settings.ts'
import { settingRow, snakeCase } from './settings.ts'

/** What a value is called in messages, and how it is taken. */
interface Kind {
  readonly description: string
  /** The value as it is kept; `undefined` when it isn't of this kind. */
  readonly take: (value: unknown) => unknown
  /** The value that a text stands for; `undefined` when it stands for none. */
  readonly cast: (text: string) => unknown
}

const TRUTHS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
])

const KINDS: { readonly [Type in SettingType]: Kind } = {
  string: {
    description: 'a text',
    take: (value) => (typeof value === 'string' ? value : undefined),
    cast: (text) => text,
  },
  int: {
    description: 'a whole number',
    take: (value) => (Number.isInteger(value) ? value : undefined),
    cast: (text) => (/^[+-]?\d+$/.test(text) ? Number(text) : undefined),
  },
  float: {
    description: 'a number',
    take: (value) => (typeof value === 'number' && !Number.isNaN(value) ? value : undefined),
    cast: castNumber,
  },
  bool: {
    description: 'true or false',
    take: (value) => (typeof value === 'boolean' ? value : undefined),
    cast: (text) => TRUTHS.get(text.toLowerCase()),
  },
  duration: {
    description: "seconds, or a text with a unit such as '250ms' or '5m'",
    take: takeDuration,
    cast: takeDuration,
  },
  bytes: {
    description: 'bytes or a text',
    take: (value) => (typeof value === 'string' ? encodeText(value) : takeBytes(value)),
    cast: encodeText,
  },
  list: {
    description: 'a list',
    take: (value) => (Array.isArray(value) ? value : undefined),
    cast: (text) => castJson(text, Array.isArray),
  },
  texts: {
    description: 'a list of texts',
    take: takeTexts,
    cast: (text) => (text.startsWith('[') ? castJson(text, isStringArray) : splitList(text)),
  },
  dict: {
    description: 'a dict',
    take: (value) => (isRecord(value) ? value : undefined),
    cast: (text) => castJson(text, isRecord),
  },
  options: {
    description: 'a dict',
    take: takeOptions,
    cast: (text) => takeOptions(castJson(text, isRecord)),
  },
  class: {
    description: "a class, or its name 'module#export'",
    take: (value) => (typeof value === 'string' || isReference(value) ? value : undefined),
    cast: (text) => text,
  },
  function: {
    description: 'a function',
    take: (value) => (typeof value === 'function' ? value : undefined),
    cast: () => undefined,
  },
  any: {
    description: 'anything',
    take: (value) => value,
    cast: (text) => text,
  },
}

/**
 * The value of a setting as it is kept: lengths of time in seconds, lists as arrays.
 *
 * @param origin where it was set, for the message.
 * @throws ImproperlyConfigured when the setting can't have such a value.
 */
export function takeSettingValue(name: SettingName, value: unknown, origin: string): unknown {
  const row = settingRow(name)
  if (value === null) {
    if (isNullable(row)) return null
    throw refusal(name, value, origin)
  }
  for (const type of typesOf(row)) {
    const taken = KINDS[type].take(value)
    if (taken !== undefined && isChoice(row, taken)) return taken
  }
  throw refusal(name, value, origin)
}

/**
 * The value that a text from the command line or the environment stands for. `none` and `null` stand for `null` where
 * the setting may be so.
 *
 * @throws ImproperlyConfigured when it stands for none that the setting can have.
 */
export function castSettingValue(name: SettingName, text: string, origin: string): unknown {
  const row = settingRow(name)
  if (isNullable(row) && /^(?:none|null)$/i.test(text)) return null
  for (const type of typesOf(row)) {
    const cast = KINDS[type].cast(text)
    if (cast !== undefined && isChoice(row, cast)) return cast
  }
  throw refusal(name, text, origin)
}

/** The types in Python's words that an explicit cast `(int)5` may name. Lists and dicts are written in JSON. */
const EXPLICIT_CASTS: ReadonlyMap<string, (text: string) => unknown> = new Map<
  string,
  (text: string) => unknown
>([
  ['str', KINDS.string.cast],
  ['string', KINDS.string.cast],
  ['int', KINDS.int.cast],
  ['float', KINDS.float.cast],
  ['bool', KINDS.bool.cast],
  ['tuple', KINDS.list.cast],
  ['list', KINDS.list.cast],
  ['dict', KINDS.dict.cast],
  ['json', (text) => castJson(text, () => true)],
  ['any', KINDS.any.cast],
])

/**
 * The value of a text with an explicit type, as in `(int)5`, before the setting has its say; `undefined` when there is
 * no explicit type in it.
 *
 * @throws ImproperlyConfigured when there is no such type or the text doesn't stand for a value of it.
 */
export function castExplicitly(text: string, origin: string): { readonly value: unknown } | undefined {
  const match = /^\((\w+)\)(.*)$/s.exec(text)
  if (match === null) return undefined
  const [, type = '', rest = ''] = match
  const cast = EXPLICIT_CASTS.get(type)
  if (cast === undefined) {
    throw new ImproperlyConfigured(
      `${origin}: there is no type (${type}); there are ${[...EXPLICIT_CASTS.keys()].join(', ')}`,
    )
  }
  const value = cast(rest)
  if (value === undefined) throw new ImproperlyConfigured(`${origin}: '${rest}' is no ${type}`)
  return { value }
}

function typesOf(row: SettingRow): readonly SettingType[] {
  return typeof row.type === 'string' ? [row.type] : row.type
}

function isNullable(row: SettingRow): boolean {
  return row.default === null || row.nullable === true
}

function isChoice(row: SettingRow, value: unknown): boolean {
  return row.choices === undefined || row.choices.some((choice) => choice === value)
}

function refusal(name: SettingName, value: unknown, origin: string): ImproperlyConfigured {
  const row = settingRow(name)
  const wanted =
    row.choices === undefined
      ? typesOf(row).map((type) => KINDS[type].description)
      : row.choices.map((choice) => describe(choice))
  if (isNullable(row)) wanted.push('null')
  const list = wanted.length === 1 ? wanted[0] : `${wanted.slice(0, -1).join(', ')} or ${wanted.at(-1)}`
  const spelling = snakeCase(name) === name ? name : `${name} (${snakeCase(name)})`
  return new ImproperlyConfigured(`${origin}: ${spelling} must be ${list}, not ${describe(value)}`)
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return `the list ${JSON.stringify(value)}`
  if (typeof value === 'function') return `the function ${value.name || '(anonymous)'}`
  if (typeof value === 'object' && value !== null) {
    return `an object with the keys [${Object.keys(value).join(', ')}]`
  }
  return String(value)
}

function takeDuration(value: unknown): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string' && !isRecord(value)) return undefined
  const duration: Duration = value
  try {
    return fromMilliseconds(toMilliseconds(duration, ''))
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

function castNumber(text: string): number | undefined {
  const word = text.trim().toLowerCase()
  if (/^[+-]?inf(?:inity)?$/.test(word)) {
    return word.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  const number = Number(word)
  return word === '' || Number.isNaN(number) ? undefined : number
}

function castJson(text: string, fits: (value: unknown) => boolean): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return fits(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function takeTexts(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return [value]
  const list: unknown = value instanceof Set ? [...value] : value
  return isStringArray(list) ? list : undefined
}

function takeOptions(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!isRecord(value)) return undefined
  return Object.fromEntries(Object.entries(value).map(([key, option]) => [snakeCase(key), option]))
}

function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function takeBytes(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined
}

function isReference(value: unknown): boolean {
  return typeof value === 'function' || (typeof value === 'object' && value !== null)
}
