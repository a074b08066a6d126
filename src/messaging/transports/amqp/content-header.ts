/** Content headers: the properties and headers of a message, as the frames between method and body bring them. */
import type { MessageHeaders, MessageProperties } from '../../message.ts'
import type { Cursor } from './table-reader.ts'
import { readShortString, readTable } from './table-reader.ts'

const FRAME_HEADER = 2
const FRAME_END = 0xce
/** Type, channel and size in front of a frame; one byte ends it. */
const FRAME_START = 7
/** Class id and weight in front of the size of the body. */
const BODY_SIZE_AT = 4
const PROPERTIES_AT = 12

/** The only header of a message whose headers could not be read; its value says why. */
export const UNREADABLE = 'celeriac:unreadable'

/** Properties and headers of a message; amqplib hands it through as the message's `properties`. */
export class ContentHeader {
  readonly properties: MessageProperties
  readonly headers: MessageHeaders

  constructor(properties: MessageProperties, headers: MessageHeaders) {
    this.properties = properties
    this.headers = headers
  }
}

/** A decoded frame in amqplib's own shape. */
interface HeaderFrame {
  readonly id: number
  readonly channel: number
  readonly size: number
  readonly fields: ContentHeader
}

/** Where frames come from: what was received and not yet taken. */
export interface FrameSource {
  rest: Buffer
}

/** Takes the first frame out of the buffer when it is a content header and complete; in amqplib's shape of a frame. */
export function takeHeaderFrame(source: FrameSource): HeaderFrame | undefined {
  const { rest } = source
  if (rest[0] !== FRAME_HEADER || rest.length < FRAME_START) return undefined
  const end = FRAME_START + rest.readUInt32BE(3)
  if (rest[end] !== FRAME_END) return undefined
  source.rest = rest.subarray(end + 1)
  return {
    id: rest.readUInt16BE(FRAME_START),
    channel: rest.readUInt16BE(1),
    size: Number(rest.readBigUInt64BE(FRAME_START + BODY_SIZE_AT)),
    fields: readContentHeader({ bytes: rest.subarray(0, end), offset: FRAME_START + PROPERTIES_AT }),
  }
}

/** Reads property flags and the properties that they announce. */
export function readContentHeader(at: Cursor): ContentHeader {
  const flags = at.bytes.readUInt16BE(at.offset)
  at.offset += 2
  const properties: { -readonly [Name in keyof MessageProperties]: MessageProperties[Name] } = {}
  let headers: MessageHeaders = {}
  if (flags & 0x8000) properties.contentType = readShortString(at)
  if (flags & 0x4000) properties.contentEncoding = readShortString(at)
  if (flags & 0x2000) headers = readHeaders(at)
  if (flags & 0x1000) properties.deliveryMode = at.bytes.readUInt8(at.offset++) === 2 ? 2 : 1
  if (flags & 0x0800) properties.priority = at.bytes.readUInt8(at.offset++)
  if (flags & 0x0400) properties.correlationId = readShortString(at)
  if (flags & 0x0200) properties.replyTo = readShortString(at)
  if (flags & 0x0100) properties.expiration = readShortString(at)
  if (flags & 0x0080) properties.messageId = readShortString(at)
  if (flags & 0x0040) {
    properties.timestamp = Number(at.bytes.readBigUInt64BE(at.offset))
    at.offset += 8
  }
  if (flags & 0x0020) properties.type = readShortString(at)
  if (flags & 0x0010) properties.userId = readShortString(at)
  if (flags & 0x0008) properties.appId = readShortString(at)
  if (flags & 0x0004) properties.extra = { cluster_id: readShortString(at) }
  return new ContentHeader(properties, headers)
}

/** A table that cannot be read must not break the connection: the message would come again and break the next. */
function readHeaders(at: Cursor): MessageHeaders {
  const end = at.offset + 4 + at.bytes.readUInt32BE(at.offset)
  try {
    return readTable(at)
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    at.offset = end
    return { [UNREADABLE]: error.message }
  }
}
