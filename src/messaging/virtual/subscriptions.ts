import { Deferred } from '../../util/deferred.ts'
import type { Exchanges } from './exchanges.ts'
import type { Fanout, StoredMessage } from './queue-store.ts'

interface Subscription {
  readonly queue: string
  /** Undefined while the store has not answered. */
  handle: { cancel(): Promise<void> } | undefined
  readonly ready: Deferred
}

/** The broadcasts that a channel listens to: those of the fanout exchanges to which its consumed queues are bound. */
export class Subscriptions {
  readonly #fanout: Fanout | undefined
  readonly #exchanges: Exchanges
  readonly #deliver: (queue: string, message: StoredMessage) => void
  readonly #active = new Map<string, Subscription>()

  constructor(
    fanout: Fanout | undefined,
    exchanges: Exchanges,
    deliver: (queue: string, message: StoredMessage) => void,
  ) {
    this.#fanout = fanout
    this.#exchanges = exchanges
    this.#deliver = deliver
  }

  /** Whether the queue gets its messages from broadcasts alone, so that there is nothing in the store to take. */
  feeds(queue: string): boolean {
    return this.#fanout !== undefined && this.#exchanges.fanoutSources(queue).length > 0
  }

  /** Listens to what a consumed queue is bound to. Settles when all subscriptions are active. */
  async open(queue: string): Promise<void> {
    await Promise.all(
      this.#exchanges.fanoutSources(queue).map(({ exchange, routingKey }) => {
        return this.#subscribe(queue, exchange, routingKey)
      }),
    )
  }

  /** Stops listening for a queue. */
  async close(queue: string): Promise<void> {
    const closing: Promise<void>[] = []
    for (const [key, subscription] of this.#active) {
      if (subscription.queue !== queue) continue
      this.#active.delete(key)
      closing.push(cancel(subscription))
    }
    await Promise.all(closing)
  }

  async #subscribe(queue: string, exchange: string, routingKey: string): Promise<void> {
    if (this.#fanout === undefined) return
    const key = JSON.stringify([queue, exchange, routingKey])
    const known = this.#active.get(key)
    if (known !== undefined) return known.ready.promise
    const subscription: Subscription = { queue, handle: undefined, ready: new Deferred() }
    this.#active.set(key, subscription)
    try {
      subscription.handle = await this.#fanout.subscribe(exchange, routingKey, (message) => {
        if (this.#active.get(key) === subscription) this.#deliver(queue, message)
      })
      subscription.ready.resolve()
    } catch (error) {
      this.#active.delete(key)
      subscription.ready.resolve()
      throw error
    }
  }
}

async function cancel(subscription: Subscription): Promise<void> {
  await subscription.ready.promise
  await subscription.handle?.cancel()
}
