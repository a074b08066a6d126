/**
 * The form of a signed message: five fields (base64 of the signer's id, base64 of the signature, content type, content
 * encoding, content) with NUL SOH between them, and all of it in base64.
 */
import { SecurityError } from '../errors.ts'
import { asBuffer } from '../util/as-buffer.ts'

/** What a signed message says. Only `body` is signed. */
export interface SignedEnvelope {
  /** Id of the certificate of whoever signed. */
  readonly signer: string
  readonly signature: Uint8Array
  readonly contentType: string
  readonly contentEncoding: string
  readonly body: Uint8Array
}

const SEPARATOR = Buffer.from([0, 1])

/** Celery: `SecureSerializer._pack`. */
export function packSigned({
  signer,
  signature,
  contentType,
  contentEncoding,
  body,
}: SignedEnvelope): Buffer {
  const head = [
    Buffer.from(signer).toString('base64'),
    asBuffer(signature).toString('base64'),
    contentType,
    contentEncoding,
  ].flatMap((field) => [Buffer.from(field), SEPARATOR])
  return Buffer.from(Buffer.concat([...head, body]).toString('base64'))
}

/** Celery: `SecureSerializer._unpack`. @throws SecurityError when the bytes are no such message. */
export function unpackSigned(bytes: Uint8Array): SignedEnvelope {
  let rest = fromBase64(asBuffer(bytes).toString('latin1'))
  const take = (): string => {
    const end = rest.indexOf(SEPARATOR)
    if (end < 0) throw notSigned('a field is missing')
    const field = rest.toString('utf8', 0, end)
    rest = rest.subarray(end + SEPARATOR.length)
    return field
  }
  return {
    signer: fromBase64(take()).toString(),
    signature: fromBase64(take()),
    contentType: take(),
    contentEncoding: take(),
    body: rest,
  }
}

function fromBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  // Node passes over what is no base64.
  if (bytes.toString('base64') === text) return bytes
  throw notSigned('it is not in base64')
}

function notSigned(why: string): SecurityError {
  return new SecurityError(`The message is not signed, or was damaged: ${why}`)
}
