/** Declarations of exchanges, queues and bindings: immutable, and declared on any channel. kombu: `kombu.entity`. */
import { ImproperlyConfigured } from '../errors.ts'
import type { Duration } from '../util/duration.ts'
import { toMilliseconds } from '../util/duration.ts'
import { checkEntity } from './entity-options.ts'
import type { Channel, QueueDeclaration, QueueStatus } from './transport.ts'

type Arguments = Readonly<Record<string, unknown>>

/** What can be declared once and remembered. */
export interface Declarable {
  /** Equal for equal declarations. */
  readonly key: string
  /** Whether it stays declared for the life of a connection. Celery: `can_cache_declaration`. */
  readonly canCacheDeclaration: boolean
  declare(channel: Channel): Promise<unknown>
}

/** 1 or `transient`: kept in memory. 2 or `persistent`: kept on disk. */
export type DeliveryMode = 1 | 2 | 'transient' | 'persistent'

/** Options of an `Exchange`. */
export interface ExchangeOptions {
  /** `direct` (the default), `topic`, `fanout`, `headers`, or the type of a plug-in. */
  readonly type?: string
  /** It survives a restart of the broker. Default true. */
  readonly durable?: boolean
  /** It goes when its last queue does. Default false. kombu: `auto_delete`. */
  readonly autoDelete?: boolean
  /** Mode of messages that are published to it. Default persistent. kombu: `delivery_mode`. */
  readonly deliveryMode?: DeliveryMode
  /** Arguments of the declaration, as AMQP wants them. */
  readonly arguments?: Arguments
  /** Declaring only checks that it exists. Default false. */
  readonly passive?: boolean
  /** Declaring does nothing. Default false. kombu: `no_declare`. */
  readonly noDeclare?: boolean
}

const EXCHANGES = {
  entity: 'Exchange',
  example: "new Exchange('media', { type: 'topic' })",
  known: Object.keys({
    type: true,
    durable: true,
    autoDelete: true,
    deliveryMode: true,
    arguments: true,
    passive: true,
    noDeclare: true,
  } satisfies Record<keyof ExchangeOptions, true>),
} as const

/** Where messages are published to. The one without a name is the broker's default exchange. kombu: `Exchange`. */
export class Exchange implements Declarable {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  /** Undefined: not given; publishers then take 2. */
  readonly deliveryMode: 1 | 2 | undefined
  readonly arguments: Arguments
  readonly passive: boolean
  readonly noDeclare: boolean

  /** @throws TypeError, ImproperlyConfigured when an option is none. */
  constructor(name = '', options: ExchangeOptions = {}) {
    checkEntity({ ...EXCHANGES, name, options })
    this.name = name
    this.type = options.type ?? 'direct'
    this.durable = options.durable ?? true
    this.autoDelete = options.autoDelete ?? false
    this.deliveryMode = numericMode(options.deliveryMode)
    this.arguments = options.arguments ?? {}
    this.passive = options.passive ?? false
    this.noDeclare = options.noDeclare ?? false
  }

  get canCacheDeclaration(): boolean {
    return !this.autoDelete
  }

  get key(): string {
    const { name, type, durable, autoDelete, passive } = this
    return JSON.stringify(
      ['exchange', name, type, durable, autoDelete, passive, this.arguments],
      bigintAsText,
    )
  }

  /** The default exchange and those of the broker itself (`amq.…`) are there already. */
  async declare(channel: Channel): Promise<void> {
    if (this.noDeclare || this.name === '' || this.name.startsWith('amq.')) return
    const { name, type, durable, autoDelete, passive } = this
    await channel.declareExchange({ name, type, durable, autoDelete, passive, arguments: this.arguments })
  }

  /** A binding of some queue to this exchange. kombu: `Exchange.binding`. */
  binding(routingKey = '', options: BindingOptions = {}): QueueBinding {
    return new QueueBinding(this, routingKey, options)
  }

  /** As banners and logs show it: `celery(direct)`. */
  toString(): string {
    return `${this.name}(${this.type})`
  }
}

/** Options of a `QueueBinding`. */
export interface BindingOptions {
  readonly arguments?: Arguments
  /** Arguments when it is taken back. Default: those of binding. kombu: `unbind_arguments`. */
  readonly unbindArguments?: Arguments
}

/** Binds a queue to an exchange. kombu: `binding`. */
export class QueueBinding {
  readonly exchange: Exchange
  readonly routingKey: string
  readonly arguments: Arguments
  readonly unbindArguments: Arguments

