/**
 * Values that JSON has no form for, in kombu's envelope: `{"__type__": "date", "__value__": "2024-02-29"}`.
 */

import { isUtf8 } from 'node:buffer'
import { asBuffer } from '../../util/as-buffer.ts'
import { isRecord } from '../../util/is-record.ts'
import { formatIsoDate } from '../../util/iso8601.ts'
import { Decimal } from './decimal.ts'
import { PlainDate } from './plain-date.ts'
import { PlainTime } from './plain-time.ts'
import { PreciseDate } from './precise-date.ts'
import { Uuid } from './uuid.ts'

/** A kind of value that travels in an envelope. kombu: `register_type`. */
export interface JsonType {
  /** What stands in `__type__`. */
  readonly marker: string
  /** What stands in `__value__`, for objects of this kind; undefined for all others. */
  encode(value: object): unknown
  /** Makes the object again. May throw anything, which is reported as `DecodeError`. */
  decode(payload: unknown): unknown
}

const datetime: JsonType = {
  marker: 'datetime',
  encode(value) {
    if (value instanceof PreciseDate) return value.toIsoFormat()
    return value instanceof Date ? formatIsoDate(value) : undefined
  },
  decode: (payload) => PreciseDate.fromIsoFormat(textOf(payload)),
}

const date: JsonType = {
  marker: 'date',
  encode: (value) => (value instanceof PlainDate ? value.toString() : undefined),
  decode: (payload) => PlainDate.parse(textOf(payload)),
}

const time: JsonType = {
  marker: 'time',
  encode: (value) => (value instanceof PlainTime ? value.toString() : undefined),
  decode: (payload) => PlainTime.parse(textOf(payload)),
}

const decimal: JsonType = {
  marker: 'decimal',
  encode: (value) => (value instanceof Decimal ? value.toString() : undefined),
  decode: (payload) => new Decimal(textOf(payload)),
}

const uuid: JsonType = {
  marker: 'uuid',
  encode: (value) => (value instanceof Uuid ? { hex: value.hex } : undefined),
  decode: (payload) => new Uuid(textOf(isRecord(payload) ? payload['hex'] : payload)),
}

const bytes: JsonType = {
  marker: 'bytes',
  encode: (value) =>
    value instanceof Uint8Array && isUtf8(value) ? asBuffer(value).toString('utf8') : undefined,
  decode: (payload) => new TextEncoder().encode(textOf(payload)),
}

const base64: JsonType = {
  marker: 'base64',
  encode: (value) => (value instanceof Uint8Array ? asBuffer(value).toString('base64') : undefined),
  // A copy: Buffers share their memory with others, which would surprise whoever takes `.buffer`.
  decode: (payload) => new Uint8Array(Buffer.from(textOf(payload), 'base64')),
}

/** The kinds that kombu knows, in the order in which they are tried. */
export const KOMBU_TYPES: readonly JsonType[] = [datetime, date, time, decimal, uuid, bytes, base64]

function textOf(payload: unknown): string {
  if (typeof payload !== 'string') throw new TypeError(`a text was expected, not ${JSON.stringify(payload)}`)
  return payload
}
