/** Messages as SQS keeps them: kombu's envelope, in base64 unless it is told otherwise. */
import type { Message, MessageAttributeValue, SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs'
import { DecodeError, PublishError } from '../../../errors.ts'
import { isRecord } from '../../../util/is-record.ts'
import { uuid } from '../../../util/uuid.ts'
import type { MessageHeaders, MessageProperties } from '../../message.ts'
import { decodeEnvelope, encodeEnvelope } from '../../virtual/envelope.ts'
import type { StoredMessage } from '../../virtual/queue-store.ts'

/** SQS takes no larger message, attributes included, and no larger batch. */
export const MOST_BYTES: number = 1024 * 1024
const LONGEST_DELAY = 900
const DEFAULT_GROUP = 'default'
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

type Attributes = Record<string, MessageAttributeValue>

/** A message that is ready to be sent. */
export class OutgoingSqsMessage implements StoredMessage {
  readonly body: Uint8Array
  readonly properties: MessageProperties
  readonly headers: MessageHeaders
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  /** Of all that counts against the limit. */
  readonly size: number
  readonly #text: string
  readonly #attributes: Attributes | undefined

  /** @throws PublishError for a message that SQS will not take. */
  constructor(message: StoredMessage, base64: boolean) {
    this.body = message.body
    this.headers = message.headers
    this.exchange = message.exchange
    this.routingKey = message.routingKey
    this.redelivered = message.redelivered
    const { message_attributes: attributes, ...extra } = message.properties.extra ?? {}
    this.properties = { ...message.properties, extra }
    this.#attributes = isAttributes(attributes) ? attributes : undefined
    const envelope = encodeEnvelope({ ...message, properties: this.properties })
    this.#text = base64 ? Buffer.from(envelope).toString('base64') : toAscii(envelope)
    this.size = this.#text.length + sizeOf(this.#attributes)
    if (this.size <= MOST_BYTES) return
    throw new PublishError(
      `A message for ${JSON.stringify(message.routingKey)} takes ${this.size} bytes in SQS, which takes ${MOST_BYTES} ` +
        'at most: hand over where the data is (in S3, say) and not the data, or set a compression',
      { recoverable: false },
    )
  }

  entry(id: string, fifo: boolean): SendMessageBatchRequestEntry {
    const attributes = this.#attributes === undefined ? {} : { MessageAttributes: this.#attributes }
    return { Id: id, MessageBody: this.#text, ...attributes, ...(fifo ? this.#fifo() : this.#delay()) }
  }

  #fifo(): Pick<SendMessageBatchRequestEntry, 'MessageGroupId' | 'MessageDeduplicationId'> {
    const { MessageGroupId, MessageDeduplicationId } = this.properties.extra ?? {}
    return {
      MessageGroupId: typeof MessageGroupId === 'string' ? MessageGroupId : DEFAULT_GROUP,
      MessageDeduplicationId: typeof MessageDeduplicationId === 'string' ? MessageDeduplicationId : uuid(),
    }
  }

  #delay(): Pick<SendMessageBatchRequestEntry, 'DelaySeconds'> {
    const { DelaySeconds } = this.properties.extra ?? {}
    if (typeof DelaySeconds !== 'number') return {}
    return { DelaySeconds: Math.min(LONGEST_DELAY, Math.max(0, Math.round(DelaySeconds))) }
  }
}

/** JSON without a letter that SQS might not take, as Python writes it. */
function toAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function isAttributes(value: unknown): value is Attributes {
  return isRecord(value) && Object.values(value).every(isRecord)
}

function sizeOf(attributes: Attributes | undefined): number {
  let size = 0
  for (const [name, { DataType = '', StringValue = '', BinaryValue }] of Object.entries(attributes ?? {})) {
    size += Buffer.byteLength(name + DataType + StringValue) + (BinaryValue?.length ?? 0)
  }
  return size
}

/** A message that SQS has handed out. What is no envelope is a message, too: its text is the body. */
export class ReceivedSqsMessage implements StoredMessage {
  readonly redelivered: boolean
  readonly deliveryCount: number
  readonly #message: StoredMessage
  readonly #received: Message

  /** @param now milliseconds since 1970. */
  constructor(received: Message, now: number) {
    this.#received = received
    this.#message = read(received.Body ?? '')
    const { ApproximateReceiveCount, SentTimestamp } = received.Attributes ?? {}
    const before = Number(ApproximateReceiveCount ?? 1) - 1
    this.deliveryCount = Math.max(
      0,
      before - postponements(this.#message.headers, now - Number(SentTimestamp)),
    )
    this.redelivered = this.#message.redelivered || this.deliveryCount > 0
  }

  get body(): Uint8Array {
    return this.#message.body
  }

  /** With what was asked for by `fetch_message_attributes`. kombu: `delivery_info['sqs_message']`. */
  get properties(): MessageProperties {
    const { properties } = this.#message
    const { MessageAttributes } = this.#received
    if (MessageAttributes === undefined) return properties
    return { ...properties, extra: { ...properties.extra, message_attributes: MessageAttributes } }
  }

  get headers(): MessageHeaders {
    return this.#message.headers
  }

  get exchange(): string {
    return this.#message.exchange
  }

  get routingKey(): string {
    return this.#message.routingKey
  }
}

/** Half a day, in milliseconds: nothing is postponed for longer at a time. */
const HALF_DAY = 43_200_000

/**
 * How often a task that is due later may have been delivered only to be postponed: SQS counts that, too, and to be
 * early is no sign of trouble.
 */
function postponements({ eta }: MessageHeaders, age: number): number {
  if (eta === null || eta === undefined) return 0
  return 1 + (age > 0 ? Math.floor(age / HALF_DAY) : 0)
}

function read(text: string): StoredMessage {
  const decoded = decodeBase64(text)
  try {
    const message = decodeEnvelope(decoded)
    if (message.exchange !== '' || message.routingKey !== '' || Object.keys(message.headers).length > 0) {
      return message
    }
    return decoded.includes('"properties"') ? message : foreign(decoded)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return foreign(decoded)
  }
}

/** What somebody else has sent. */
function foreign(text: string): StoredMessage {
  return {
    body: Buffer.from(text),
    properties: {},
    headers: {},
    exchange: '',
    routingKey: '',
    redelivered: false,
  }
}

/** The text itself when it is no base64, or none of a text. */
function decodeBase64(text: string): string {
  const candidate = text.trim()
  if (candidate === '' || !BASE64.test(candidate)) return text
  const bytes = Buffer.from(candidate, 'base64')
  const decoded = bytes.toString('utf8')
  return bytes.equals(Buffer.from(decoded)) ? decoded : text
}
