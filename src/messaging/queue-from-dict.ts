/** Queues in the form of `task_queues = {'name': {'exchange': …, 'routing_key': …}}`. kombu: `Queue.from_dict`. */
import { ImproperlyConfigured } from '../errors.ts'
import { isRecord } from '../util/is-record.ts'
import { didYouMean } from '../util/text.ts'
import type { DeliveryMode, ExchangeOptions } from './entity.ts'
import { Exchange, Queue, QueueBinding } from './entity.ts'

const KEYS = [
  'exchange',
  'exchange_type',
  'exchange_durable',
  'exchange_auto_delete',
  'exchange_arguments',
  'routing_key',
  'binding_key',
  'binding_arguments',
  'bindings',
  'durable',
  'queue_durable',
  'auto_delete',
  'queue_auto_delete',
  'queue_arguments',
  'consumer_arguments',
  'exclusive',
  'no_ack',
  'no_declare',
  'alias',
  'delivery_mode',
  'expires',
  'message_ttl',
  'max_length',
  'max_length_bytes',
  'max_priority',
] as const

/**
 * Makes a queue of a dictionary. Keys may be in Celery's snake_case or in camelCase; null counts as not given. The key
 * of the binding is `binding_key`, else `routing_key`, else the name of the queue.
 *
 * @throws ImproperlyConfigured for unknown keys and values of the wrong type.
 */
export function queueFromDict(name: string, dict: Readonly<Record<string, unknown>>): Queue {
  const given = new GivenQueue(name, dict)
  return new Queue(name, {
    exchange: exchangeOf(given),
    routingKey: given.text('binding_key') ?? given.text('routing_key') ?? name,
    ...defined('bindings', bindingsOf(given)),
    ...defined('durable', given.flag('queue_durable') ?? given.flag('durable')),
    ...defined('autoDelete', given.flag('queue_auto_delete') ?? given.flag('auto_delete')),
    ...defined('exclusive', given.flag('exclusive')),
    ...defined('noAck', given.flag('no_ack')),
    ...defined('noDeclare', given.flag('no_declare')),
    ...defined('queueArguments', given.record('queue_arguments')),
    ...defined('bindingArguments', given.record('binding_arguments')),
    ...defined('consumerArguments', given.record('consumer_arguments')),
    alias: given.text('alias'),
    expires: given.number('expires'),
    messageTtl: given.number('message_ttl'),
    maxLength: given.number('max_length'),
    maxLengthBytes: given.number('max_length_bytes'),
    maxPriority: given.number('max_priority'),
  })
}

function exchangeOf(given: GivenQueue): Exchange {
  const exchange = given.value('exchange')
  if (exchange instanceof Exchange) return exchange
  const options: ExchangeOptions = {
    ...defined('type', given.text('exchange_type')),
    ...defined('durable', given.flag('exchange_durable') ?? given.flag('durable')),
    ...defined('autoDelete', given.flag('exchange_auto_delete') ?? given.flag('auto_delete')),
    ...defined('arguments', given.record('exchange_arguments')),
    ...defined('deliveryMode', given.deliveryMode()),
  }
  return new Exchange(given.text('exchange'), options)
}

function bindingsOf(given: GivenQueue): readonly QueueBinding[] | undefined {
  const bindings = given.value('bindings')
  if (bindings === undefined) return undefined
  if (Array.isArray(bindings) && bindings.every((binding) => binding instanceof QueueBinding)) return bindings
  throw given.wrong('bindings', 'a list of bindings')
}

function defined<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [Key in Name]?: Value } | undefined {
  if (value === undefined) return undefined
  const given: { [Key in Name]?: Value } = {}
  given[name] = value
  return given
}

type Key = (typeof KEYS)[number]

class GivenQueue {
  readonly #name: string
  readonly #values: ReadonlyMap<string, unknown>

  constructor(name: string, dict: Readonly<Record<string, unknown>>) {
    this.#name = name
    const entries = Object.entries(dict).map(([key, value]) => [snakeCase(key), value] as const)
    this.#values = new Map(entries)
    const known: ReadonlySet<string> = new Set(KEYS)
    for (const [key] of entries) {
      if (!known.has(key)) {
        throw new ImproperlyConfigured(
          `taskQueues: queue ${JSON.stringify(name)} has the unknown option "${key}"${didYouMean(key, KEYS)}`,
        )
      }
    }
  }

  value(key: Key): unknown {
    return this.#values.get(key) ?? undefined
  }

  text(key: Key): string | undefined {
    const value = this.value(key)
    if (value === undefined || typeof value === 'string') return value
    throw this.wrong(key, 'a text')
  }

  flag(key: Key): boolean | undefined {
    const value = this.value(key)
    if (value === undefined || typeof value === 'boolean') return value
    throw this.wrong(key, 'true or false')
  }

  number(key: Key): number | undefined {
    const value = this.value(key)
    if (value === undefined || typeof value === 'number') return value
    throw this.wrong(key, 'a number')
  }

  record(key: Key): Readonly<Record<string, unknown>> | undefined {
    const value = this.value(key)
    if (value === undefined || isRecord(value)) return value
    throw this.wrong(key, 'an object')
  }

  deliveryMode(): DeliveryMode | undefined {
    const value = this.value('delivery_mode')
    if (
      value === 1 ||
      value === 2 ||
      value === 'transient' ||
      value === 'persistent' ||
      value === undefined
    ) {
      return value
    }
    throw this.wrong('delivery_mode', '1 (transient) or 2 (persistent)')
  }

  wrong(key: Key, wanted: string): ImproperlyConfigured {
    return new ImproperlyConfigured(
      `taskQueues: ${key} of queue ${JSON.stringify(this.#name)} must be ${wanted}, not ${JSON.stringify(this.value(key))}`,
    )
  }
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
