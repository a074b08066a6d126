/**
 * A channel to RabbitMQ: an amqplib channel for everything but publishing, and a `Publisher` with another one.
 *
 * States: **open** → the broker answers an error (`closed` settles with it, publishes under way go on to their end), or
 * the connection goes (`closed` settles with its reason), or `close()` → **closed**.
 */
import type { Channel as ClientChannel, ConsumeMessage, Message } from 'amqplib'
import { ChannelError } from '../../../errors.ts'
import { Deferred } from '../../../util/deferred.ts'
import type { Delivery, DeliveryTag, OutgoingMessage, PublishTarget } from '../../message.ts'
import type {
  Binding,
  Channel,
  ConsumeOptions,
  ConsumerHandle,
  ExchangeBinding,
  ExchangeDeclaration,
  PublishTicket,
  QueueDeclaration,
  QueueStatus,
  RejectOptions,
} from '../../transport.ts'
import { channelFailure, replyCode } from './broker-error.ts'
import type { PrefetchScope } from './consumers.ts'
import { Consumers } from './consumers.ts'
import { toDelivery } from './delivery.ts'
import type { PublisherHost } from './publisher.ts'
import { Publisher } from './publisher.ts'
import { tableArguments } from './table-arguments.ts'
import { UnsettledTags } from './unsettled-tags.ts'

/** What a channel needs of its connection. */
export interface ChannelHost extends PublisherHost {
  readonly scope: PrefetchScope
  readonly blocked: boolean
  /** Queues declared on this connection that take no limits for a whole channel. */
  readonly consumerLimited: Set<string>
}

type Verdict = 'ack' | 'reject' | 'requeue'

/** Types of queues that know limits of consumers only. */
const CONSUMER_LIMITED: ReadonlySet<unknown> = new Set(['quorum', 'stream'])

/** AMQP's count is 16 bits wide; more is no limit. Celery: `PREFETCH_COUNT_MAX`. */
const LARGEST_PREFETCH = 65_535

const NO_CONTENT = Buffer.alloc(0)
const NO_PROPERTIES: Message['properties'] = {
  contentType: undefined,
  contentEncoding: undefined,
  headers: undefined,
  deliveryMode: undefined,
  priority: undefined,
  correlationId: undefined,
  replyTo: undefined,
  expiration: undefined,
  messageId: undefined,
  timestamp: undefined,
  type: undefined,
  userId: undefined,
  appId: undefined,
  clusterId: undefined,
}

/** See the module's description. */
export class AmqpChannel implements Channel {
  readonly closed: Promise<Error | undefined>
  readonly #host: ChannelHost
  readonly #client: ClientChannel
  readonly #publisher: Publisher
  readonly #consumers: Consumers
  readonly #tags = new UnsettledTags()
  readonly #ended = new Deferred<Error | undefined>()
  readonly #verdicts: Record<Verdict, number[]> = { ack: [], reject: [], requeue: [] }
  #told: Deferred | undefined
  /** What every call rejects with when the channel is gone. */
  #gone: Error | undefined
  #fault: unknown
  #closing: Promise<void> | undefined

  constructor(host: ChannelHost, client: ClientChannel) {
    this.#host = host
    this.#client = client
    this.#publisher = new Publisher(host, host.blocked)
    this.#consumers = new Consumers(client, host.scope)
    this.closed = this.#ended.promise
    client.on('error', (error) => {
      this.#fault = error
    })
    // Whether the whole connection is going down is known only when amqplib has finished with it.
    client.on('close', () => queueMicrotask(() => this.#onClosed()))
    // Deliveries for a consumer that the broker cancelled at the same time; amqplib would break the connection.
    client.on('handler-error', (error) => {
      if (!error.message.startsWith('Unknown consumer')) throw error
    })
  }

  async declareExchange(exchange: ExchangeDeclaration): Promise<void> {
    const { name, type, durable, autoDelete } = exchange
    const options = { durable, autoDelete, arguments: tableArguments(exchange.arguments) }
    await this.#call(`Declaring the exchange ${JSON.stringify(name)}`, () =>
      exchange.passive ? this.#client.checkExchange(name) : this.#client.assertExchange(name, type, options),
    )
  }

  async declareQueue(queue: QueueDeclaration): Promise<QueueStatus> {
    const { name, durable, exclusive, autoDelete } = queue
    const options = { durable, exclusive, autoDelete, arguments: tableArguments(queue.arguments) }
    const reply = await this.#call(`Declaring the queue ${JSON.stringify(name)}`, () =>
      queue.passive ? this.#client.checkQueue(name) : this.#client.assertQueue(name, options),
    )
    if (CONSUMER_LIMITED.has(queue.arguments['x-queue-type'])) this.#host.consumerLimited.add(reply.queue)
    return { name: reply.queue, messages: reply.messageCount, consumers: reply.consumerCount }
  }

