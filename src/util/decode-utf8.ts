import { isUtf8 } from 'node:buffer'
import { asBuffer } from './as-buffer.ts'

/** The text that bytes in UTF-8 stand for, a byte order mark included; undefined when they are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  const text = asBuffer(bytes).toString('utf8')
  // What is invalid has become U+FFFD. Looking for it is cheaper than checking the bytes beforehand.
  return text.includes('\ufffd') && !isUtf8(bytes) ? undefined : text
}
