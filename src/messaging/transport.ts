/**
 * The port for brokers that speak AMQP's ideas (exchanges, queues, bindings, acknowledgements).
 *
 * RabbitMQ implements it directly. For everything else `messaging/virtual` makes a broker out of a `QueueStore`,
 * which is the smaller port to implement. Transports stay naive: they do not reconnect, retry or log, they only report
 * that they are `closed`. `messaging/connection.ts` (publishing) and the worker's consumer do the rest.
 *
 * Errors are `ConnectionError`, `ChannelError` or `PublishError` of `errors.ts`; a client library's error is their `cause`.
 */
import type { Delivery, DeliveryTag, OutgoingMessage, PublishTarget } from './message.ts'

/** What a broker can do beyond the basics; steers callers and the conformance suite. */
export interface TransportFeatures {
  /** Exchange types that work. */
  readonly exchangeTypes: ReadonlySet<string>
  /** Number of priorities that are told apart; 0 = ignored. `lowFirst`: a lower number is served first (Redis). */
  readonly priorities: { readonly levels: number; readonly lowFirst: boolean }
  /** Messages survive a restart of the broker. */
  readonly persistent: boolean
  /** The broker itself redelivers what a dead consumer held at once (AMQP), and not after a timeout. */
  readonly redeliversOnDisconnect: boolean
  /** `mandatory` publishing reports unroutable messages. */
  readonly mandatory: boolean
  /** Several processes can share the broker. */
  readonly shared: boolean
  /** Per-message `expiration` is honoured by the broker. */
  readonly messageTtl: boolean
}

/** How to reach a broker, resolved: no setting and no environment is read below this. */
export interface TransportOptions {
  /** The URL as the user gave it (one alternative of a list). */
  readonly url: string
  /** `brokerTransportOptions`, keys in Celery's snake_case; durations in seconds, as in Celery. */
  readonly transportOptions: Readonly<Record<string, unknown>>
  /** Milliseconds to connect; undefined = the client's own. */
  readonly connectTimeout: number | undefined
  /** Seconds between AMQP heartbeats; 0 = none. Other transports ignore it. */
  readonly heartbeat: number
  /** `broker_use_ssl`: true, or Celery's dictionary (keyfile, certfile, ca_certs, cert_reqs / ssl_*). */
  readonly ssl: boolean | Readonly<Record<string, unknown>>
  /** `broker_login_method`: SASL mechanism of AMQP; undefined = `PLAIN`. Other transports ignore it. */
  readonly loginMethod?: string | undefined
  /** Shown to the broker as the name of this connection, for people who look at it. */
  readonly clientName: string
  /** Told what somebody should know although it works: a fallback, a message put aside. Default: nobody is told. */
  readonly warn?: ((message: string) => void) | undefined
  /** Told why when the broker accepts no more messages for a while, and undefined when it does again. Must not throw. */
  readonly blocked?: (reason: string | undefined) => void
}

/** A kind of broker. Celery/kombu: a Transport class. */
export interface Transport {
  /** e.g. `redis`. */
  readonly name: string
  readonly features: TransportFeatures
  /** Rejects with `ConnectionError`. */
  connect(options: TransportOptions): Promise<TransportConnection>
}

/** One connection to a broker. */
export interface TransportConnection {
  readonly features: TransportFeatures
  openChannel(): Promise<Channel>
  /** Settles once, when the connection is gone: undefined after `close()`, else the reason. Never rejects. */
  readonly closed: Promise<Error | undefined>
  /** Gives unsettled deliveries back to the broker, then closes. Idempotent. */
  close(): Promise<void>
}

/** Exchange to declare. AMQP defaults: durable, not auto-deleted. */
export interface ExchangeDeclaration {
  readonly name: string
  /** `direct`, `topic`, `fanout`, `headers` or a plug-in's. */
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  /** Only check that it exists. Default false; transports that cannot tell declare it. */
  readonly passive?: boolean
  readonly arguments: Readonly<Record<string, unknown>>
}

/** Queue to declare. */
export interface QueueDeclaration {
  readonly name: string
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  /** Only check that it exists. Default false. */
  readonly passive?: boolean
  /** `x-…` arguments as AMQP wants them. */
  readonly arguments: Readonly<Record<string, unknown>>
}

