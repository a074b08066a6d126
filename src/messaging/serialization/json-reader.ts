/**
 * Reads the JSON that Python writes and `JSON.parse` alone would not get right: envelopes, integers beyond 2^53, and
 * the bare words `NaN` and `Infinity`.
 */

import { randomUUID } from 'node:crypto'
import { DecodeError } from '../../errors.ts'
import { isRecord } from '../../util/is-record.ts'
import { setOwn } from '../../util/set-own.ts'
import { didYouMean } from '../../util/text.ts'
import type { JsonType } from './json-types.ts'

const ENVELOPE = '__type__'
const MANY_DIGITS = /[0-9]{16}/
/** An integer of 16 digits or more; texts that contain one are taken in, too: they only cost time. */
const BIG_INTEGER = /(?:^|[-[:,\s])[0-9]{16,}(?![0-9.eE"])/
const BARE_WORD = /NaN|Infinity/

/** As many as Python reads; more would only serve to keep us busy. */
const MAX_DIGITS = 4300

/** Stands for NaN while the text goes through `JSON.parse`. Unguessable, so no message can contain it. */
const NAN = `NaN:${randomUUID()}`

/** Reads a text. @throws SyntaxError, RangeError or DecodeError. */
export function readJson(text: string, types: ReadonlyMap<string, JsonType>): unknown {
  const hasEnvelopes = text.includes(ENVELOPE)
  const hasBigIntegers = MANY_DIGITS.test(text) && BIG_INTEGER.test(text)
  if (hasBigIntegers) return readSlowly(text, types)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (!BARE_WORD.test(text)) throw error
    return readSlowly(text, types)
  }
  return hasEnvelopes ? open(value, types) : value
}

function readSlowly(text: string, types: ReadonlyMap<string, JsonType>): unknown {
  const legal = BARE_WORD.test(text) ? replaceBareWords(text) : text
  const value: unknown = JSON.parse(legal, reviveBigInteger)
  return open(value, types)
}

/** Takes values that `JSON.parse` has rounded from their source text. */
function reviveBigInteger(_key: string, value: unknown, ...[context]: readonly unknown[]): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !isRecord(context)) return value
  const source = context['source']
  if (typeof source !== 'string' || !/^-?[0-9]+$/.test(source)) return value
  if (source.length > MAX_DIGITS) throw new DecodeError(`An integer of ${source.length} digits is too long`)
  return BigInt(source)
}

/** Puts something legal in the place of bare words; texts in quotes are stepped over. */
function replaceBareWords(text: string): string {
  const token = /"|NaN|Infinity/g
  let result = ''
  let done = 0
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [word] = match
    if (word === '"') {
      token.lastIndex = endOfString(text, match.index + 1)
      continue
    }
    // A number too large for a float is infinite to JSON.parse.
    result += text.slice(done, match.index) + (word === 'NaN' ? JSON.stringify(NAN) : '1e999')
    done = token.lastIndex
  }
  return result + text.slice(done)
}

/** Where a text ends that begins at `start`, behind its quote; the end of everything when it is never closed. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\' && quote - 1 - backslashes >= start) backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
  return text.length
}

/** Opens the envelopes within a value, inner ones first, changing it in place. */
function open(value: unknown, types: ReadonlyMap<string, JsonType>): unknown {
  if (value === NAN) return Number.NaN
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = openChild(value[i], types)
    return value
  }
  if (!isRecord(value)) return value
  let count = 0
  for (const key of Object.keys(value)) {
    count++
    const child = value[key]
    if (typeof child === 'object' || typeof child === 'string') setOwn(value, key, openChild(child, types))
  }
  return count === 2 && '__type__' in value && '__value__' in value ? openEnvelope(value, types) : value
}

function openChild(child: unknown, types: ReadonlyMap<string, JsonType>): unknown {
  return typeof child === 'object' || typeof child === 'string' ? open(child, types) : child
}

function openEnvelope(envelope: Record<string, unknown>, types: ReadonlyMap<string, JsonType>): unknown {
  const marker = envelope[ENVELOPE]
  const type = typeof marker === 'string' ? types.get(marker) : undefined
  if (type === undefined) {
    const hint = typeof marker === 'string' ? didYouMean(marker, types.keys()) : ''
    throw new DecodeError(`There is no JSON type ${JSON.stringify(marker)} in the envelope __type__${hint}`)
  }
  try {
    return type.decode(envelope['__value__'])
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new DecodeError(`The JSON type '${type.marker}' cannot be read: ${reason}`, { cause })
  }
}
