/**
 * What travels through a broker: bytes, a handful of AMQP properties, and headers.
 *
 * A task is not known here; `protocol/task-message.ts` says what the headers and the body of a task look like.
 */

/** Properties of a message as AMQP 0-9-1 names them (in camelCase). All are optional on the wire. */
export interface MessageProperties {
  /** MIME type of the body, e.g. `application/json`. */
  readonly contentType?: string
  /** Character set of the body (`utf-8`) or `binary`. */
  readonly contentEncoding?: string
  /** 1 = transient, 2 = persistent. */
  readonly deliveryMode?: 1 | 2
  /** 0–255. Which end is served first depends on the broker: RabbitMQ higher, Redis lower. */
  readonly priority?: number
  /** Id of what this message belongs to; of a task message: the task id. */
  readonly correlationId?: string
  /** Queue in which the sender awaits an answer. */
  readonly replyTo?: string
  /** Milliseconds after which the broker may drop the message, as text: AMQP's form. */
  readonly expiration?: string
  readonly messageId?: string
  /** Seconds since 1970. */
  readonly timestamp?: number
  readonly type?: string
  readonly userId?: string
  readonly appId?: string
  /** Properties that only some transports know, under their wire names (e.g. SQS's `MessageGroupId`). */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** Headers of a message: AMQP's application headers. */
export type MessageHeaders = Readonly<Record<string, unknown>>

/** A message on its way to a broker. */
export interface OutgoingMessage {
  readonly body: Uint8Array
  readonly properties: MessageProperties
  readonly headers: MessageHeaders
}

/** Where to publish. The default exchange `''` routes to the queue that is named like the routing key. */
export interface PublishTarget {
  readonly exchange: string
  readonly routingKey: string
  /** Fail when no queue would get the message. Only brokers with `features.mandatory` can say; default false. */
  readonly mandatory?: boolean
}

/** Identifies a delivery on the channel that delivered it. Opaque; only handed back to `ack` and `reject`. */
export type DeliveryTag = number | string

/** A message as a channel delivers it. Unless consumed with `noAck` it stays ours until `ack` or `reject`. */
export interface Delivery {
  readonly tag: DeliveryTag
  /** The queue it came from. */
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  /** It was delivered before, and not settled. */
  readonly redelivered: boolean
  /**
   * To how many it was delivered before who neither settled it nor gave it back, as far as the broker knows: they died,
   * or held it for too long. Undefined: the broker does not count.
   */
  readonly deliveryCount?: number | undefined
  readonly properties: MessageProperties
  readonly headers: MessageHeaders
  /** Undecoded. May be computed at the first access, so touch it only when it is needed. */
  readonly body: Uint8Array
}
