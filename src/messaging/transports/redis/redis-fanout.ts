import type { RedisConnection } from '../../../util/redis/redis-connection.ts'
import type { BodyEncoding } from '../../virtual/envelope.ts'
import { decodeEnvelope, encodeEnvelope } from '../../virtual/envelope.ts'
import type { Fanout, StoredMessage } from '../../virtual/queue-store.ts'
import type { RedisKeys } from './redis-keys.ts'
import type { RedisSubscriber } from './redis-subscriber.ts'

/** What `RedisFanout` works with. */
export interface RedisFanoutOptions {
  readonly connection: RedisConnection
  readonly subscriber: RedisSubscriber
  readonly keys: RedisKeys
  readonly bodyEncoding: BodyEncoding
  readonly warn: (message: string) => void
}

/**
 * Broadcasts by PUBLISH and PSUBSCRIBE. A routing key may be a pattern to the subscriber: `#` and `*` stand for any
 * text, dots included.
 */
export class RedisFanout implements Fanout {
  readonly #options: RedisFanoutOptions

  constructor(options: RedisFanoutOptions) {
    this.#options = options
  }

  async publish(exchange: string, routingKey: string, message: StoredMessage): Promise<void> {
    const { connection, keys, bodyEncoding } = this.#options
    await connection.send(
      'PUBLISH',
      keys.channel(exchange, routingKey),
      encodeEnvelope(message, bodyEncoding),
    )
  }

  async subscribe(
    exchange: string,
    routingKey: string,
    deliver: (message: StoredMessage) => void,
  ): Promise<{ cancel(): Promise<void> }> {
    const { keys, subscriber } = this.#options
    const own = keys.channelPattern(exchange, routingKey)
    // Bound without a key, a queue of a fanout exchange gets everything, as in AMQP. In kombu only what has no key.
    const all = keys.channelPattern(exchange, '*')
    const patterns = routingKey === '' && all !== own ? [own, all] : [own]
    const subscriptions = await Promise.all(
      patterns.map((pattern) => {
        return subscriber.subscribe(pattern, (payload) => {
          const message = this.#decode(pattern, payload)
          if (message !== undefined) deliver(message)
        })
      }),
    )
    return {
      async cancel() {
        await Promise.all(subscriptions.map((subscription) => subscription.cancel()))
      },
    }
  }

  #decode(pattern: string, payload: unknown): StoredMessage | undefined {
    try {
      return decodeEnvelope(String(payload))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.warn(`A broadcast on ${pattern} was dropped: ${reason}`)
      return undefined
    }
  }
}
