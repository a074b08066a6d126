/**
 * By what a certificate is known in messages: the values of its issuer's attributes and its serial number, with spaces
 * between them (`XX Golden Test golden.test 1234`).
 *
 * They are read out of the certificate's own bytes (X.690, DER), since Node shows an issuer as a text for people, in which
 * some characters are escaped.
 */
import { SecurityError } from '../errors.ts'
import { decodeUtf8 } from '../util/decode-utf8.ts'

const INTEGER = 0x02
const BIT_STRING = 0x03
const UNIVERSAL_STRING = 0x1c
const BMP_STRING = 0x1e
const SEQUENCE = 0x30
const SET = 0x31
/** The version, which comes first in all certificates but the oldest. */
const VERSION = 0xa0

interface Element {
  readonly tag: number
  readonly content: Buffer
}

/** The id of a certificate, given in DER. @throws SecurityError when the bytes are no certificate. */
export function certificateId(der: Buffer): string {
  const [certificate] = elementsOf(der)
  const [signed] = elementsOf(contentOf(certificate, SEQUENCE))
  const fields = elementsOf(contentOf(signed, SEQUENCE))
  const [serial, , issuer] = fields[0]?.tag === VERSION ? fields.slice(1) : fields
  const values = elementsOf(contentOf(issuer, SEQUENCE)).flatMap(valuesOf)
  return `${values.join(' ')} ${integerOf(contentOf(serial, INTEGER))}`
}

/** The values of a part of a name, which is a set of pairs of a type and a value: nearly always one. */
function valuesOf(part: Element): string[] {
  return elementsOf(contentOf(part, SET)).map((pair) => {
    const [, value] = elementsOf(contentOf(pair, SEQUENCE))
    return textOf(value)
  })
}

function textOf(value: Element | undefined): string {
  const text = value === undefined ? undefined : decodeText(value)
  if (text === undefined)
    throw new SecurityError('The issuer of a certificate has an attribute that is no text')
  return text
}

function decodeText({ tag, content }: Element): string | undefined {
  switch (tag) {
    case BIT_STRING:
      return undefined
    case BMP_STRING:
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : undefined
    case UNIVERSAL_STRING:
      return decodeUtf32(content)
    default:
      return decodeUtf8(content)
  }
}

function decodeUtf32(content: Buffer): string | undefined {
  if (content.length % 4 !== 0) return undefined
  const characters = Array.from({ length: content.length / 4 }, (_, i) => content.readUInt32BE(4 * i))
  return characters.every((each) => each <= 0x10ffff) ? String.fromCodePoint(...characters) : undefined
}

function integerOf(content: Buffer): bigint {
  return BigInt.asIntN(8 * content.length, BigInt(`0x${content.toString('hex') || '0'}`))
}

function contentOf(element: Element | undefined, tag: number): Buffer {
  if (element?.tag === tag) return element.content
  throw new SecurityError('A certificate is not built as X.509 wants it')
}

/** Splits bytes into the elements that follow each other in them. */
function elementsOf(bytes: Buffer): Element[] {
  const elements: Element[] = []
  for (let position = 0; position < bytes.length; ) {
    const tag = bytes.readUInt8(position)
    const first = bytes[position + 1] ?? 0
    // A length of 128 or more is preceded by the number of its own bytes.
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f
    const start = position + 2 + lengthBytes
    if (lengthBytes > 4 || start > bytes.length) throw new SecurityError('A certificate ends too soon')
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(position + 2, lengthBytes)
    if (start + length > bytes.length) throw new SecurityError('A certificate ends too soon')
    elements.push({ tag, content: bytes.subarray(start, start + length) })
    position = start + length
  }
  return elements
}
