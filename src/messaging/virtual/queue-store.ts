/**
 * The port for stores out of which `virtualTransport` makes a broker: six verbs, all of which take many messages at a
 * time, because batches are where the speed comes from. kombu: what a `virtual.Channel` subclass has to implement.
 *
 * Errors are `ConnectionError`, `ChannelError` or `PublishError` of `errors.ts`. A rejected `take` (or failed renewal)
 * ends the connection; a rejected `settle` or `restore` leaves the messages held, so that it can be tried again.
 *
 * At-least-once: what `take` hands out stays recorded in the store as held by us until `settle` or `restore`; when we
 * die, somebody else's `take` finds it again (by lease or visibility timeout).
 */
import type { MessageHeaders, MessageProperties } from '../message.ts'

/** A message as a store keeps it. */
export interface StoredMessage {
  readonly body: Uint8Array
  readonly properties: MessageProperties
  readonly headers: MessageHeaders
  /** Exchange and routing key it was published with. */
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  /** See `Delivery.deliveryCount`. */
  readonly deliveryCount?: number | undefined
}

/** A message that was taken and is held by us. `handle` is the store's own and comes back in `settle`/`restore`/`renew`. */
export interface Taken {
  readonly queue: string
  readonly message: StoredMessage
  readonly handle: unknown
}

/** A message that is held and not wanted yet. */
export interface PostponedMessage {
  readonly taken: Taken
  /** When it is, in milliseconds since 1970. */
  readonly until: number
}

/** What a store can do. */
export interface QueueStoreFeatures {
  /** Levels of priority; 0 = ignored. */
  readonly priorities: { readonly levels: number; readonly lowFirst: boolean }
  readonly persistent: boolean
  readonly shared: boolean
  readonly messageTtl: boolean
}

/** Where bindings of exchanges to queues are kept. A store without one gets bindings that live in this process. */
export interface BindingTable {
  add(exchange: string, binding: StoredBinding): Promise<void>
  remove(exchange: string, binding: StoredBinding): Promise<void>
  list(exchange: string): Promise<readonly StoredBinding[]>
  /** Forgets all bindings of the queue. */
  removeQueue(queue: string): Promise<void>
}

/** One binding; `pattern` is kombu's regular expression for topic keys ('' otherwise). */
export interface StoredBinding {
  readonly queue: string
  readonly routingKey: string
  readonly pattern: string
}

/** Broadcasting through fanout exchanges: everybody who listens at that moment gets a copy. */
export interface Fanout {
  publish(exchange: string, routingKey: string, message: StoredMessage): Promise<void>
  /** Settles when the subscription is active. */
  subscribe(
    exchange: string,
    routingKey: string,
    deliver: (message: StoredMessage) => void,
  ): Promise<{ cancel(): Promise<void> }>
}

/** Options of `QueueStore.declare`. */
export interface QueueStoreDeclaration {
  readonly durable: boolean
  readonly autoDelete: boolean
  /** AMQP's `x-…` arguments; a store honours those it can (`x-expires`, `x-message-ttl`, `x-max-length` …). */
  readonly arguments: Readonly<Record<string, unknown>>
}

/** A store of queues. */
export interface QueueStore {
  readonly features: QueueStoreFeatures
  /** Makes the queue known (or refreshes what is known). Stores without a notion of empty queues do nothing. */
  declare(queue: string, declaration: QueueStoreDeclaration): Promise<void>
  /**
   * Called with each message when it is published, before it waits for its batch. It throws `PublishError` for one that
   * cannot be stored, so that the others of the batch are not refused with it; what it returns is given to `put`.
   */
  prepare?(message: StoredMessage): StoredMessage
  /** Settles when all messages are stored; all or none of one call. */
  put(queue: string, messages: readonly StoredMessage[]): Promise<void>
  /**
   * Waits until at least one message is there, then takes up to `max`, in order of priority, fair between queues.
   * Settles with [] when `signal` aborts; never loses what it took. `wait: false`: looks once and does not wait.
   */
  take(
    queues: readonly string[],
    options: { readonly max: number; readonly signal: AbortSignal; readonly wait: boolean },
  ): Promise<readonly Taken[]>
  /** They are done: forget them. */
  settle(taken: readonly Taken[]): Promise<void>
  /**
   * They were rejected for good. For stores with a place for those, or rules of their own; others `settle` them.
   */
  discard?(taken: readonly Taken[]): Promise<void>
  /**
   * They are not done: back into their queues, marked as redelivered; `front` = served next, in the order given (which
   * is the order in which they were taken).
   */
  restore(taken: readonly Taken[], position: 'front' | 'back'): Promise<void>
  /**
   * They are not wanted yet: back into their queues when they are due, not marked as redelivered. Until then nobody
   * holds them, and the death of whoever postponed them changes nothing.
   */
  readonly postpone?: ((postponed: readonly PostponedMessage[]) => Promise<void>) | undefined
  /** Extends our hold; called for all held messages well before `leaseMs` passes. */
  readonly lease?: { readonly everyMs: number; renew(taken: readonly Taken[]): Promise<void> }
  /**
   * Told which queues are consumed on this connection, whenever that changes; even while there is no room to `take`
   * anything. For stores that delete unused queues (`x-expires`).
   */
  consuming?(queues: readonly string[]): Promise<void>
  /**
   * Whether others consume the queue, or may do: then it does not go with its last consumer on this connection, though it
   * is to be deleted automatically. A store that leaves it out has nobody else.
   */
  consumedElsewhere?(queue: string): Promise<boolean>
  /** Whether the queue is there, for passive declaration. Stores that cannot tell leave it out. */
  exists?(queue: string): Promise<boolean>
  /** Messages waiting in the queue (held ones not counted). */
  size(queue: string): Promise<number>
  /** Removes waiting messages; settles with their number. */
  purge(queue: string): Promise<number>
  /** Removes the queue and what waits in it. */
  remove(queue: string): Promise<void>
  readonly bindings?: BindingTable
  readonly fanout?: Fanout
  /** Settles once, when the store became unusable (with the reason) or was closed (undefined). Never rejects. */
  readonly closed: Promise<Error | undefined>
  close(): Promise<void>
}
