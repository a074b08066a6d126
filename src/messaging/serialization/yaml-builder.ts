import { asBuffer } from '../../util/as-buffer.ts'
import { formatIsoDate } from '../../util/iso8601.ts'
import { pythonFloat, pythonNumber } from '../../util/python-number.ts'
import type { WireBuilder } from './build-wire.ts'
import { Decimal } from './decimal.ts'
import { PlainDate } from './plain-date.ts'
import { PlainTime } from './plain-time.ts'
import { PreciseDate } from './precise-date.ts'
import { Uuid } from './uuid.ts'

/** PyYAML looks no further than 1024 characters for the colon that makes a text a key. */
const LONGEST_SIMPLE_KEY = 1000

/** Writes a value on one line, in the style of JSON, in ASCII, with tags where YAML has more to say. */
export const yamlBuilder: WireBuilder<string> = {
  primitive(value) {
    if (typeof value === 'string') return quote(value)
    return typeof value === 'number' ? yamlNumber(value, pythonNumber) : String(value)
  },
  float: ({ value }) => yamlNumber(value, pythonFloat),
  special(value, build) {
    if (value instanceof Uint8Array) return `!!binary "${asBuffer(value).toString('base64')}"`
    if (value instanceof Date) return `!!timestamp "${yamlDate(value)}"`
    if (value instanceof PlainDate) return `!!timestamp "${value}"`
    if (value instanceof Set) return yamlSet(value, build)
    for (const kind of [PlainTime, Decimal, Uuid]) {
      if (value instanceof kind) throw new TypeError(`YAML has no form for a ${kind.name}; send a text`)
    }
    return undefined
  },
  list: (items) => `[${items.join(', ')}]`,
  map: (entries) => `{${entries.map(([key, value]) => `${yamlKey(quote(key))}: ${value}`).join(', ')}}`,
}

/** Quotes a text; whatever is not plain ASCII is escaped as PyYAML reads it (it doesn't join surrogates). */
function quote(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`
  })
}

function hex(code: number, length: number): string {
  return code.toString(16).padStart(length, '0')
}

function yamlKey(quoted: string): string {
  return quoted.length > LONGEST_SIMPLE_KEY ? `? ${quoted}` : quoted
}

/** Floats need a point and a signed exponent, or they are texts to PyYAML. */
function yamlNumber(value: number, format: (value: number) => string): string {
  if (Number.isNaN(value)) return '.nan'
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf'
  return format(value).replace(/^(-?\d+)e/, '$1.0e')
}

function yamlDate(date: Date): string {
  if (!(date instanceof PreciseDate)) return formatIsoDate(date)
  if (date.offset !== undefined && date.offset % 60 !== 0) {
    throw new RangeError('YAML has no form for an offset with seconds')
  }
  return date.toIsoFormat()
}

function yamlSet(set: ReadonlySet<unknown>, build: (value: unknown) => string): string {
  const members = [...set].map((member) => {
    if (typeof member === 'object' && member !== null)
      throw new TypeError('a set may hold nothing but simple values')
    return `? ${build(member)}`
  })
  return `!!set {${members.join(', ')}}`
}