  async bind({ queue, exchange, routingKey, arguments: given }: Binding): Promise<void> {
    await this.#call(`Binding the queue ${JSON.stringify(queue)} to ${JSON.stringify(exchange)}`, () =>
      this.#client.bindQueue(queue, exchange, routingKey, tableArguments(given)),
    )
  }

  async unbind({ queue, exchange, routingKey, arguments: given }: Binding): Promise<void> {
    await this.#call(`Unbinding the queue ${JSON.stringify(queue)} from ${JSON.stringify(exchange)}`, () =>
      this.#client.unbindQueue(queue, exchange, routingKey, tableArguments(given)),
    )
  }

  async bindExchange({ exchange, source, routingKey, arguments: given }: ExchangeBinding): Promise<void> {
    const what = `Binding the exchange ${JSON.stringify(exchange)} to ${JSON.stringify(source)}`
    await this.#call(what, () =>
      this.#client.bindExchange(exchange, source, routingKey, tableArguments(given)),
    )
  }

  async deleteExchange(name: string, options: { readonly ifUnused?: boolean } = {}): Promise<void> {
    await this.#call(`Deleting the exchange ${JSON.stringify(name)}`, () =>
      this.#client.deleteExchange(name, options),
    )
  }

  async deleteQueue(
    name: string,
    options: { readonly ifUnused?: boolean; readonly ifEmpty?: boolean } = {},
  ): Promise<number> {
    const { messageCount } = await this.#call(`Deleting the queue ${JSON.stringify(name)}`, () =>
      this.#client.deleteQueue(name, options),
    )
    this.#host.consumerLimited.delete(name)
    return messageCount
  }

  async purge(queue: string): Promise<number> {
    const { messageCount } = await this.#call(`Purging the queue ${JSON.stringify(queue)}`, () =>
      this.#client.purgeQueue(queue),
    )
    return messageCount
  }

  publish(message: OutgoingMessage, target: PublishTarget, ticket?: PublishTicket): Promise<void> {
    if (this.#gone !== undefined) return Promise.reject(this.#host.fault ?? this.#gone)
    return this.#publisher.publish(message, target, ticket)
  }

  async get(
    queue: string,
    { noAck = false }: { readonly noAck?: boolean } = {},
  ): Promise<Delivery | undefined> {
    const message = await this.#call(`Getting from the queue ${JSON.stringify(queue)}`, () =>
      this.#client.get(queue, { noAck }),
    )
    if (message === false) return undefined
    const delivery = toDelivery(message, queue)
    this.#tags.delivered(delivery.tag, noAck)
    return delivery
  }

  async consume(
    queue: string,
    deliver: (delivery: Delivery) => void,
    options: ConsumeOptions = {},
  ): Promise<ConsumerHandle> {
    const tags = this.#tags
    const noAck = options.noAck ?? false
    const onMessage = (message: ConsumeMessage): void => {
      tags.delivered(message.fields.deliveryTag, noAck)
      deliver(toDelivery(message, queue))
    }
    const what = `Consuming the queue ${JSON.stringify(queue)}`
    const global = !this.#host.consumerLimited.has(queue)
    const handle = await this.#call(what, () => this.#consumers.start(queue, onMessage, options, global))
    return {
      cancel: async () => {
        try {
          if (this.#gone === undefined) await this.#call(what, handle.cancel)
        } catch (error) {
          // A consumer whose channel goes is cancelled.
          if (this.#gone === undefined) throw error
        }
      },
    }
  }

  async prefetch(count: number): Promise<void> {
    const limit = count > LARGEST_PREFETCH ? 0 : count
    await this.#call(`Setting the prefetch count to ${count}`, () => this.#consumers.prefetch(limit))
  }

  ack(tags: readonly DeliveryTag[]): Promise<void> {
    return this.#settle('ack', tags)
  }

  reject(tags: readonly DeliveryTag[], { requeue }: RejectOptions): Promise<void> {
    return this.#settle(requeue ? 'requeue' : 'reject', tags)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** The broker blocks publishing on the connection, or no longer does. */
  setBlocked(blocked: boolean): void {
    this.#publisher.setBlocked(blocked)
  }

  /** The connection is gone; undefined: it was closed by us. */
  lost(reason: Error | undefined): void {
    this.#end(reason)
    this.#publisher.lost()
  }

  async #close(): Promise<void> {
    this.#tell()
    const open = this.#gone === undefined
    this.#gone ??= new ChannelError('The channel is closed')
    // When the connection goes meanwhile, amqplib leaves its promises pending.
    await Promise.race([this.#closeInOrder(open), this.closed])
    this.#end(undefined)
  }

  async #closeInOrder(open: boolean): Promise<void> {
    await this.#publisher.close()
    // A channel that cannot be closed any more is closed.
    if (open) await this.#client.close().catch(() => undefined)
  }

  /** Verdicts of one turn of the microtask queue leave together, in as few frames as can be. */
  #settle(verdict: Verdict, tags: readonly DeliveryTag[]): Promise<void> {
    if (this.#gone !== undefined) return Promise.reject(this.#host.fault ?? this.#gone)
    for (const tag of tags) {
      if (typeof tag === 'number') this.#verdicts[verdict].push(tag)
    }
    if (this.#told === undefined) {
      this.#told = new Deferred()
      queueMicrotask(() => this.#tell())
    }
    return this.#told.promise
  }

  #tell(): void {
    const told = this.#told
    if (told === undefined) return
    this.#told = undefined
    const { ack, reject, requeue } = this.#verdicts
    const client = this.#client
    try {
      for (const { tag, multiple } of this.#tags.settle(ack.splice(0))) client.ack(messageOf(tag), multiple)
      for (const { tag, multiple } of this.#tags.settle(reject.splice(0)))
        client.nack(messageOf(tag), multiple, false)
      for (const { tag, multiple } of this.#tags.settle(requeue.splice(0)))
        client.nack(messageOf(tag), multiple, true)
      told.resolve()
    } catch (error) {
      told.reject(this.#failure(error, 'Settling deliveries'))
    }
  }

  async #call<T>(what: string, run: () => Promise<T>): Promise<T> {
    if (this.#gone !== undefined) throw this.#host.fault ?? this.#gone
    try {
      return await run()
    } catch (error) {
      throw this.#failure(error, what)
    }
  }

  /** The error of a call: its own when the broker answered it so, else why the channel or the connection is gone. */
  #failure(error: unknown, what: string): Error {
    if (replyCode(error) !== undefined) return channelFailure(error, what)
    return this.#host.fault ?? this.#gone ?? channelFailure(this.#fault ?? error, what)
  }

  #onClosed(): void {
    if (this.#gone !== undefined) return
    const reason = this.#host.fault ?? channelFailure(this.#fault ?? 'it was closed', 'The channel')
    this.#end(reason)
    // What is under way may still be confirmed. It says itself when it fails.
    void this.#publisher.close().catch(() => undefined)
  }

  #end(reason: Error | undefined): void {
    this.#gone ??= reason ?? new ChannelError('The channel is closed')
    this.#ended.resolve(reason)
  }
}

/** amqplib settles messages, but looks at nothing of them but the tag. */
function messageOf(deliveryTag: number): Message {
  const fields = { deliveryTag, redelivered: false, exchange: '', routingKey: '' }
  return { content: NO_CONTENT, properties: NO_PROPERTIES, fields }
}
