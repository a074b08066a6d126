/**
 * kombu's JSON envelope: the text in which virtual transports (Redis, SQS, filesystem …) keep a message.
 *
 *     {"body": "<base64>", "content-encoding": "utf-8", "content-type": "application/json", "headers": {…},
 *      "properties": {"correlation_id": …, "delivery_info": {"exchange": …, "routing_key": …}, "priority": 0,
 *                     "body_encoding": "base64", "delivery_tag": "<uuid>", …}}
 */
import { isUtf8 } from 'node:buffer'
import { DecodeError, EncodeError } from '../../errors.ts'
import { isRecord } from '../../util/is-record.ts'
import { uuid } from '../../util/uuid.ts'
import type { MessageHeaders, MessageProperties } from '../message.ts'
import { isHeldForLong, ownBytesOf } from '../own-bytes.ts'
import { JsonSerializer } from '../serialization/json.ts'
import type { StoredMessage } from './queue-store.ts'

/** How a body stands in an envelope. kombu: `body_encoding`; anything but base64 is plain text. */
export type BodyEncoding = 'base64' | 'text'

/** Properties that are texts, by their names in an envelope. */
const TEXTS = {
  correlation_id: 'correlationId',
  reply_to: 'replyTo',
  expiration: 'expiration',
  message_id: 'messageId',
  type: 'type',
  user_id: 'userId',
  app_id: 'appId',
} as const satisfies Readonly<Record<string, keyof MessageProperties>>
const isText = (name: string): name is keyof typeof TEXTS => Object.hasOwn(TEXTS, name)

/** Properties that are numbers. */
const NUMBERS = new Set(['delivery_mode', 'priority', 'timestamp'])

/** Member of `delivery_info`: see `Delivery.deliveryCount`. kombu leaves it as it is. */
const DELIVERY_COUNT = 'celeriac_delivery_count'

/** What an envelope's properties say of the envelope itself. */
const OWN_PROPERTIES = new Set(['delivery_info', 'body_encoding', 'delivery_tag'])

/**
 * Writes a message as an envelope with a new delivery tag.
 *
 * @param bodyEncoding default base64; a body that is no UTF-8 text is written in base64 even for `text`.
 * @throws EncodeError when headers or properties hold what JSON cannot.
 */
export function encodeEnvelope(message: StoredMessage, bodyEncoding: BodyEncoding = 'base64'): string {
  const { body, properties, exchange, routingKey, redelivered } = message
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const asText = bodyEncoding === 'text' && isUtf8(bytes)
  const headers = redelivered ? { ...message.headers, redelivered } : message.headers
  try {
    return (
      `{"body": ${asText ? JSON.stringify(bytes.toString()) : `"${bytes.toString('base64')}"`}, ` +
      `"content-encoding": ${JSON.stringify(properties.contentEncoding ?? null)}, ` +
      `"content-type": ${JSON.stringify(properties.contentType ?? null)}, ` +
      `"headers": ${TYPED.write(headers)}, "properties": {${encodeProperties(properties)}` +
      `"delivery_info": {"exchange": ${JSON.stringify(exchange)}, "routing_key": ${JSON.stringify(routingKey)}` +
      `${redelivered ? ', "redelivered": true' : ''}}, "priority": ${properties.priority ?? 0}, ` +
      `${asText ? '' : '"body_encoding": "base64", '}"delivery_tag": "${uuid()}"}}`
    )
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new EncodeError(`The headers or properties of a message cannot be written as JSON: ${reason}`, {
      cause,
    })
  }
}

/** The properties that are there, in kombu's order, with a comma after each; priority is written by the caller. */
function encodeProperties(properties: MessageProperties): string {
  const { correlationId, replyTo, deliveryMode, expiration } = properties
  let text = ''
  if (correlationId !== undefined) text += `"correlation_id": ${JSON.stringify(correlationId)}, `
  if (replyTo !== undefined) text += `"reply_to": ${JSON.stringify(replyTo)}, `
  if (deliveryMode !== undefined) text += `"delivery_mode": ${deliveryMode}, `
  if (expiration !== undefined) text += `"expiration": ${JSON.stringify(expiration)}, `
  return text + encodeRareProperties(properties)
}

