import type { Settings } from '../config/settings.ts'
import { ImproperlyConfigured, QueueNotFound } from '../errors.ts'
import { Exchange, Queue } from '../messaging/entity.ts'
import { queueFromDict } from '../messaging/queue-from-dict.ts'
import { isRecord } from '../util/is-record.ts'
import { didYouMean } from '../util/text.ts'

/** The settings that say which queues there are. */
export type QueueSettings = Pick<
  Settings,
  | 'taskQueues'
  | 'taskDefaultQueue'
  | 'taskDefaultQueueType'
  | 'taskDefaultExchange'
  | 'taskDefaultExchangeType'
  | 'taskDefaultRoutingKey'
  | 'taskCreateMissingQueues'
  | 'taskCreateMissingQueueType'
  | 'taskCreateMissingQueueExchangeType'
  | 'taskQueueMaxPriority'
>

/**
 * The queues of an app by name: those of the setting `taskQueues` (or the default queue alone), and those that were
 * named without being there. Celery: `app.amqp.queues`.
 */
export class Queues {
  readonly #settings: QueueSettings
  readonly #queues = new Map<string, Queue>()
  readonly #aliases = new Map<string, Queue>()
  /** The ones to consume from; undefined: all. */
  #selected: Map<string, Queue> | undefined
  /** Exchange of queues that name none. */
  readonly defaultExchange: Exchange

  /** @throws ImproperlyConfigured when `taskQueues` is no list of queues and no dict of options. */
  constructor(settings: QueueSettings) {
    this.#settings = settings
    this.defaultExchange = new Exchange(settings.taskDefaultExchange, {
      type: settings.taskDefaultExchangeType,
    })
    const configured = readTaskQueues(settings.taskQueues)
    for (const queue of configured) this.add(queue)
    if (configured.length === 0) this.add(this.#defaultQueue())
  }

  /** A queue by name or alias. @throws QueueNotFound when there is none and missing ones are not made. */
  get(name: string): Queue {
    return this.#aliases.get(name) ?? this.#queues.get(name) ?? this.#addMissing(name)
  }

  has(name: string): boolean {
    return this.#queues.has(name) || this.#aliases.has(name)
  }

  /** All that are known. */
  [Symbol.iterator](): IterableIterator<Queue> {
    return this.#queues.values()
  }

  /** Key of queues that name none. */
  get defaultRoutingKey(): string {
    return this.#settings.taskDefaultRoutingKey
  }

  /** The queue of tasks that go nowhere else. */
  get default(): Queue {
    return this.get(this.#settings.taskDefaultQueue)
  }

  /** Makes a queue known. What it leaves open (exchange, key, highest priority) comes from the settings. */
  add(queue: Queue | string, options: Readonly<Record<string, unknown>> = {}): Queue {
    const known = this.#complete(typeof queue === 'string' ? queueFromDict(queue, options) : queue)
    this.#queues.set(known.name, known)
    if (known.alias !== undefined) this.#aliases.set(known.alias, known)
    return known
  }

  /** Makes a queue known that is consumed from even if others were selected. Celery: `select_add`. */
  selectAdd(queue: Queue | string, options: Readonly<Record<string, unknown>> = {}): Queue {
    const known = this.add(queue, options)
    this.#selected?.set(known.name, known)
    return known
  }

  /** Consume from these only; missing ones are made. An empty list changes nothing. Celery: `select`, `-Q`. */
  select(names: readonly string[]): void {
    if (names.length === 0) return
    this.#selected = new Map(names.map((name) => [name, this.get(name)]))
  }

  /** Do not consume from these. Celery: `deselect`, `-X`. */
  deselect(names: readonly string[]): void {
    if (names.length === 0) return
    this.#selected ??= new Map(this.#queues)
    for (const name of names) this.#selected.delete(name)
  }

  /** The queues to consume from. Celery: `consume_from`. */
  get consumeFrom(): readonly Queue[] {
    return [...(this.#selected ?? this.#queues).values()]
  }

  #complete(queue: Queue): Queue {
    const { taskDefaultRoutingKey, taskQueueMaxPriority } = this.#settings
    const unbound = queue.bindings.length === 0 && (queue.exchange?.name ?? '') === ''
    const keyless = queue.bindings.length === 0 && queue.routingKey === ''
    const priority =
      taskQueueMaxPriority !== null && !('x-max-priority' in queue.queueArguments)
        ? { 'x-max-priority': taskQueueMaxPriority }
        : undefined
    if (!unbound && !keyless && priority === undefined) return queue
    return queue.with({
      ...(unbound ? { exchange: this.defaultExchange } : {}),
      ...(keyless ? { routingKey: taskDefaultRoutingKey } : {}),
      ...(priority === undefined ? {} : { queueArguments: { ...queue.queueArguments, ...priority } }),
    })
  }

  #defaultQueue(): Queue {
    const { taskDefaultQueue, taskDefaultQueueType, taskDefaultRoutingKey } = this.#settings
    return new Queue(taskDefaultQueue, {
      exchange: this.defaultExchange,
      routingKey: taskDefaultRoutingKey,
      queueArguments: typeArguments(taskDefaultQueueType, 'taskDefaultQueueType'),
    })
  }

  #addMissing(name: string): Queue {
    const { taskCreateMissingQueues, taskCreateMissingQueueType, taskCreateMissingQueueExchangeType } =
      this.#settings
    if (!taskCreateMissingQueues) {
      throw new QueueNotFound(
        `Queue '${name}' is not in taskQueues${didYouMean(name, this.#queues.keys())}: add it, ` +
          'or set taskCreateMissingQueues to true',
      )
    }
    const exchange = new Exchange(name, { type: taskCreateMissingQueueExchangeType ?? 'direct' })
    const queueArguments = typeArguments(taskCreateMissingQueueType, 'taskCreateMissingQueueType')
    return this.add(new Queue(name, { exchange, routingKey: name, queueArguments }))
  }
}

function typeArguments(type: string, setting: string): Readonly<Record<string, unknown>> {
  switch (type) {
    case 'classic':
      return {}
    case 'quorum':
      return { 'x-queue-type': 'quorum' }
    default:
      throw new ImproperlyConfigured(`${setting} must be 'classic' or 'quorum', not '${type}'`)
  }
}

function readTaskQueues(value: QueueSettings['taskQueues']): readonly Queue[] {
  if (value === null) return []
  if (!Array.isArray(value)) {
    return Object.entries(value).map(([name, options]) => {
      if (options instanceof Queue) return options
      if (isRecord(options)) return queueFromDict(name, options)
      throw new ImproperlyConfigured(`taskQueues: queue '${name}' must be a Queue or an object of options`)
    })
  }
  return value.map((queue: unknown) => {
    if (queue instanceof Queue) return queue
    throw new ImproperlyConfigured(
      'taskQueues: a list must hold queues (new Queue(name, options)); write { name: options } for plain options',
    )
  })
}
