/**
 * A channel of a virtual broker. kombu: `virtual.Channel`.
 *
 * States: **open** (calls work; with consumers a take loop runs) → **closing** (`close` was called: consumers are gone,
 * new calls are refused, what is being published and settled is finished, what is held goes back to the store) →
 * **closed**. When the store fails or the connection is lost, **open** → **closed** at once, with that reason: what was
 * held stays recorded in the store, which finds it again by itself.
 */
import { ChannelError, ConnectionError } from '../../errors.ts'
import type { Clock } from '../../util/clock.ts'
import { Deferred } from '../../util/deferred.ts'
import { uuid } from '../../util/uuid.ts'
import type { Delivery, DeliveryTag, OutgoingMessage, PublishTarget } from '../message.ts'
import type {
  Binding,
  Channel,
  ConsumeOptions,
  ConsumerHandle,
  ExchangeDeclaration,
  Postponed,
  PublishTicket,
  QueueDeclaration,
  QueueStatus,
  RejectOptions,
} from '../transport.ts'
import type { Consumer } from './consumers.ts'
import { Consumers } from './consumers.ts'
import type { Exchanges } from './exchanges.ts'
import { Held } from './held.ts'
import { Publisher } from './publisher.ts'
import type { QueueStore, StoredMessage, Taken } from './queue-store.ts'
import { Subscriptions } from './subscriptions.ts'
import type { TakePlan } from './take-loop.ts'
import { TakeLoop } from './take-loop.ts'
import type { VirtualDelivery } from './virtual-delivery.ts'

/** At most so many messages are taken at a time, whatever the prefetch limit. */
const MAX_TAKE = 500
/** For takes that do not wait. */
const NEVER = new AbortController().signal

/** What the channels of one connection share. */
export interface ChannelHost {
  /** For messages to people, e.g. `redis`. */
  readonly name: string
  readonly store: QueueStore
  readonly exchanges: Exchanges
  readonly consumers: Consumers
  readonly clock: Clock
  readonly deadLetterQueue: string | undefined
  /** Queues that are to go with their last consumer. */
  readonly autoDelete: Set<string>
  /** Queues that are to go with the connection. */
  readonly exclusive: Set<string>
  readonly isOpen: () => boolean
  /** The store failed this channel: nothing on the connection can be relied on. */
  readonly failed: (error: unknown) => void
  readonly left: (channel: VirtualChannel) => void
}

/** See the module's description. */
export class VirtualChannel implements Channel {
  readonly closed: Promise<Error | undefined>
  readonly postpone: Channel['postpone']
  readonly #host: ChannelHost
  readonly #store: QueueStore
  readonly #exchanges: Exchanges
  readonly #closed = new Deferred<Error | undefined>()
  readonly #consumers = new Consumers()
  readonly #held: Held
  readonly #publisher: Publisher
  readonly #subscriptions: Subscriptions
  readonly #loop: TakeLoop
  /** Broadcasts for which there was no room. */
  readonly #broadcasts: { readonly queue: string; readonly message: StoredMessage }[] = []
  #prefetch = 0
  #room: (() => number) | undefined
  #state: 'open' | 'closing' | 'closed' = 'open'
  #reason: Error | undefined
  #closing: Promise<void> | undefined

