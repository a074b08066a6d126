/**
 * An error that cannot be stored must not hide behind the error that it cannot be stored: arguments of exceptions that
 * the serializer refuses are shown as texts, as in Celery (`ensure_serializable`).
 */
import { EncodeError } from '../errors.ts'
import type { ExceptionTriple } from '../protocol/result-meta.ts'
import { isRecord } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'
import type { ResultCodec } from './backend.ts'

type Encode = (value: unknown) => Uint8Array

/** Longest text that stands for an argument. */
const MAX_TEXT = 1000

/** A codec that encodes as the given one does, and every error. See `encodeWithErrors`. */
export function withSendableErrors(codec: ResultCodec): ResultCodec {
  return {
    contentType: codec.contentType,
    contentEncoding: codec.contentEncoding,
    encode: (value) => encodeWithErrors(value, (each) => codec.encode(each)),
    decode: (bytes, contentType, contentEncoding) => codec.decode(bytes, contentType, contentEncoding),
  }
}

/**
 * Encodes a document, a part of a chord or an exception as stored. When it is refused, the arguments of the exception in
 * it that the serializer does not take become texts.
 *
 * @throws EncodeError when that was not what is wrong with it.
 */
export function encodeWithErrors(value: unknown, encode: Encode): Uint8Array {
  try {
    return encode(value)
  } catch (error) {
    const sendable = error instanceof EncodeError ? replaceErrors(value, encode) : value
    if (sendable === value) throw error
    return encode(sendable)
  }
}

/** The same value if there is no exception in it, neither itself nor one level down. */
function replaceErrors(value: unknown, encode: Encode): unknown {
  if (isTriple(value)) return sendableTriple(value, encode)
  const items = Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : []
  if (!items.some(isTriple)) return value
  const replace = (item: unknown): unknown => (isTriple(item) ? sendableTriple(item, encode) : item)
  if (Array.isArray(value)) return value.map(replace)
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replace(item)]))
    : value
}

interface Triple extends ExceptionTriple {
  readonly exc_message: readonly unknown[]
}

function isTriple(value: unknown): value is Triple {
  return (
    isRecord(value) &&
    typeof value['exc_type'] === 'string' &&
    typeof value['exc_module'] === 'string' &&
    Array.isArray(value['exc_message'])
  )
}

function sendableTriple(triple: Triple, encode: Encode): Triple {
  return { ...triple, exc_message: triple.exc_message.map((argument) => sendable(argument, encode)) }
}

function sendable(argument: unknown, encode: Encode): unknown {
  try {
    encode(argument)
    return argument
  } catch (error) {
    if (error instanceof EncodeError) return repr(argument, { maxLength: MAX_TEXT })
    throw error
  }
}
