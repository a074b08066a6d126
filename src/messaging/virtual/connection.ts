import { ConnectionError } from '../../errors.ts'
import { waitOrAbort } from '../../util/abort.ts'
import type { Clock } from '../../util/clock.ts'
import { Deferred } from '../../util/deferred.ts'
import type { Channel, TransportConnection, TransportFeatures } from '../transport.ts'
import type { ChannelHost } from './channel.ts'
import { VirtualChannel } from './channel.ts'
import { Consumers } from './consumers.ts'
import { Exchanges } from './exchanges.ts'
import type { BindingTable, QueueStore } from './queue-store.ts'

/** How long a store that gives no answer is waited for, in milliseconds: what it has recorded it finds by itself. */
const CLOSE_TIMEOUT = 10_000

/** What a `VirtualConnection` works with. */
export interface VirtualConnectionOptions {
  readonly name: string
  readonly store: QueueStore
  readonly features: TransportFeatures
  readonly bindings: BindingTable
  readonly deadLetterQueue: string | undefined
  readonly clock: Clock
}

/** A connection to a broker made out of a `QueueStore`. All its channels end when the store fails one of them. */
export class VirtualConnection implements TransportConnection {
  readonly features: TransportFeatures
  readonly closed: Promise<Error | undefined>
  readonly #closed = new Deferred<Error | undefined>()
  readonly #store: QueueStore
  readonly #name: string
  readonly #host: ChannelHost
  readonly #channels = new Set<VirtualChannel>()
  #closing: Promise<void> | undefined

  constructor(options: VirtualConnectionOptions) {
    const { name, store, features, bindings, clock, deadLetterQueue } = options
    this.#name = name
    this.#store = store
    this.features = features
    this.closed = this.#closed.promise
    this.#host = {
      name,
      store,
      clock,
      deadLetterQueue,
      exchanges: new Exchanges(bindings, features.exchangeTypes),
      consumers: new Consumers(),
      autoDelete: new Set(),
      exclusive: new Set(),
      isOpen: () => this.#closing === undefined,
      failed: (error) => this.#fail(error),
      left: (channel) => this.#channels.delete(channel),
    }
    void this.#watchStore()
  }

  async openChannel(): Promise<Channel> {
    if (this.#closing !== undefined) {
      throw new ConnectionError(`The connection to ${this.#name} is closed: connect again`)
    }
    const channel = new VirtualChannel(this.#host)
    this.#channels.add(channel)
    return channel
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { clock } = this.#host
    try {
      const wait = { timeout: CLOSE_TIMEOUT, clock }
      await waitOrAbort(this.#closeChannels(), wait, `${this.#name} to take back what is held`)
    } finally {
      // Whatever closing the store says, the connection is gone.
      await this.#store.close().finally(() => this.#closed.resolve(undefined))
    }
  }

  async #closeChannels(): Promise<void> {
    const closing = await Promise.allSettled([...this.#channels].map((channel) => channel.close()))
    const failed = closing.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    for (const queue of this.#host.exclusive) {
      await this.#host.exchanges.removeQueue(queue)
      await this.#store.remove(queue)
    }
  }

  async #watchStore(): Promise<void> {
    const reason = await this.#store.closed
    this.#fail(reason ?? new ConnectionError(`The store of ${this.#name} was closed`))
  }

  #fail(error: unknown): void {
    if (this.#closing !== undefined) return
    const reason =
      error instanceof Error ? error : new ConnectionError(`${this.#name} failed: ${String(error)}`)
    this.#closing = Promise.resolve()
    for (const channel of this.#channels) channel.fail(reason)
    this.#channels.clear()
    // What the store has to say at its end cannot matter more than the reason that is reported already.
    this.#store.close().catch(() => undefined)
    this.#closed.resolve(reason)
  }
}
