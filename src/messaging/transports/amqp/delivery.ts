/** Messages as amqplib delivers them, as a channel of ours hands them on. */
import type { Message } from 'amqplib'
import type { Delivery, MessageHeaders, MessageProperties } from '../../message.ts'
import { isHeldForLong, ownBytes } from '../../own-bytes.ts'
import { ContentHeader } from './content-header.ts'

/** What is looked at of a message of amqplib. */
type Received = Pick<Message, 'fields' | 'content'> & { readonly properties: unknown }

class AmqpDelivery implements Delivery {
  readonly tag: number
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  /** Quorum queues count, also what was given back; classic queues only tell that it was delivered before. */
  readonly deliveryCount: number | undefined
  readonly properties: MessageProperties
  readonly headers: MessageHeaders
  readonly body: Uint8Array

  constructor({ fields, content }: Received, { properties, headers }: ContentHeader, queue: string) {
    this.tag = fields.deliveryTag
    this.queue = queue
    this.exchange = fields.exchange
    this.routingKey = fields.routingKey
    this.redelivered = fields.redelivered
    this.properties = properties
    this.headers = headers
    this.body = isHeldForLong(headers) ? ownBytes(content) : content
    const count = headers['x-delivery-count']
    this.deliveryCount = typeof count === 'number' ? count : undefined
  }
}

/** @throws TypeError when the message's header was not read by `takeHeaderFrame`. */
export function toDelivery(message: Received, queue: string): Delivery & { readonly tag: number } {
  const header = message.properties
  if (!(header instanceof ContentHeader)) throw new TypeError('amqplib has read a content header by itself')
  return new AmqpDelivery(message, header, queue)
}