function encodeRareProperties(properties: MessageProperties): string {
  const { messageId, timestamp, type, userId, appId, extra } = properties
  let text = ''
  if (messageId !== undefined) text += `"message_id": ${JSON.stringify(messageId)}, `
  if (timestamp !== undefined) text += `"timestamp": ${JSON.stringify(timestamp)}, `
  if (type !== undefined) text += `"type": ${JSON.stringify(type)}, `
  if (userId !== undefined) text += `"user_id": ${JSON.stringify(userId)}, `
  if (appId !== undefined) text += `"app_id": ${JSON.stringify(appId)}, `
  if (extra === undefined) return text
  for (const [name, value] of Object.entries(extra)) {
    if (value === undefined || isText(name) || NUMBERS.has(name) || OWN_PROPERTIES.has(name)) continue
    text += `${JSON.stringify(name)}: ${JSON.stringify(value)}, `
  }
  return text
}

/**
 * Reads an envelope. Body and properties are decoded when they are first touched.
 *
 * @throws DecodeError when the text is no envelope.
 */
export function decodeEnvelope(text: string): StoredMessage {
  const envelope = parse(text)
  if (!isRecord(envelope)) throw new DecodeError(`A message is no JSON object: ${excerpt(text)}`)
  const { body = null, headers, properties = {} } = envelope
  if (!isRecord(properties)) throw new DecodeError(`A message's properties are no object: ${excerpt(text)}`)
  if (body !== null && typeof body !== 'string') {
    throw new DecodeError(`The body of a message must be a text in its envelope: ${excerpt(text)}`)
  }
  const info = properties['delivery_info']
  const encoding = bodyEncodingOf(properties['body_encoding'], text)
  return new EnvelopeMessage({
    envelope,
    text: body ?? '',
    encoding,
    headers: isRecord(headers) ? headers : {},
    wireProperties: properties,
    info: isRecord(info) ? info : {},
  })
}

interface ParsedEnvelope {
  readonly envelope: Readonly<Record<string, unknown>>
  readonly text: string
  readonly encoding: BodyEncoding
  readonly headers: MessageHeaders
  readonly wireProperties: Readonly<Record<string, unknown>>
  readonly info: Readonly<Record<string, unknown>>
}

class EnvelopeMessage implements StoredMessage {
  readonly headers: MessageHeaders
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  readonly deliveryCount: number
  readonly #parsed: ParsedEnvelope
  #properties: MessageProperties | undefined
  #body: Uint8Array | undefined

  constructor(parsed: ParsedEnvelope) {
    const { headers, info } = parsed
    this.#parsed = parsed
    this.headers = headers
    this.exchange = typeof info['exchange'] === 'string' ? info['exchange'] : ''
    this.routingKey = typeof info['routing_key'] === 'string' ? info['routing_key'] : ''
    this.redelivered = info['redelivered'] === true || headers['redelivered'] === true
    const count = info[DELIVERY_COUNT]
    this.deliveryCount = typeof count === 'number' ? count : 0
  }

  get body(): Uint8Array {
    if (this.#body === undefined) {
      const { text, encoding } = this.#parsed
      const decode = isHeldForLong(this.headers) ? ownBytesOf : Buffer.from
      this.#body = decode(text, encoding === 'base64' ? 'base64' : 'utf8')
    }
    return this.#body
  }

