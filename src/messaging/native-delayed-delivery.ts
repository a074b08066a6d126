/**
 * Messages that wait in RabbitMQ itself until they are due. kombu: `kombu.transport.native_delayed_delivery`.
 *
 * There are 28 levels. A message starts at the highest one with the seconds of its delay, as 28 binary digits, in front
 * of its routing key. At level n the digit for 2ⁿ decides: 1 → it waits 2ⁿ seconds in the queue of the level, whose
 * dead-letter exchange is the next level; 0 → it goes to the next level at once. Behind the last level there is an
 * exchange to which the exchanges of task queues are bound with `#.<routing key>`, so the digits do not matter any more.
 */
import { ImproperlyConfigured } from '../errors.ts'
import type { Declarable, Queue } from './entity.ts'
import { Exchange, QueueBinding } from './entity.ts'
import type { Channel } from './transport.ts'

const LEVELS = 28
const DELIVERY_EXCHANGE = 'celery_delayed_delivery'
const QUEUE_TYPES: readonly string[] = ['classic', 'quorum']

/** Where delayed messages are published to. */
export const DELAYED_EXCHANGE: string = levelName(LEVELS - 1)

/** Longest delay in seconds; a message that is due later arrives earlier, and its worker waits for the rest. */
const LONGEST_DELAY = 2 ** LEVELS - 1

/**
 * The routing key of a message that is to arrive in `seconds`.
 * @throws RangeError when there is nothing to wait for: delays are whole seconds from 1 on.
 */
export function delayedRoutingKey(seconds: number, routingKey: string): string {
  const whole = Math.min(Math.trunc(seconds), LONGEST_DELAY)
  if (!(whole >= 1)) throw new RangeError(`A delayed message waits for 1 second at least, not ${seconds}`)
  if (routingKey === '') throw new RangeError('A delayed message must have a routing key')
  return `${[...whole.toString(2).padStart(LEVELS, '0')].join('.')}.${routingKey}`
}

/** Whether one of the queues is a quorum queue, which is when Celery lets RabbitMQ do the waiting. */
export function usesQuorumQueues(queues: Iterable<Pick<Queue, 'queueArguments'>>): boolean {
  for (const { queueArguments } of queues) if (queueArguments['x-queue-type'] === 'quorum') return true
  return false
}

/** All levels, as something to be declared. */
export class DelayedDeliveryLevels implements Declarable {
  readonly key: string
  readonly canCacheDeclaration: boolean = true
  readonly #queueType: string

  /** @throws ImproperlyConfigured for a type that is neither `classic` nor `quorum`. */
  constructor(queueType: string) {
    if (!QUEUE_TYPES.includes(queueType)) {
      throw new ImproperlyConfigured(
        `brokerNativeDelayedDeliveryQueueType must be 'quorum' or 'classic', not ${JSON.stringify(queueType)}`,
      )
    }
    this.#queueType = queueType
    this.key = `celery_delayed (${queueType})`
  }

  async declare(channel: Channel): Promise<void> {
    for (let level = LEVELS - 1; level >= 0; level--) await this.#declareLevel(channel, level)
    await topicExchange(DELIVERY_EXCHANGE).declare(channel)
    for (let level = LEVELS - 1; level >= 0; level--) {
      const routingKey = digitPattern(level, 0)
      await bindExchange(channel, { exchange: nextOf(level), source: levelName(level), routingKey })
    }
  }

  async #declareLevel(channel: Channel, level: number): Promise<void> {
    const name = levelName(level)
    await topicExchange(name).declare(channel)
    const given = {
      'x-queue-type': this.#queueType,
      'x-overflow': 'reject-publish',
      'x-message-ttl': 2 ** level * 1000,
      'x-dead-letter-exchange': nextOf(level),
      ...(this.#queueType === 'quorum' ? { 'x-dead-letter-strategy': 'at-least-once' } : {}),
    }
    await channel.declareQueue({ name, durable: true, exclusive: false, autoDelete: false, arguments: given })
    await channel.bind({ queue: name, exchange: name, routingKey: digitPattern(level, 1), arguments: {} })
  }
}

/**
 * A queue that is to get delayed messages, too: declared with what is bound to it, and bound to where those arrive.
 * Direct exchanges cannot be; they get messages by their whole key.
 */
export class DelayedQueue implements Declarable {
  readonly key: string
  readonly canCacheDeclaration: boolean
  /** Names of exchanges of the queue that delayed messages cannot be delivered through. */
  readonly direct: readonly string[]
  readonly #queue: Queue
  readonly #bindings: readonly QueueBinding[]

  constructor(queue: Queue) {
    const { exchange, routingKey } = queue
    const bindings = exchange === undefined ? queue.bindings : [new QueueBinding(exchange, routingKey)]
    this.#queue = queue
    this.#bindings = bindings.filter((binding) => binding.exchange.type !== 'direct')
    this.direct = bindings.flatMap(({ exchange: { type, name } }) => (type === 'direct' ? [name] : []))
    this.key = `delayed ${queue.key}`
    this.canCacheDeclaration = queue.canCacheDeclaration
  }

  async declare(channel: Channel): Promise<void> {
    await this.#queue.declare(channel)
    for (const { exchange, routingKey: key } of this.#bindings) {
      const routingKey = key.startsWith('#') ? key : `#.${key}`
      await bindExchange(channel, { exchange: exchange.name, source: DELIVERY_EXCHANGE, routingKey })
      await channel.bind({ queue: this.#queue.name, exchange: exchange.name, routingKey, arguments: {} })
    }
  }
}

function levelName(level: number): string {
  return `celery_delayed_${level}`
}

function nextOf(level: number): string {
  return level === 0 ? DELIVERY_EXCHANGE : levelName(level - 1)
}

/** Matches keys by the digit of a level. */
function digitPattern(level: number, digit: 0 | 1): string {
  return `${'*.'.repeat(LEVELS - 1 - level)}${digit}.#`
}

function topicExchange(name: string): Exchange {
  return new Exchange(name, { type: 'topic' })
}

async function bindExchange(
  channel: Channel,
  binding: { readonly exchange: string; readonly source: string; readonly routingKey: string },
): Promise<void> {
  if (channel.bindExchange === undefined) {
    throw new ImproperlyConfigured(
      'Delayed delivery needs RabbitMQ: this broker binds no exchanges to exchanges',
    )
  }
  await channel.bindExchange({ ...binding, arguments: {} })
}
