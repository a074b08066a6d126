import type { Delivery, MessageHeaders, MessageProperties } from '../message.ts'
import type { StoredMessage, Taken } from './queue-store.ts'

/** A delivery of a virtual channel: a view of what the store handed out, decoded no earlier than the store does. */
export class VirtualDelivery implements Delivery {
  readonly tag: number
  readonly queue: string
  /** What the store knows it by; undefined for a copy of a broadcast, of which the store knows nothing. */
  readonly taken: Taken | undefined
  readonly #message: StoredMessage

  constructor(tag: number, queue: string, message: StoredMessage, taken: Taken | undefined) {
    this.tag = tag
    this.queue = queue
    this.taken = taken
    this.#message = message
  }

  get exchange(): string {
    return this.#message.exchange
  }

  get routingKey(): string {
    return this.#message.routingKey
  }

  get redelivered(): boolean {
    return this.#message.redelivered
  }

  get deliveryCount(): number | undefined {
    return this.#message.deliveryCount
  }

  get properties(): MessageProperties {
    return this.#message.properties
  }

  get headers(): MessageHeaders {
    return this.#message.headers
  }

  get body(): Uint8Array {
    return this.#message.body
  }
}
