/**
 * Consumers of a channel and their prefetch limit.
 *
 * How a limit works depends on the broker (parity 7-047). RabbitMQ 3.3 to 3.x can limit the channel as a whole, and
 * change that while consuming. RabbitMQ 4 and quorum queues only limit a consumer, from its start. To change the limit
 * there all the same, a consumer of ours is made of several of the broker's, its *slices*: more is a further slice, less
 * is fewer. So it never has to be started anew, which would let the broker deliver the full limit once more. As slices
 * are whole, such a limit may be up to an eighth too high after it grew, and shrinks only when a slice is too many.
 */
import type { Channel as ClientChannel, ConsumeMessage } from 'amqplib'
import { ChannelError } from '../../../errors.ts'
import type { ConsumeOptions, ConsumerHandle } from '../../transport.ts'
import { tableArguments } from './table-arguments.ts'

/** What a prefetch limit counts for: `channel` (told as global or not), or each consumer by itself. */
export type PrefetchScope = 'global' | 'channel' | 'consumer'

/** What the broker's properties say about limits. Brokers other than RabbitMQ are taken by the word of AMQP 0-9-1. */
export function prefetchScope(server: Readonly<Record<string, unknown>>): PrefetchScope {
  const { product, version } = server
  if (product !== 'RabbitMQ') return 'channel'
  const [major = 0, minor = 0] = String(version).split('.').map(Number)
  if (major >= 4) return 'consumer'
  return major === 3 && minor >= 3 ? 'global' : 'channel'
}

/** One consumer of the broker's. `limit` 0: none. */
interface Slice {
  tag: string
  limit: number
}

interface Consumer {
  readonly queue: string
  readonly options: ConsumeOptions
  readonly deliver: (message: ConsumeMessage) => void
  slices: Slice[]
  cancelled: boolean
}

/** See the module's description. */
export class Consumers {
  readonly #client: ClientChannel
  readonly #consumers = new Set<Consumer>()
  #scope: PrefetchScope
  #limit = 0
  #work: Promise<unknown> = Promise.resolve()

  constructor(client: ClientChannel, scope: PrefetchScope) {
    this.#client = client
    this.#scope = scope
  }

  /** @param global whether the queue stands limits for a whole channel. */
  async start(
    queue: string,
    deliver: (message: ConsumeMessage) => void,
    options: ConsumeOptions,
    global: boolean,
  ): Promise<ConsumerHandle> {
    const consumer: Consumer = { queue, options, deliver, slices: [], cancelled: false }
    await this.#serially(async () => {
      if (!global && this.#scope === 'global') await this.#limitConsumers()
      await this.#startSlice(consumer, this.#limit)
      this.#consumers.add(consumer)
    })
    return { cancel: () => this.#serially(() => this.#cancel(consumer)) }
  }

  prefetch(limit: number): Promise<void> {
    return this.#serially(async () => {
      this.#limit = limit
      if (this.#scope !== 'consumer') await this.#client.prefetch(limit, this.#scope === 'global')
      else for (const consumer of this.#consumers) await this.#resize(consumer, limit)
    })
  }

  /** From a limit of the channel to limits of its consumers. */
  async #limitConsumers(): Promise<void> {
    await this.#client.prefetch(0, true)
    this.#scope = 'consumer'
    for (const consumer of this.#consumers) await this.#resize(consumer, this.#limit)
  }

  async #resize(consumer: Consumer, limit: number): Promise<void> {
    if (consumer.cancelled || consumer.options.noAck) return
    const total = totalOf(consumer.slices)
    if (limit === total) return
    if (limit === 0 || total === 0) {
      await this.#replace(consumer, limit)
    } else if (limit > total) {
      await this.#startSlice(consumer, Math.max(limit - total, Math.floor(total / 8)))
    } else {
      await this.#shrink(consumer, limit)
    }
  }

  /** Gives up the latest slices as far as they are too many. A single one that is twice too large is replaced. */
  async #shrink(consumer: Consumer, limit: number): Promise<void> {
    for (const slice of consumer.slices.slice(1).reverse()) {
      if (totalOf(consumer.slices) - slice.limit < limit) break
      await this.#cancelSlice(consumer, slice)
    }
    if (totalOf(consumer.slices) >= limit * 2) await this.#replace(consumer, limit)
  }

  /** The new one starts first, for an auto-delete queue goes with its last consumer; unless it must be the only one. */
  async #replace(consumer: Consumer, limit: number): Promise<void> {
    const old = [...consumer.slices]
    if (!consumer.options.exclusive) await this.#startSlice(consumer, limit)
    for (const slice of old) await this.#cancelSlice(consumer, slice)
    if (consumer.options.exclusive) await this.#startSlice(consumer, limit)
  }

  async #startSlice(consumer: Consumer, limit: number): Promise<void> {
    const { queue, options, deliver } = consumer
    const slice: Slice = { tag: '', limit: this.#scope === 'consumer' ? limit : 0 }
    const limited = this.#scope === 'consumer' ? this.#client.prefetch(limit, false) : undefined
    const onMessage = (message: ConsumeMessage | null): void => {
      if (message === null) this.#onCancelled(consumer, slice)
      else deliver(message)
    }
    const started = this.#client.consume(queue, onMessage, {
      noAck: options.noAck ?? false,
      exclusive: options.exclusive ?? false,
      arguments: tableArguments(options.arguments ?? {}),
    })
    const [{ consumerTag }] = await Promise.all([started, limited])
    slice.tag = consumerTag
    consumer.slices.push(slice)
  }

  async #cancelSlice(consumer: Consumer, slice: Slice): Promise<void> {
    consumer.slices = consumer.slices.filter((other) => other !== slice)
    await this.#client.cancel(slice.tag)
  }

  async #cancel(consumer: Consumer): Promise<void> {
    if (consumer.cancelled) return
    consumer.cancelled = true
    this.#consumers.delete(consumer)
    await Promise.all(consumer.slices.map((slice) => this.#client.cancel(slice.tag)))
  }

  /** The broker has cancelled it: the queue is gone, or moves to another node. */
  #onCancelled(consumer: Consumer, slice: Slice): void {
    consumer.slices = consumer.slices.filter((other) => other !== slice)
    if (consumer.cancelled) return
    consumer.cancelled = true
    this.#consumers.delete(consumer)
    const queue = JSON.stringify(consumer.queue)
    consumer.options.cancelled?.(
      new ChannelError(
        `The broker has cancelled the consumer of queue ${queue}: it was deleted, or its node left`,
      ),
    )
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work)
    this.#work = done.catch(() => undefined)
    return done
  }
}

/** 0: no limit. */
function totalOf(slices: readonly Slice[]): number {
  if (slices.some(({ limit }) => limit === 0)) return 0
  return slices.reduce((sum, { limit }) => sum + limit, 0)
}