  get properties(): MessageProperties {
    this.#properties ??= propertiesOf(this.#parsed)
    return this.#properties
  }
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

function propertiesOf({ envelope, wireProperties }: ParsedEnvelope): MessageProperties {
  const properties: Writable<MessageProperties> = {}
  const extra: Record<string, unknown> = {}
  const contentType = envelope['content-type']
  const contentEncoding = envelope['content-encoding']
  if (typeof contentType === 'string') properties.contentType = contentType
  if (typeof contentEncoding === 'string') properties.contentEncoding = contentEncoding
  for (const name of Object.keys(wireProperties)) {
    const value = wireProperties[name]
    if (isText(name)) {
      if (value !== null) properties[TEXTS[name]] = typeof value === 'string' ? value : String(value)
    } else if (!NUMBERS.has(name) && !OWN_PROPERTIES.has(name)) extra[name] = value
  }
  const { delivery_mode: mode, priority, timestamp } = wireProperties
  if (mode === 1 || mode === 2) properties.deliveryMode = mode
  if (typeof priority === 'number') properties.priority = priority
  if (typeof timestamp === 'number') properties.timestamp = timestamp
  if (Object.keys(extra).length > 0) properties.extra = extra
  return properties
}

function bodyEncodingOf(value: unknown, text: string): BodyEncoding {
  if (value === 'base64') return 'base64'
  if (value === undefined || value === null || value === '') return 'text'
  const name = String(value).toLowerCase()
  if (name === 'base64') return 'base64'
  if (name === 'utf-8' || name === 'utf8' || name === 'raw') return 'text'
  throw new DecodeError(`The body of a message is encoded in an unknown way, ${name}: ${excerpt(text)}`)
}

/**
 * kombu writes whole envelopes like bodies: dates and their like may be in the headers. It reads half as fast as
 * `JSON.parse`, so it is only asked when there is something that needs it.
 */
const TYPED = new JsonSerializer()
/** In a body that stands there as text the quotes are escaped. */
const TYPE_MARKER = '"__type__"'

function parse(text: string): unknown {
  try {
    if (!text.includes(TYPE_MARKER)) return JSON.parse(text)
  } catch {
    // Python writes words for numbers that JSON cannot express.
  }
  try {
    return TYPED.read(text)
  } catch (cause) {
    throw new DecodeError(`A message is no JSON: ${excerpt(text)}`, { cause })
  }
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}

/**
 * The envelope with `redelivered` set in its headers and its delivery info, as kombu restores messages. The rest of the
 * text stays as it is: numbers that JavaScript cannot hold would not survive being decoded and encoded.
 */
export function markRedelivered(envelope: string): string {
  const headers = findMember(envelope, envelope.indexOf('{'), 'headers')
  const properties = findMember(envelope, envelope.indexOf('{'), 'properties')
  const info = envelope[properties] === '{' ? findMember(envelope, properties, 'delivery_info') : -1
  // The later place first, so that the other one stays where it is.
  return [headers, info].sort((a, b) => b - a).reduce((text, object) => flag(text, object), envelope)
}

/** Counts, in an envelope, one more who neither settled the message nor gave it back. */
export function countDelivery(envelope: string): string {
  const properties = findMember(envelope, envelope.indexOf('{'), 'properties')
  const info = envelope[properties] === '{' ? findMember(envelope, properties, 'delivery_info') : -1
  if (envelope[info] !== '{') return envelope
  const value = findMember(envelope, info, DELIVERY_COUNT)
  if (value < 0) return insert(envelope, info, `"${DELIVERY_COUNT}": 1`)
  const rest = envelope.slice(value)
  return envelope.slice(0, value) + rest.replace(/^\d+/, (count) => `${Number(count) + 1}`)
}

function flag(text: string, object: number): string {
  if (text[object] !== '{') return text
  const value = findMember(text, object, 'redelivered')
  if (value >= 0) return text.slice(0, value) + text.slice(value).replace(/^(?:false|null)/, 'true')
  return insert(text, object, '"redelivered": true')
}

/** Puts a member in front of the others of an object. */
function insert(text: string, object: number, member: string): string {
  const comma = /^\s*\}/.test(text.slice(object + 1, object + 20)) ? '' : ', '
  return `${text.slice(0, object + 1)}${member}${comma}${text.slice(object + 1)}`
}

/** Where the value of a member begins, of the object that begins at `object`; -1: there is no such member. */
function findMember(text: string, object: number, name: string): number {
  const wanted = JSON.stringify(name)
  let depth = 0
  let at = object
  while (at >= 0 && at < text.length) {
    const char = text[at]
    if (char === '"') {
      const end = endOfString(text, at)
      if (depth === 1 && end - at === wanted.length && text.startsWith(wanted, at)) {
        const value = /^\s*:\s*/.exec(text.slice(end, end + 20))
        if (value !== null) return end + value[0].length
      }
      at = end
    } else {
      if (char === '{' || char === '[') depth += 1
      else if (char === '}' || char === ']') depth -= 1
      if (depth === 0) return -1
      at += 1
    }
  }
  return -1
}

/** Behind the string that begins at `start`; behind the text when it does not end. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end >= 0) {
    let backslashes = 0
    while (text[end - 1 - backslashes] === '\\') backslashes += 1
    if (backslashes % 2 === 0) return end + 1
    end = text.indexOf('"', end + 1)
  }
  return text.length
}
