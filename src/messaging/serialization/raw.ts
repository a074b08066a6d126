/**
 * Bodies that are texts or bytes as they are, without a serializer.
 */

import { DecodeError, EncodeError } from '../../errors.ts'
import { decodeUtf8 } from '../../util/decode-utf8.ts'

/** A body on its way out, and what must be said about it. */
export interface EncodedBody {
  readonly body: Uint8Array
  readonly contentType: string
  readonly contentEncoding: string
}

/** The serializer `raw`: texts and bytes as `application/data`. @throws EncodeError for everything else. */
export function encodeRaw(value: unknown): EncodedBody {
  const contentType = 'application/data'
  if (typeof value === 'string') return { body: Buffer.from(value), contentType, contentEncoding: 'utf-8' }
  if (value instanceof Uint8Array) return { body: value, contentType, contentEncoding: 'binary' }
  throw new EncodeError(`The serializer 'raw' takes a text or a Uint8Array, not ${describe(value)}`)
}

const BINARY = new Set(['binary', 'ascii-8bit'])

/**
 * A text, or the bytes themselves when `contentEncoding` is `binary`.
 *
 * @throws DecodeError when the bytes are not text in that encoding, or Node doesn't know it.
 */
export function decodeRaw(body: Uint8Array, contentEncoding: string): string | Uint8Array {
  const encoding = contentEncoding.toLowerCase()
  if (BINARY.has(encoding)) return body
  if (encoding === 'utf-8' || encoding === 'utf8') {
    const text = decodeUtf8(body)
    if (text === undefined) throw new DecodeError('The body is not valid UTF-8, as its content encoding says')
    return text
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(body)
  } catch (cause) {
    throw new DecodeError(`The body cannot be read in its content encoding '${contentEncoding}'`, { cause })
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object'
    ? `an object (${value.constructor?.name || 'anonymous'})`
    : `a ${typeof value}`
}
