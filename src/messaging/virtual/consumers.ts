import { ChannelError } from '../../errors.ts'
import type { Delivery } from '../message.ts'

/** A consumer of a virtual channel. */
export interface Consumer {
  readonly queue: string
  readonly noAck: boolean
  readonly exclusive: boolean
  readonly deliver: (delivery: Delivery) => void
  /** Told when the queue was deleted. */
  readonly cancelled: ((reason: Error) => void) | undefined
  /** Takes it out of its channel. */
  readonly cancel: () => Promise<void>
}

/** The consumers of a set of queues, who take turns. There is one set per channel, and one per connection. */
export class Consumers {
  readonly #queues = new Map<string, { readonly consumers: Consumer[]; next: number }>()

  /** Queues that are consumed. */
  get queues(): readonly string[] {
    return [...this.#queues.keys()]
  }

  /** The consumers of a queue. */
  of(queue: string): readonly Consumer[] {
    return this.#queues.get(queue)?.consumers ?? []
  }

  /** @throws ChannelError when one of the consumers of the queue wants it for itself. */
  add(consumer: Consumer): void {
    const entry = this.#queues.get(consumer.queue)
    if (entry === undefined) {
      this.#queues.set(consumer.queue, { consumers: [consumer], next: 0 })
      return
    }
    if (consumer.exclusive || entry.consumers.some((other) => other.exclusive)) {
      throw new ChannelError(
        `Queue ${JSON.stringify(consumer.queue)} is consumed exclusively, or is to be while others consume it`,
      )
    }
    entry.consumers.push(consumer)
  }

  /** Says whether the consumer was there. */
  remove(consumer: Consumer): boolean {
    const entry = this.#queues.get(consumer.queue)
    const index = entry?.consumers.indexOf(consumer) ?? -1
    if (entry === undefined || index < 0) return false
    entry.consumers.splice(index, 1)
    if (entry.consumers.length === 0) this.#queues.delete(consumer.queue)
    return true
  }

  /** The consumer whose turn it is; undefined when nobody consumes the queue. */
  next(queue: string): Consumer | undefined {
    const entry = this.#queues.get(queue)
    if (entry === undefined) return undefined
    if (entry.next >= entry.consumers.length) entry.next = 0
    return entry.consumers[entry.next++]
  }
}