  constructor(exchange: Exchange, routingKey = '', options: BindingOptions = {}) {
    this.exchange = exchange
    this.routingKey = routingKey
    this.arguments = options.arguments ?? {}
    this.unbindArguments = options.unbindArguments ?? this.arguments
  }

  get key(): readonly unknown[] {
    return [this.exchange.key, this.routingKey, this.arguments]
  }

  /** Declares the exchange and binds the queue. Queues are bound to the default exchange as they are. */
  async declare(channel: Channel, queue: string): Promise<void> {
    await this.exchange.declare(channel)
    if (this.exchange.name === '') return
    const { name: exchange } = this.exchange
    await channel.bind({ queue, exchange, routingKey: this.routingKey, arguments: this.arguments })
  }

  /** Takes the binding back; the exchange stays. */
  async unbind(channel: Channel, queue: string): Promise<void> {
    if (this.exchange.name === '') return
    const { name: exchange } = this.exchange
    await channel.unbind({ queue, exchange, routingKey: this.routingKey, arguments: this.unbindArguments })
  }
}

/** Options of a `Queue`; times in seconds or as a text with a unit. */
export interface QueueOptions {
  /** The name stands in front of the options. Said here so that an `Exchange` in their place is no set of options. */
  readonly name?: never
  /** Default: the default exchange. A text is the name of a direct exchange. */
  readonly exchange?: Exchange | string | undefined
  /** Key of the binding to the exchange. Default ''. kombu: `routing_key`. */
  readonly routingKey?: string | undefined
  /** Bindings instead of the one of `exchange` and `routingKey`. */
  readonly bindings?: readonly QueueBinding[]
  /** It survives a restart of the broker. Default true. */
  readonly durable?: boolean
  /** Only the connection that declares it may use it; implies `autoDelete`. Default false. */
  readonly exclusive?: boolean
  /** It goes when its last consumer does. Default false. kombu: `auto_delete`. */
  readonly autoDelete?: boolean
  /** Deliveries need no acknowledgement. Default false. kombu: `no_ack`. */
  readonly noAck?: boolean
  /** Another name by which routes may refer to it. */
  readonly alias?: string | undefined
  /** `x-…` arguments as AMQP wants them. kombu: `queue_arguments`. */
  readonly queueArguments?: Arguments
  /** kombu: `binding_arguments`. */
  readonly bindingArguments?: Arguments
  /** E.g. `{ 'x-priority': 10 }`. kombu: `consumer_arguments`. */
  readonly consumerArguments?: Arguments
  /** Declaring does nothing. Default false. kombu: `no_declare`. */
  readonly noDeclare?: boolean
  /** The queue goes when nobody has used it for that long (`x-expires`). */
  readonly expires?: Duration | undefined
  /** Messages go when they have waited for that long (`x-message-ttl`). kombu: `message_ttl`. */
  readonly messageTtl?: Duration | undefined
  /** Most messages in it (`x-max-length`). kombu: `max_length`. */
  readonly maxLength?: number | undefined
  /** Most bytes in it (`x-max-length-bytes`). kombu: `max_length_bytes`. */
  readonly maxLengthBytes?: number | undefined
  /** Highest priority of its messages (`x-max-priority`); without it RabbitMQ ignores priorities. kombu: `max_priority`. */
  readonly maxPriority?: number | undefined
  /** Told what the broker says of the queue when it was declared. kombu: `on_declared`. */
  readonly onDeclared?: (status: QueueStatus) => void
}

const QUEUES = {
  entity: 'Queue',
  example: "new Queue('video', { exchange: new Exchange('media'), routingKey: 'media.video' })",
  known: Object.keys({
    exchange: true,
    routingKey: true,
    bindings: true,
    durable: true,
    exclusive: true,
    autoDelete: true,
    noAck: true,
    alias: true,
    queueArguments: true,
    bindingArguments: true,
    consumerArguments: true,
    noDeclare: true,
    expires: true,
    messageTtl: true,
    maxLength: true,
    maxLengthBytes: true,
    maxPriority: true,
    onDeclared: true,
  } satisfies Record<Exclude<keyof QueueOptions, 'name'>, true>),
} as const

/** A queue and how it gets its messages. kombu: `Queue`. */
export class Queue implements Declarable {
  readonly name: string
  /** Undefined: it has `bindings` instead. */
  readonly exchange: Exchange | undefined
  readonly routingKey: string
  readonly bindings: readonly QueueBinding[]
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly noAck: boolean
  readonly alias: string | undefined
  /** All `x-…` arguments, those of `expires`, `maxPriority` and so on included. */
  readonly queueArguments: Arguments
  readonly bindingArguments: Arguments
  readonly consumerArguments: Arguments
  readonly noDeclare: boolean
  readonly #options: QueueOptions
  #key: string | undefined

