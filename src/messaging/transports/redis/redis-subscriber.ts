import type { RedisConnection } from '../../../util/redis/redis-connection.ts'

type Deliver = (payload: unknown) => void

interface Subscription {
  readonly listeners: Set<Deliver>
  /** Settles when it is active. */
  readonly active: Promise<void>
}

/** The channel on which the server says which keys have changed. */
const INVALIDATIONS = '__redis__:invalidate'

/**
 * A connection that listens: to broadcasts, and to the server's word that keys have changed. Redis lets such a
 * connection do nothing else. It is made when it is first needed.
 */
export class RedisSubscriber {
  readonly #open: () => Promise<RedisConnection>
  readonly #lost: (reason: Error) => void
  readonly #patterns = new Map<string, Subscription>()
  #opening: Promise<RedisConnection> | undefined
  #invalidated: (keys: readonly string[] | undefined) => void = () => undefined
  #id = ''

  /** @param lost told when the connection is gone that was not closed from here. */
  constructor(open: () => Promise<RedisConnection>, lost: (reason: Error) => void) {
    this.#open = open
    this.#lost = lost
  }

  /**
   * Listens to changes of the keys that another connection tracks: told are their names, or undefined when everything was
   * flushed. Answers the id to redirect them to.
   */
  async listenToInvalidations(invalidated: (keys: readonly string[] | undefined) => void): Promise<string> {
    const connection = await this.#connection()
    this.#invalidated = invalidated
    await connection.subscribe([INVALIDATIONS])
    return this.#id
  }

  /** Listens to the channels that fit a pattern. Settles when the subscription is active. */
  async subscribe(pattern: string, deliver: Deliver): Promise<{ cancel(): Promise<void> }> {
    const subscription = this.#patterns.get(pattern) ?? this.#activate(pattern)
    subscription.listeners.add(deliver)
    try {
      await subscription.active
    } catch (error) {
      this.#patterns.delete(pattern)
      throw error
    }
    return {
      cancel: async () => {
        if (!subscription.listeners.delete(deliver) || subscription.listeners.size > 0) return
        this.#patterns.delete(pattern)
        await (await this.#connection()).unsubscribePatterns([pattern])
      },
    }
  }

  /** Tests the connection, if there is one. */
  async ping(): Promise<void> {
    await (await this.#opening)?.send('PING')
  }

  async close(): Promise<void> {
    const connection = await this.#opening?.catch(() => undefined)
    await connection?.close()
  }

  #activate(pattern: string): Subscription {
    const active = this.#connection().then((connection) => connection.subscribePatterns([pattern]))
    const subscription: Subscription = { listeners: new Set(), active }
    this.#patterns.set(pattern, subscription)
    return subscription
  }

  #connection(): Promise<RedisConnection> {
    this.#opening ??= this.#connect().catch((error: unknown) => {
      // Whoever needs it next tries again.
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #connect(): Promise<RedisConnection> {
    const connection = await this.#open()
    // Once it listens, the connection can no longer say who it is.
    this.#id = String(await connection.send('CLIENT', 'ID').catch(() => ''))
    connection.listen((channel, payload, pattern) => {
      if (pattern === '') {
        if (channel === INVALIDATIONS)
          this.#invalidated(Array.isArray(payload) ? payload.map(String) : undefined)
        return
      }
      for (const deliver of this.#patterns.get(pattern)?.listeners ?? []) deliver(payload)
    })
    void connection.closed.then((reason) => {
      if (reason !== undefined) this.#lost(reason)
    })
    return connection
  }
}
