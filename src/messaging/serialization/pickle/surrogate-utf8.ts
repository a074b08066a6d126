/**
 * UTF-8 in which lone surrogates are encoded like other characters, as in Python's pickles (`surrogatepass`). Plain
 * UTF-8 has no form for them.
 */
import { DecodeError } from '../../../errors.ts'
import { asBuffer } from '../../../util/as-buffer.ts'
import { decodeUtf8 } from '../../../util/decode-utf8.ts'

const SURROGATE = /[\uD800-\uDFFF]/u

/** The bytes of a text. */
export function encodeSurrogateUtf8(text: string): Uint8Array {
  if (text.isWellFormed()) return new TextEncoder().encode(text)
  const pieces = [...text].map((character) => {
    if (!SURROGATE.test(character)) return Buffer.from(character)
    const code = character.charCodeAt(0)
    return Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)])
  })
  return Buffer.concat(pieces)
}

/** The text that bytes stand for. @throws DecodeError */
export function decodeSurrogateUtf8(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes)
  if (text !== undefined) return text
  const buffer = asBuffer(bytes)
  let decoded = ''
  let start = 0
  for (let at = buffer.indexOf(0xed); at >= 0; at = buffer.indexOf(0xed, at + 1)) {
    const [second = 0, third = 0] = buffer.subarray(at + 1, at + 3)
    if (second < 0xa0 || second > 0xbf || third < 0x80 || third > 0xbf) continue
    decoded += strict(buffer.subarray(start, at))
    decoded += String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f))
    start = at + 3
  }
  return decoded + strict(buffer.subarray(start))
}

function strict(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes)
  if (text === undefined) throw new DecodeError('A pickled text is not valid UTF-8')
  return text
}
