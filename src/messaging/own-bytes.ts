/**
 * Bodies of messages that are held for long: tasks with an ETA.
 *
 * Small pieces of bytes are usually views of larger ones: of what came with one read of a socket, or of Node's pool. As
 * long as one of them lives the whole lives, which is no harm when all of them go soon. A worker that holds thousands of
 * tasks that are due later would keep a hundred times their size, for the sake of neighbours that are long done.
 */
import type { MessageHeaders } from './message.ts'

/** Whether a message waits for its time, as far as its headers tell. */
export function isHeldForLong({ eta }: MessageHeaders): boolean {
  return eta !== undefined && eta !== null
}

/** A copy that is a view of nothing. */
export function ownBytes(bytes: Uint8Array): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  own.set(bytes)
  return own
}

/** Like `Buffer.from`, but a view of nothing. */
export function ownBytesOf(text: string, encoding: 'base64' | 'utf8'): Buffer {
  const own = Buffer.allocUnsafeSlow(Buffer.byteLength(text, encoding))
  // Base64 with blanks in it has fewer bytes than it seems.
  const length = own.write(text, encoding)
  return length === own.length ? own : own.subarray(0, length)
}
