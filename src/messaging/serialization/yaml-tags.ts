/**
 * What plain words mean in YAML 1.1 as PyYAML resolves them. The package's own schema for 1.1 differs from PyYAML in
 * places (`1e3` is a text to PyYAML), so every scalar is defined here.
 */

import type { ScalarTag } from 'yaml'
import { PlainDate } from './plain-date.ts'
import { PreciseDate } from './precise-date.ts'

/** What is used of the package `yaml`. */
export type YamlLibrary = Pick<typeof import('yaml'), 'parseDocument'>

/** As many digits as Python reads. */
const MAX_DIGITS = 4300

const nothing: ScalarTag = {
  tag: 'tag:yaml.org,2002:null',
  default: true,
  test: /^(?:~|null|Null|NULL|)$/,
  resolve: () => null,
}

const boolean: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(?:yes|true|on)$/i.test(text),
}

const integer: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*(?::[0-5]?[0-9])*|0x[0-9a-fA-F_]+)$/,
  resolve: resolveInteger,
}

const float: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  test: /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  resolve: resolveFloat,
}

const TIMESTAMP =
  /^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?)?$/

const timestamp: ScalarTag = {
  tag: 'tag:yaml.org,2002:timestamp',
  default: true,
  test: /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/,
  resolve: resolveTimestamp,
}

const binary: ScalarTag = {
  tag: 'tag:yaml.org,2002:binary',
  default: false,
  resolve: (text) => new Uint8Array(Buffer.from(text, 'base64')),
}

/** The tags to be given to `parseDocument`, as strings those of the package itself. */
export const YAML_TAGS: (ScalarTag | 'merge' | 'set' | 'omap' | 'pairs')[] = [
  nothing,
  boolean,
  integer,
  float,
  timestamp,
  binary,
  'merge',
  'set',
  'omap',
  'pairs',
]

function resolveInteger(source: string): number | bigint {
  const text = source.replaceAll('_', '').replace(/^\+/, '')
  const negative = text.startsWith('-')
  const digits = negative ? text.slice(1) : text
  if (digits.length > MAX_DIGITS) throw new RangeError(`an integer of ${digits.length} digits is too long`)
  const size = digits.split(':').reduce((sum, part) => sum * 60n + BigInt(withRadix(part)), 0n)
  const value = negative ? -size : size
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

/** A leading zero means octal. */
function withRadix(digits: string): string {
  return /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits
}

function resolveFloat(source: string): number {
  const text = source.replaceAll('_', '').replace(/^\+/, '').toLowerCase()
  if (text === '.nan') return Number.NaN
  const sign = text.startsWith('-') ? -1 : 1
  const digits = sign < 0 ? text.slice(1) : text
  if (digits === '.inf') return sign * Number.POSITIVE_INFINITY
  return sign * digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
}

function resolveTimestamp(text: string): Date | PlainDate {
  const match = TIMESTAMP.exec(text)
  if (match === null) throw new RangeError(`'${text}' is no YAML timestamp`)
  const [
    ,
    year = '',
    month = '',
    day = '',
    hour,
    minute,
    second,
    fraction = '',
    zone,
    sign,
    offsetHour,
    offsetMinute,
  ] = match
  const date = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
  if (hour === undefined) return PlainDate.parse(date)
  const time = `${hour.padStart(2, '0')}:${minute}:${second}${fraction === '' ? '' : `.${fraction}`}`
  const offset = sign === undefined ? zone : `${sign}${offsetHour?.padStart(2, '0')}:${offsetMinute ?? '00'}`
  return PreciseDate.fromIsoFormat(`${date}T${time}${offset ?? ''}`)
}