  constructor(host: ChannelHost) {
    this.#host = host
    this.#store = host.store
    this.#exchanges = host.exchanges
    this.closed = this.#closed.promise
    if (host.store.postpone !== undefined) this.postpone = (postponed) => this.#postpone(postponed)
    this.#publisher = new Publisher(host)
    this.#held = new Held({
      store: host.store,
      clock: host.clock,
      freed: () => this.#freed(),
      redeliver: (deliveries, reason) => this.#redeliver(deliveries, reason === 'requeued'),
      failed: host.failed,
    })
    this.#subscriptions = new Subscriptions(host.store.fanout, host.exchanges, (queue, message) => {
      this.#broadcasts.push({ queue, message })
      this.#deliverBroadcasts()
    })
    this.#loop = new TakeLoop({
      store: host.store,
      plan: () => this.#plan(),
      deliver: (taken) => this.#deliver(taken),
      failed: host.failed,
    })
  }

  async declareExchange(exchange: ExchangeDeclaration): Promise<void> {
    this.#check()
    this.#exchanges.declare(exchange)
  }

  async deleteExchange(name: string): Promise<void> {
    this.#check()
    await this.#exchanges.remove(name)
  }

  async bindings(exchange: string): Promise<readonly Omit<Binding, 'arguments'>[]> {
    this.#check()
    return await this.#exchanges.list(exchange)
  }

  async declareQueue(queue: QueueDeclaration): Promise<QueueStatus> {
    this.#check()
    const name = queue.name === '' ? `amq.gen-${uuid()}` : queue.name
    if (queue.passive) {
      if ((await this.#store.exists?.(name)) === false) {
        throw new ChannelError(
          `There is no queue ${JSON.stringify(name)}: it was only looked for, not declared`,
          {
            recoverable: false,
          },
        )
      }
    } else {
      const { durable, autoDelete, arguments: args } = queue
      await this.#store.declare(name, { durable, autoDelete, arguments: args })
      if (autoDelete) this.#host.autoDelete.add(name)
      if (queue.exclusive) this.#host.exclusive.add(name)
    }
    return {
      name,
      messages: await this.#store.size(name),
      consumers: this.#host.consumers.of(name).length,
    }
  }

  async bind(binding: Binding): Promise<void> {
    this.#check()
    await this.#exchanges.bind(binding)
    if (this.#consumers.of(binding.queue).length > 0) await this.#subscriptions.open(binding.queue)
  }

  async unbind(binding: Binding): Promise<void> {
    this.#check()
    await this.#exchanges.unbind(binding)
    if (this.#consumers.of(binding.queue).length === 0) return
    await this.#subscriptions.close(binding.queue)
    await this.#subscriptions.open(binding.queue)
    this.#loop.replan()
  }

  async deleteQueue(
    name: string,
    options: { readonly ifUnused?: boolean; readonly ifEmpty?: boolean } = {},
  ): Promise<number> {
    this.#check()
    const consumers = this.#host.consumers.of(name)
    const messages = await this.#store.size(name)
    if (options.ifUnused && consumers.length > 0) {
      throw new ChannelError(`Queue ${JSON.stringify(name)} was not deleted: it has consumers`)
    }
    if (options.ifEmpty && messages > 0) {
      throw new ChannelError(`Queue ${JSON.stringify(name)} was not deleted: ${messages} messages are in it`)
    }
    const gone = [...consumers]
    await Promise.all(gone.map((consumer) => consumer.cancel()))
    await this.#removeQueue(name)
    for (const { cancelled } of gone) {
      cancelled?.(new ChannelError(`Queue ${JSON.stringify(name)} was deleted while it was consumed`))
    }
    return messages
  }

  async purge(queue: string): Promise<number> {
    this.#check()
    return this.#store.purge(queue)
  }

  publish(message: OutgoingMessage, target: PublishTarget, ticket?: PublishTicket): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(this.#refusal())
    return this.#publisher.publish(message, target, ticket)
  }

  async get(queue: string, options: { readonly noAck?: boolean } = {}): Promise<Delivery | undefined> {
    this.#check()
    const [taken] = await this.#store.take([queue], { max: 1, signal: NEVER, wait: false })
    if (taken === undefined) return undefined
    if (this.#state !== 'open') {
      await this.#store.restore([taken], 'front')
      throw this.#refusal()
    }
    if (!options.noAck) return this.#held.add(taken.queue, taken.message, taken)
    const delivery = this.#held.addSettled(taken.queue, taken.message, taken)
    await this.#held.settleNow([delivery])
    return delivery
  }

  async consume(
    queue: string,
    deliver: (delivery: Delivery) => void,
    { noAck = false, exclusive = false, cancelled }: ConsumeOptions = {},
  ): Promise<ConsumerHandle> {
    this.#check()
    const consumer: Consumer = {
      queue,
      noAck,
      exclusive,
      deliver,
      cancelled,
      cancel: () => this.#cancel(consumer),
    }
    this.#host.consumers.add(consumer)
    this.#consumers.add(consumer)
    try {
      await this.#store.consuming?.(this.#host.consumers.queues)
      await this.#subscriptions.open(queue)
    } catch (error) {
      this.#forget(consumer)
      throw error
    }
    this.#loop.replan()
    return { cancel: consumer.cancel }
  }

  async prefetch(count: number): Promise<void> {
    this.#check()
    const less = count > 0 && (this.#prefetch === 0 || count < this.#prefetch)
    this.#prefetch = count
    // Room that a `take` in flight counts on must not have gone meanwhile; more room only has to be told.
    if (less) {
      this.#loop.replan()
      await this.#loop.settled()
    } else this.#freed()
  }

  limit(room: () => number): void {
    this.#room = room
    this.#freed()
  }

  ack(tags: readonly DeliveryTag[]): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(this.#refusal())
    return this.#held.settle(tags)
  }

  reject(tags: readonly DeliveryTag[], { requeue, untouched }: RejectOptions): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(this.#refusal())
    if (!requeue) return this.#held.discard(tags)
    return this.#held.requeue(tags, untouched ? 'front' : 'back')
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** The connection is lost, or the store has failed: nothing is given back any more. */
  fail(reason: Error): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#reason = reason
    for (const consumer of this.#everyConsumer()) this.#forget(consumer)
    void this.#loop.stop()
    this.#held.abandon()
    this.#closing ??= Promise.resolve()
    this.#closed.resolve(reason)
  }

  async #close(): Promise<void> {
    this.#state = 'closing'
    const consumers = this.#everyConsumer()
    for (const consumer of consumers) this.#forget(consumer)
    this.#broadcasts.length = 0
    try {
      await this.#loop.stop()
      await Promise.all(consumers.map(({ queue }) => this.#subscriptions.close(queue)))
      await this.#publisher.drain()
      await this.#held.drain()
      await this.#held.restoreAll()
      if (consumers.length > 0) await this.#store.consuming?.(this.#host.consumers.queues)
      for (const { queue } of consumers) await this.#leave(queue)
    } finally {
      this.#state = 'closed'
      this.#held.abandon()
      this.#host.left(this)
      this.#closed.resolve(undefined)
    }
  }

  /** What the take loop may take: never more than there is room for, except for those who acknowledge nothing. */
  #plan(): TakePlan {
    const queues = this.#consumers.queues.filter((queue) => !this.#subscriptions.feeds(queue))
    const room = Math.min(
      this.#prefetch === 0 ? MAX_TAKE : this.#prefetch - this.#held.size,
      this.#room?.() ?? MAX_TAKE,
    )
    if (room > 0) return { queues, max: Math.min(MAX_TAKE, room) }
    return {
      queues: queues.filter((queue) => this.#consumers.of(queue).every(({ noAck }) => noAck)),
      max: MAX_TAKE,
    }
  }

  async #deliver(batch: readonly Taken[]): Promise<void> {
    const strays: Taken[] = []
    const settled: VirtualDelivery[] = []
    let index = 0
    try {
      while (index < batch.length) {
        const taken = batch[index++]
        if (taken === undefined) continue
        const consumer = this.#consumers.next(taken.queue)
        if (consumer === undefined) strays.push(taken)
        else this.#handOver(consumer, taken.message, taken, settled)
      }
    } finally {
      strays.push(...batch.slice(index))
      if (settled.length > 0) this.#held.settleNow(settled).catch(this.#host.failed)
      if (strays.length > 0) await this.#store.restore(strays, 'front')
    }
  }

  #handOver(
    consumer: Consumer,
    message: StoredMessage,
    taken: Taken | undefined,
    settled: VirtualDelivery[],
  ): void {
    if (consumer.noAck) {
      const delivery = this.#held.addSettled(consumer.queue, message, taken)
      settled.push(delivery)
      consumer.deliver(delivery)
    } else consumer.deliver(this.#held.add(consumer.queue, message, taken))
  }

  /** Hands broadcasts over as far as there is room. */
  #deliverBroadcasts(): void {
    while (this.#broadcasts.length > 0) {
      const room = this.#prefetch === 0 || this.#held.size < this.#prefetch
      const index = room ? 0 : this.#broadcasts.findIndex(({ queue }) => this.#takesAll(queue))
      const [broadcast] = index < 0 ? [] : this.#broadcasts.splice(index, 1)
      if (broadcast === undefined) return
      const consumer = this.#consumers.next(broadcast.queue)
      if (consumer !== undefined) this.#handOver(consumer, broadcast.message, undefined, [])
    }
  }

  #takesAll(queue: string): boolean {
    return this.#consumers.of(queue).every(({ noAck }) => noAck)
  }

  #redeliver(deliveries: readonly VirtualDelivery[], requeued: boolean): void {
    const again = deliveries.map(
      ({ queue, body, properties, headers, exchange, routingKey, redelivered }) => ({
        queue,
        message: { body, properties, headers, exchange, routingKey, redelivered: requeued || redelivered },
      }),
    )
    setImmediate(() => {
      if (this.#state !== 'open') return
      this.#broadcasts.push(...again)
      this.#deliverBroadcasts()
    })
  }

  #freed(): void {
    if (this.#broadcasts.length > 0) this.#deliverBroadcasts()
    this.#loop.wake()
  }

  async #cancel(consumer: Consumer): Promise<void> {
    if (!this.#forget(consumer)) return
    // It gets nothing more; the others of the queue go on, and what is being taken may take for ever to come.
    if (this.#consumers.of(consumer.queue).length > 0) return
    this.#loop.replan()
    await this.#loop.settled()
    await this.#subscriptions.close(consumer.queue)
    await this.#store.consuming?.(this.#host.consumers.queues)
    await this.#leave(consumer.queue)
  }

  #forget(consumer: Consumer): boolean {
    this.#host.consumers.remove(consumer)
    return this.#consumers.remove(consumer)
  }

  /** AMQP's auto-delete: the queue goes with its last consumer. What broadcasts alone feed is nobody else's. */
  async #leave(queue: string): Promise<void> {
    if (!this.#host.autoDelete.has(queue) || this.#host.consumers.of(queue).length > 0) return
    this.#host.autoDelete.delete(queue)
    if (!this.#subscriptions.feeds(queue) && (await this.#store.consumedElsewhere?.(queue))) return
    await this.#removeQueue(queue)
  }

  async #removeQueue(queue: string): Promise<void> {
    await this.#exchanges.removeQueue(queue)
    await this.#store.remove(queue)
  }

  #everyConsumer(): readonly Consumer[] {
    return this.#consumers.queues.flatMap((queue) => this.#consumers.of(queue))
  }

  #postpone(postponed: readonly Postponed[]): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(this.#refusal())
    return this.#held.postpone(postponed)
  }

  #check(): void {
    if (this.#state !== 'open') throw this.#refusal()
  }

  #refusal(): Error {
    const { name } = this.#host
    if (this.#reason !== undefined) {
      return new ConnectionError(`The connection to ${name} was lost: ${this.#reason.message}`, {
        cause: this.#reason,
      })
    }
    return this.#host.isOpen()
      ? new ChannelError('The channel is closed: open another one on the connection')
      : new ConnectionError(`The connection to ${name} is closed: connect again`)
  }
}
