/** Settings for people: in reports, in the answer to `inspect conf`. */

import { inspect } from 'node:util'
import { isPlainObject, isStringArray } from '../util/is-record.ts'
import { sanitizeUrl } from '../util/url.ts'

const SECRET = /API|TOKEN|KEY|SECRET|PASS|PROFANITIES_LIST|SIGNATURE|DATABASE|BEAT_DBURI/i
const MASK = '********'

/** Replaces secrets by asterisks: values whose name sounds like one, and passwords in URLs. In depth. */
export function censorSettings(table: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, censor(name, value)]))
}

function censor(name: string, value: unknown): unknown {
  if (isPlainObject(value)) return censorSettings(value)
  if (SECRET.test(name)) return MASK
  if (!/broker.*url|backend/i.test(name)) return value
  if (typeof value === 'string') return sanitizeUrl(value, MASK)
  return isStringArray(value) ? value.map((url) => sanitizeUrl(url, MASK)) : value
}

/** One setting per line, long values below their name. */
export function humanizeSettings(table: Readonly<Record<string, unknown>>): string {
  return Object.entries(table)
    .map(([name, value]) => {
      const text = inspect(value, { depth: 6, breakLength: 80, maxArrayLength: null })
      return text.includes('\n') ? `${name}:\n${indent(text)}` : `${name}: ${text}`
    })
    .join('\n')
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ')
}
