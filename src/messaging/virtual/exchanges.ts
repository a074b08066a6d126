/** Exchanges of virtual brokers: which queues get a message. kombu: `virtual/exchange.py` and `BrokerState`. */
import { ChannelError } from '../../errors.ts'
import type { Binding, ExchangeDeclaration } from '../transport.ts'
import type { BindingTable, StoredBinding } from './queue-store.ts'
import { matchesTopic, topicPattern } from './topic-pattern.ts'

/** A fanout exchange to which a queue is bound. */
export interface FanoutSource {
  readonly exchange: string
  readonly routingKey: string
}

/** Exchanges that AMQP brokers have from the start. */
const PREDECLARED = /^amq\.(direct|topic|fanout)$/

/**
 * The exchanges that were declared on one connection, and the way to the queues bound to them.
 *
 * What is declared is known to its connection alone; bindings are shared with everybody through the store. An exchange
 * that was not declared here counts as direct or topic, whichever its bindings look like.
 */
export class Exchanges {
  readonly #bindings: BindingTable
  readonly #types: ReadonlySet<string>
  readonly #declared = new Map<string, ExchangeDeclaration>()
  readonly #fanoutSources = new Map<string, FanoutSource[]>()

  constructor(bindings: BindingTable, types: ReadonlySet<string>) {
    this.#bindings = bindings
    this.#types = types
  }

  /** @throws ChannelError for a type that virtual brokers do not have, or when it was declared otherwise before. */
  declare(exchange: ExchangeDeclaration): void {
    if (exchange.name === '') return
    if (!this.#types.has(exchange.type)) {
      throw new ChannelError(
        `Exchange ${JSON.stringify(exchange.name)} cannot be of type ${JSON.stringify(exchange.type)}: ` +
          `this broker has ${[...this.#types].join(', ')} exchanges`,
        { recoverable: false },
      )
    }
    const previous = this.#declared.get(exchange.name)
    if (previous !== undefined && !equivalent(previous, exchange)) {
      throw new ChannelError(
        `Exchange ${JSON.stringify(exchange.name)} was declared before with another type or other arguments ` +
          `(${describe(previous)}, now ${describe(exchange)}): declare it the same way everywhere`,
        { recoverable: false },
      )
    }
    this.#declared.set(exchange.name, exchange)
  }

  /** Forgets the exchange and all its bindings. */
  async remove(name: string): Promise<void> {
    this.#declared.delete(name)
    const bindings = await this.#bindings.list(name)
    await Promise.all(bindings.map((binding) => this.#bindings.remove(name, binding)))
    for (const [queue, sources] of this.#fanoutSources) {
      this.#fanoutSources.set(
        queue,
        sources.filter((source) => source.exchange !== name),
      )
    }
  }

  /** @throws ChannelError when the exchange is the default one, or was not declared on this connection. */
  async bind(binding: Binding): Promise<void> {
    const { exchange, queue, routingKey } = binding
    await this.#bindings.add(exchange, this.#stored(binding))
    if (!this.isFanout(exchange)) return
    const sources = this.fanoutSources(queue)
    if (sources.some((source) => source.exchange === exchange && source.routingKey === routingKey)) return
    this.#fanoutSources.set(queue, [...sources, { exchange, routingKey }])
  }

  /** Undoes `bind`; unbinding what is not bound is no error. */
  async unbind(binding: Binding): Promise<void> {
    const { exchange, queue, routingKey } = binding
    await this.#bindings.remove(exchange, this.#stored(binding))
    this.#fanoutSources.set(
      queue,
      this.fanoutSources(queue).filter(
        (source) => source.exchange !== exchange || source.routingKey !== routingKey,
      ),
    )
  }

  /** The bindings of an exchange. */
  async list(exchange: string): Promise<readonly Omit<Binding, 'arguments'>[]> {
    const bindings = await this.#bindings.list(exchange)
    return bindings.map(({ queue, routingKey }) => ({ queue, exchange, routingKey }))
  }

  /** Forgets all bindings of a queue. */
  async removeQueue(queue: string): Promise<void> {
    this.#fanoutSources.delete(queue)
    await this.#bindings.removeQueue(queue)
  }

  /** Whether the exchange was declared here as a fanout exchange. */
  isFanout(name: string): boolean {
    return this.#typeOf(name) === 'fanout'
  }

  /** The fanout exchanges to which the queue was bound on this connection. */
  fanoutSources(queue: string): readonly FanoutSource[] {
    return this.#fanoutSources.get(queue) ?? []
  }

  /** The queues that get a message, each once. The default exchange leads to the queue named like the key. */
  async route(exchange: string, routingKey: string): Promise<readonly string[]> {
    if (exchange === '') return routingKey === '' ? [] : [routingKey]
    const type = this.#typeOf(exchange)
    const queues = new Set<string>()
    for (const binding of await this.#bindings.list(exchange)) {
      if (!queues.has(binding.queue) && fits(type, binding, routingKey)) queues.add(binding.queue)
    }
    return [...queues]
  }

  #typeOf(name: string): string | undefined {
    return this.#declared.get(name)?.type ?? PREDECLARED.exec(name)?.[1]
  }

  #stored({ exchange, queue, routingKey }: Binding): StoredBinding {
    const type = this.#typeOf(exchange)
    if (type === undefined) {
      throw new ChannelError(
        exchange === ''
          ? `Queue ${JSON.stringify(queue)} cannot be bound to the default exchange: every queue is, by its name`
          : `There is no exchange ${JSON.stringify(exchange)} to bind queue ${JSON.stringify(queue)} to: ` +
              'declare it on this connection first',
        { recoverable: false },
      )
    }
    return { queue, routingKey, pattern: type === 'topic' ? topicPattern(routingKey) : '' }
  }
}

function fits(type: string | undefined, binding: StoredBinding, routingKey: string): boolean {
  if (type === 'fanout') return true
  if (type === 'topic' || (type === undefined && binding.pattern !== '')) {
    return matchesTopic(binding.routingKey, routingKey)
  }
  return binding.routingKey === routingKey
}

function equivalent(one: ExchangeDeclaration, other: ExchangeDeclaration): boolean {
  return (
    one.type === other.type &&
    one.durable === other.durable &&
    one.autoDelete === other.autoDelete &&
    JSON.stringify(one.arguments) === JSON.stringify(other.arguments)
  )
}

function describe({ type, durable, autoDelete, arguments: args }: ExchangeDeclaration): string {
  const flags = `${durable ? 'durable ' : ''}${autoDelete ? 'auto-delete ' : ''}`
  const rest = Object.keys(args).length > 0 ? ` with ${JSON.stringify(args)}` : ''
  return `${flags}${type}${rest}`
}
