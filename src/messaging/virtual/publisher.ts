import { PublishError } from '../../errors.ts'
import { Batcher } from '../../util/batcher.ts'
import type { OutgoingMessage, PublishTarget } from '../message.ts'
import type { PublishTicket } from '../transport.ts'
import type { Exchanges } from './exchanges.ts'
import type { QueueStore, StoredMessage } from './queue-store.ts'

/** Largest batch that is put into a store at once. */
const MAX_BATCH = 1000
/** Bytes of bodies in it; a larger message is put alone. Clients make one text of a command, which has its limits. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024
/** Batchers that are kept although they have nothing to do. */
const IDLE_LIMIT = 256

/** What a `Publisher` works with. */
export interface PublisherOptions {
  readonly store: QueueStore
  readonly exchanges: Exchanges
  /** Queue for messages that nothing is bound for; undefined: they are dropped. kombu: `deadletter_queue`. */
  readonly deadLetterQueue: string | undefined
}

/** A message on its way to its batch. */
interface Pending {
  readonly message: StoredMessage
  readonly ticket: PublishTicket | undefined
  dropped: boolean
}

/**
 * Publishes: what is published in one turn of the event loop to one place is routed once and put into its queues
 * together. What goes to the same place stays in order.
 */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #batchers = new Map<string, Batcher<Pending>>()

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Settles when the message is stored. Rejects with `PublishError` when it is mandatory and no queue gets it. */
  publish(
    { body, properties, headers }: OutgoingMessage,
    target: PublishTarget,
    ticket: PublishTicket | undefined,
  ): Promise<void> {
    const { exchange, routingKey } = target
    let message: StoredMessage = { body, properties, headers, exchange, routingKey, redelivered: false }
    try {
      message = this.#options.store.prepare?.(message) ?? message
    } catch (error) {
      return Promise.reject(error)
    }
    const pending: Pending = { message, ticket, dropped: false }
    const stored = this.#batcher(target).add(pending, body.length)
    return ticket === undefined ? stored : confirm(pending, stored)
  }

  /** Resolves when everything published so far is stored, or refused. */
  async drain(): Promise<void> {
    await Promise.all([...this.#batchers.values()].map((batcher) => batcher.drain()))
  }

  #batcher(target: PublishTarget): Batcher<Pending> {
    const key = `${target.mandatory ? 'm' : ''}\0${target.exchange}\0${target.routingKey}`
    const known = this.#batchers.get(key)
    if (known !== undefined) return known
    const batcher: Batcher<Pending> = new Batcher(
      async (batch) => {
        try {
          await this.#put(target, wanted(batch))
        } finally {
          // Keys that are used once, as those of reply queues, must not pile up.
          if (batcher.size === 0 && this.#batchers.size > IDLE_LIMIT) this.#batchers.delete(key)
        }
      },
      { maxSize: MAX_BATCH, maxWeight: MAX_BATCH_BYTES },
    )
    this.#batchers.set(key, batcher)
    return batcher
  }

  async #put(target: PublishTarget, messages: readonly StoredMessage[]): Promise<void> {
    if (messages.length === 0) return
    const { store, exchanges } = this.#options
    const { exchange, routingKey } = target
    const { fanout } = store
    if (fanout !== undefined && exchanges.isFanout(exchange)) {
      await Promise.all(messages.map((message) => fanout.publish(exchange, routingKey, message)))
      return
    }
    const queues = await this.#queuesFor(target)
    if (queues.length === 1 && queues[0] !== undefined) await store.put(queues[0], messages)
    else await Promise.all(queues.map((queue) => store.put(queue, messages)))
  }

  async #queuesFor({ exchange, routingKey, mandatory = false }: PublishTarget): Promise<readonly string[]> {
    if (exchange === '' && routingKey !== '') return [routingKey]
    const { exchanges, deadLetterQueue, store } = this.#options
    const queues = await exchanges.route(exchange, routingKey)
    if (queues.length > 0) return queues
    if (deadLetterQueue !== undefined) {
      await store.declare(deadLetterQueue, { durable: true, autoDelete: false, arguments: {} })
      return [deadLetterQueue]
    }
    if (!mandatory) return []
    throw new PublishError(
      `No queue is bound to exchange ${JSON.stringify(exchange)} for routing key ${JSON.stringify(routingKey)}: ` +
        'bind one, or set the transport option deadletter_queue to keep such messages',
      { recoverable: false },
    )
  }
}

/** What nobody has given up meanwhile. */
function wanted(batch: readonly Pending[]): readonly StoredMessage[] {
  const messages: StoredMessage[] = []
  for (const pending of batch) {
    pending.dropped = pending.ticket?.withdrawn ?? false
    if (!pending.dropped) messages.push(pending.message)
  }
  return messages
}

async function confirm(pending: Pending, stored: Promise<void>): Promise<void> {
  await stored
  if (!pending.dropped) return
  throw new PublishError('The message was withdrawn before it was handed to the broker', {
    recoverable: false,
  })
}
