/** The frames of a published message: the method, the content header, and the body in pieces. */
import type { OutgoingMessage, PublishTarget } from '../../message.ts'
import type { ByteWriter } from './byte-writer.ts'

const METHOD = 1
const HEADER = 2
const BODY = 3
const END = 0xce
/** Type, channel, size in front and one byte behind. */
const OVERHEAD = 8
const CLASS_BASIC = 60
const METHOD_PUBLISH = 40
const MANDATORY = 1
const PERSISTENT = 2
/** Bodies up to this size are copied into one chunk with the rest: fewer chunks cost less than the copy. */
const LARGEST_COPIED_BODY = 16_384

/**
 * Encodes a message into chunks to be written one after the other.
 *
 * @param frameMax largest frame that the broker takes, in bytes.
 * @throws TypeError, RangeError when a property or header doesn't fit.
 */
export function publishFrames(
  writer: ByteWriter,
  channel: number,
  { body, properties, headers }: OutgoingMessage,
  target: PublishTarget,
  frameMax: number,
): Buffer[] {
  writer.reset()
  writePublish(writer, channel, target)
  const start = beginFrame(writer, HEADER, channel)
  writer.short(CLASS_BASIC)
  writer.short(0)
  writer.longLong(BigInt(body.length))
  writeProperties(writer, properties, headers)
  if (endFrame(writer, start) > frameMax) {
    throw new RangeError(
      `its headers have ${writer.length - start} bytes, more than the ${frameMax} of a frame`,
    )
  }
  if (body.length === 0) return [writer.copy()]
  if (body.length <= LARGEST_COPIED_BODY && body.length + OVERHEAD <= frameMax) {
    const bodyStart = beginFrame(writer, BODY, channel)
    writer.bytes(body)
    endFrame(writer, bodyStart)
    return [writer.copy()]
  }
  return [writer.copy(), ...bodyChunks(writer, channel, body, frameMax)]
}

function writePublish(writer: ByteWriter, channel: number, target: PublishTarget): void {
  const start = beginFrame(writer, METHOD, channel)
  writer.short(CLASS_BASIC)
  writer.short(METHOD_PUBLISH)
  writer.short(0)
  writer.shortString(target.exchange, 'The name of the exchange')
  writer.shortString(target.routingKey, 'The routing key')
  writer.octet(target.mandatory ? MANDATORY : 0)
  endFrame(writer, start)
}

function writeProperties(
  writer: ByteWriter,
  properties: OutgoingMessage['properties'],
  headers: OutgoingMessage['headers'],
): void {
  const flagsAt = writer.length
  let flags = 0x2000 | 0x1000
  writer.short(0)
  const text = (flag: number, value: string | undefined, name: string): void => {
    if (value === undefined) return
    flags |= flag
    writer.shortString(value, name)
  }
  text(0x8000, properties.contentType, 'contentType')
  text(0x4000, properties.contentEncoding, 'contentEncoding')
  writer.table(headers)
  // Without a word AMQP's default would be 1, which a restart of the broker loses; kombu's is 2.
  writer.octet(properties.deliveryMode ?? PERSISTENT)
  if (properties.priority !== undefined) {
    flags |= 0x0800
    writer.octet(Math.min(255, Math.max(0, properties.priority)))
  }
  text(0x0400, properties.correlationId, 'correlationId')
  text(0x0200, properties.replyTo, 'replyTo')
  text(0x0100, properties.expiration, 'expiration')
  text(0x0080, properties.messageId, 'messageId')
  if (properties.timestamp !== undefined) {
    flags |= 0x0040
    writer.longLong(BigInt(Math.floor(properties.timestamp)))
  }
  text(0x0020, properties.type, 'type')
  text(0x0010, properties.userId, 'userId')
  text(0x0008, properties.appId, 'appId')
  const clusterId = properties.extra?.['cluster_id']
  text(0x0004, typeof clusterId === 'string' ? clusterId : undefined, 'cluster_id')
  writer.shortAt(flagsAt, flags)
}

/** The body in frames, without copying it. */
function bodyChunks(writer: ByteWriter, channel: number, body: Uint8Array, frameMax: number): Buffer[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const size = frameMax - OVERHEAD
  const chunks: Buffer[] = []
  for (let offset = 0; offset < bytes.length; offset += size) {
    const piece = bytes.subarray(offset, offset + size)
    writer.reset()
    writer.octet(BODY)
    writer.short(channel)
    writer.long(piece.length)
    chunks.push(writer.copy(), piece, FRAME_END)
  }
  return chunks
}

const FRAME_END = Buffer.from([END])

function beginFrame(writer: ByteWriter, type: number, channel: number): number {
  const start = writer.length
  writer.octet(type)
  writer.short(channel)
  writer.long(0)
  return start
}

/** Ends the frame that began at `start`; answers its size. */
function endFrame(writer: ByteWriter, start: number): number {
  const length = writer.length - start
  writer.longAt(start + 3, length - (OVERHEAD - 1))
  writer.octet(END)
  return length + 1
}
