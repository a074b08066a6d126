/** Names of keys and channels: kombu's, and ours, which start with `celeriac:`. */
import type { MessageProperties } from '../../message.ts'
import type { RedisOptions } from './redis-options.ts'

/** The options that names depend on. */
export type RedisKeyOptions = Pick<
  RedisOptions,
  | 'globalKeyPrefix'
  | 'separator'
  | 'prioritySteps'
  | 'unackedKey'
  | 'unackedIndexKey'
  | 'unackedMutexKey'
  | 'fanoutPrefix'
  | 'fanoutPatterns'
>

const LOWEST_PRIORITY = 9

/** See the module's description. Every name carries the global prefix. */
export class RedisKeys {
  /** Hash: delivery tag → `[envelope, exchange, routing key]` of a message that was taken. */
  readonly unacked: string
  /** Sorted set: delivery tag → when it was taken or its lease renewed, in seconds. */
  readonly unackedIndex: string
  /** Held by who restores expired messages. */
  readonly unackedMutex: string
  /** Sorted set: exchange → when its table of bindings may be swept away, in milliseconds. */
  readonly bindingDeadlines: string
  /** Sorted set of Celeriac's consumers: id → last sign of life, in seconds. */
  readonly consumers: string
  readonly #options: RedisKeyOptions
  readonly #lists = new Map<string, readonly string[]>()

  constructor(options: RedisKeyOptions) {
    const { globalKeyPrefix: prefix } = options
    this.#options = options
    this.unacked = prefix + options.unackedKey
    this.unackedIndex = prefix + options.unackedIndexKey
    this.unackedMutex = prefix + options.unackedMutexKey
    this.bindingDeadlines = `${prefix}_kombu.binding_deadlines`
    this.consumers = `${prefix}celeriac:consumers`
  }

  /** The lists of a queue, one for each priority step, in the order in which they are served. */
  lists(queue: string): readonly string[] {
    let lists = this.#lists.get(queue)
    if (lists === undefined) {
      const { globalKeyPrefix, separator, prioritySteps } = this.#options
      lists = prioritySteps.map(
        (step) => `${globalKeyPrefix}${queue}${step === 0 ? '' : `${separator}${step}`}`,
      )
      // Queues come and go with reply queues; names are quickly made again.
      if (this.#lists.size >= 1000) this.#lists.clear()
      this.#lists.set(queue, lists)
    }
    return lists
  }

  /** The list for a priority: that of the highest step which is not above it. Lower numbers are served first. */
  list(queue: string, priority: unknown): string {
    const { prioritySteps } = this.#options
    const number = Math.trunc(Number(priority ?? 0)) || 0
    const wanted = Math.max(0, Math.min(LOWEST_PRIORITY, number))
    // With no step that low, kombu ends up at the last one (index -1).
    const index = prioritySteps.findLastIndex((step) => step <= wanted)
    return this.lists(queue).at(index) ?? queue
  }

  /** The list for a message. */
  listFor(queue: string, properties: MessageProperties): string {
    return this.list(queue, properties.priority)
  }

  /** Set of what is bound to an exchange; see `RedisBindings`. */
  binding(exchange: string): string {
    return `${this.#options.globalKeyPrefix}_kombu.binding.${exchange}`
  }

  /** Set of those members that belong to queues which do not expire. kombu has it since 5.7. */
  lastingBinding(exchange: string): string {
    return `${this.#options.globalKeyPrefix}_kombu.binding_permanent.${exchange}`
  }

  /** List of what came out of a queue and is no message, as it was. */
  dead(queue: string): string {
    return `${this.#options.globalKeyPrefix}celeriac:dead:${queue}`
  }

  /** Channel of a fanout exchange. */
  channel(exchange: string, routingKey: string): string {
    const { globalKeyPrefix, fanoutPrefix, fanoutPatterns } = this.#options
    const suffix = fanoutPatterns && routingKey !== '' ? `/${routingKey}` : ''
    return `${globalKeyPrefix}${fanoutPrefix}${exchange}${suffix}`
  }

  /** Pattern for the channels of a fanout exchange: `#` and `*` in the key stand for any text, all else for itself. */
  channelPattern(exchange: string, key: string): string {
    const { globalKeyPrefix, fanoutPrefix, fanoutPatterns } = this.#options
    const suffix =
      fanoutPatterns && key !== '' ? `/${key.replace(/[\\?[\]]/g, '\\$&').replaceAll('#', '*')}` : ''
    return `${globalKeyPrefix}${fanoutPrefix}${exchange}`.replace(/[\\*?[\]]/g, '\\$&') + suffix
  }
}