  /** @throws TypeError, ImproperlyConfigured when an option makes no sense. */
  constructor(name: string, options: QueueOptions = {}) {
    checkEntity({ ...QUEUES, name, options })
    const { exchange = '', bindings = [] } = options
    this.#options = options
    this.name = name
    this.exchange =
      bindings.length > 0 ? undefined : typeof exchange === 'string' ? new Exchange(exchange) : exchange
    this.routingKey = options.routingKey ?? ''
    this.bindings = bindings
    this.durable = options.durable ?? true
    this.exclusive = options.exclusive ?? false
    this.autoDelete = this.exclusive || (options.autoDelete ?? false)
    this.noAck = options.noAck ?? false
    this.alias = options.alias
    this.queueArguments = { ...options.queueArguments, ...argumentsOf(name, options) }
    this.bindingArguments = options.bindingArguments ?? {}
    this.consumerArguments = options.consumerArguments ?? {}
    this.noDeclare = options.noDeclare ?? false
  }

  /** A queue that may vanish by itself has to be declared each time. */
  get canCacheDeclaration(): boolean {
    return !this.autoDelete && !('x-expires' in this.queueArguments)
  }

  get key(): string {
    if (this.#key === undefined) {
      const { name, durable, exclusive, autoDelete, queueArguments, bindingArguments } = this
      const binding = [
        this.exchange?.key,
        this.routingKey,
        bindingArguments,
        this.bindings.map(({ key }) => key),
      ]
      const queue = ['queue', name, durable, exclusive, autoDelete, queueArguments, ...binding]
      this.#key = JSON.stringify(queue, bigintAsText)
    }
    return this.#key
  }

  /** The same queue with other options. */
  with(changes: QueueOptions): Queue {
    return new Queue(this.name, { ...this.#options, ...changes })
  }

  /** Declares exchange, queue and bindings, in this order. Undefined with `noDeclare`. */
  async declare(channel: Channel): Promise<QueueStatus | undefined> {
    if (this.noDeclare) return undefined
    const { exchange, routingKey, bindingArguments } = this
    await exchange?.declare(channel)
    const status = await channel.declareQueue(this.declaration)
    this.#options.onDeclared?.(status)
    if (exchange !== undefined && exchange.name !== '') {
      await channel.bind({
        queue: status.name,
        exchange: exchange.name,
        routingKey,
        arguments: bindingArguments,
      })
    }
    for (const binding of this.bindings) await binding.declare(channel, status.name)
    return status
  }

  /** The queue alone, as a channel declares it. */
  get declaration(): QueueDeclaration {
    const { name, durable, exclusive, autoDelete, queueArguments } = this
    return { name, durable, exclusive, autoDelete, arguments: queueArguments }
  }

  /** As logs show it: `hipri -> celery(direct) -> hipri`. */
  toString(): string {
    if (this.exchange !== undefined) return `${this.name} -> ${this.exchange} -> ${this.routingKey}`
    return `${this.name} -> ${this.bindings.map(({ exchange, routingKey }) => `${exchange}->${routingKey}`)}`
  }
}

/** 1 or 2; undefined stays undefined. kombu: `maybe_delivery_mode`. */
export function numericMode(mode: DeliveryMode | undefined): 1 | 2 | undefined {
  switch (mode) {
    case undefined:
    case 1:
    case 2:
      return mode
    case 'transient':
      return 1
    case 'persistent':
      return 2
    default:
      throw new ImproperlyConfigured(
        `deliveryMode must be 1 (transient) or 2 (persistent), not ${JSON.stringify(mode)}`,
      )
  }
}

function argumentsOf(name: string, options: QueueOptions): Record<string, number> {
  const { expires, messageTtl, maxLength, maxLengthBytes, maxPriority } = options
  const given: Record<string, number> = {}
  const time = (key: string, value: Duration | undefined, option: string): void => {
    if (value !== undefined) given[key] = Math.trunc(toMilliseconds(value, `${option} of queue ${name}`))
  }
  const count = (key: string, value: number | undefined): void => {
    if (value !== undefined) given[key] = Math.trunc(value)
  }
  time('x-expires', expires, 'expires')
  time('x-message-ttl', messageTtl, 'messageTtl')
  count('x-max-length', maxLength)
  count('x-max-length-bytes', maxLengthBytes)
  count('x-max-priority', maxPriority)
  return given
}

function bigintAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