/** Binds a queue to an exchange. */
export interface Binding {
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** Binds an exchange to another one, the source, from which it gets messages. */
export interface ExchangeBinding {
  readonly exchange: string
  readonly source: string
  readonly routingKey: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** What the broker says of a queue. */
export interface QueueStatus {
  readonly name: string
  readonly messages: number
  readonly consumers: number
}

/** Options of `Channel.consume`. */
export interface ConsumeOptions {
  /** Deliveries count as settled when they are delivered. Default false. */
  readonly noAck?: boolean
  /** Refuse other consumers. Default false. */
  readonly exclusive?: boolean
  readonly arguments?: Readonly<Record<string, unknown>>
  /** Told when the broker cancels the consumer (e.g. the queue was deleted). */
  readonly cancelled?: (reason: Error) => void
}

/** A running consumer. */
export interface ConsumerHandle {
  /** No delivery comes after this settles; what was delivered stays to be settled. Idempotent. */
  cancel(): Promise<void>
}

/** Options of `Channel.reject`. */
export interface RejectOptions {
  readonly requeue: boolean
  /**
   * What is requeued was not begun with: it is served next, at once, and in the order of its delivery. Default false.
   * Brokers that put everything back where it was do so anyhow.
   */
  readonly untouched?: boolean
}

/** A delivery that is not wanted yet. */
export interface Postponed {
  readonly tag: DeliveryTag
  /** When it is, in milliseconds since 1970. */
  readonly until: number
}

/** A publish that its caller may give up while the broker accepts nothing. */
export interface PublishTicket {
  /**
   * Read before the message is handed to the broker: true = it is no longer wanted, and is dropped (the promise
   * rejects). After that it has no effect.
   */
  readonly withdrawn: boolean
}

/**
 * One channel. Calls may overlap; publishes and acknowledgements of one turn of the event loop are sent together.
 * After an error that the broker answers by closing the channel every call rejects with `ChannelError`.
 */
export interface Channel {
  declareExchange(exchange: ExchangeDeclaration): Promise<void>
  declareQueue(queue: QueueDeclaration): Promise<QueueStatus>
  bind(binding: Binding): Promise<void>
  unbind(binding: Binding): Promise<void>
  /** The bindings of queues to an exchange, for brokers that tell their clients. */
  bindings?(exchange: string): Promise<readonly Omit<Binding, 'arguments'>[]>
  /** For brokers whose exchanges can get messages from others (RabbitMQ). */
  bindExchange?(binding: ExchangeBinding): Promise<void>
  /** With `ifUnused` only if no queue is bound to it; brokers that cannot tell delete it. */
  deleteExchange(name: string, options?: { readonly ifUnused?: boolean }): Promise<void>
  /** Settles with the number of messages that were in it. Deleting what isn't there is no error. */
  deleteQueue(
    name: string,
    options?: { readonly ifUnused?: boolean; readonly ifEmpty?: boolean },
  ): Promise<number>
  /** Settles with the number of messages removed. */
  purge(queue: string): Promise<number>
  /**
   * Settles when the broker has the message (confirmed, or stored). Rejects with `PublishError` when it refused it.
   * Transports that can have to wait before they send (a full socket, a blocked broker) look at the ticket then.
   */
  publish(message: OutgoingMessage, target: PublishTarget, ticket?: PublishTicket): Promise<void>
  /** Takes one message without consuming; undefined when the queue is empty. */
  get(queue: string, options?: { readonly noAck?: boolean }): Promise<Delivery | undefined>
  /** `deliver` is called once per message, synchronously; it must not throw. */
  consume(
    queue: string,
    deliver: (delivery: Delivery) => void,
    options?: ConsumeOptions,
  ): Promise<ConsumerHandle>
  /** At most `count` unsettled deliveries on this channel; 0 = no limit. May be changed while consuming. */
  prefetch(count: number): Promise<void>
  /**
   * No more deliveries than `room` says at the moment, besides those that `prefetch` keeps away; asked before messages are
   * taken, and called anew when there is more room. Only where messages are taken and not sent.
   */
  limit?(room: () => number): void
  /** Settled deliveries are gone from the broker. Settles when the broker was told. */
  ack(tags: readonly DeliveryTag[]): Promise<void>
  /** With `requeue` the messages go back to their queue; without, they are dropped (or dead-lettered by the broker). */
  reject(tags: readonly DeliveryTag[], options: RejectOptions): Promise<void>
  /**
   * Gives deliveries back, to be delivered again about when they are due, to whomever; until then they wait in the
   * broker and count for nobody. For brokers that can.
   */
  readonly postpone?: ((postponed: readonly Postponed[]) => Promise<void>) | undefined
  /** Settles once, when the channel is gone: undefined after `close()`, else the reason. Never rejects. */
  readonly closed: Promise<Error | undefined>
  /** Gives unsettled deliveries back to the broker, then closes. Idempotent. */
  close(): Promise<void>
}
