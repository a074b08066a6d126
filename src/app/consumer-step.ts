import type { Bootstep, RunningStep } from '../bootsteps/bootstep.ts'
import type { Queue } from '../messaging/entity.ts'
import type { Delivery } from '../messaging/message.ts'
import type { Channel } from '../messaging/transport.ts'
import type { ConsumerParent } from './app-steps.ts'

/** A message that a consumer step got. Settle it once, unless `noAck`. */
export interface StepMessage extends Delivery {
  /** Its content, by its content type. @throws SerializationError when it cannot be read. */
  decode(): unknown
  ack(): Promise<void>
  reject(options?: { readonly requeue?: boolean }): Promise<void>
}

/** What a consumer step takes messages from, and what it does with them. */
export interface StepConsumer {
  /** Declared before, with its exchange and bindings. */
  readonly queue: Queue
  /**
   * Gets every message. When it fails that is logged, and the message stays unsettled: the broker brings it again, at
   * the latest over the next connection.
   */
  readonly onMessage: (message: StepMessage) => Promise<void> | void
  /** Messages count as settled when they come. Default false. */
  readonly noAck?: boolean
  /** Unsettled messages at most; 0: no limit. Default 10. */
  readonly prefetch?: number
}

/**
 * A step of the worker's consumer that takes messages of any kind from queues of its own. Celery:
 * `bootsteps.ConsumerStep`.
 *
 * ```ts
 * class Audit extends ConsumerStep {
 *   readonly name = 'audit'
 *   getConsumers() {
 *     return [{ queue: new Queue('audit', { exchange, routingKey: 'audit' }), onMessage: (message) => message.ack() }]
 *   }
 * }
 * app.steps.consumer.add(new Audit())
 * ```
 */
export abstract class ConsumerStep implements Bootstep<ConsumerParent> {
  abstract readonly name: string
  readonly requires: readonly string[] = ['Connection']

  /** What is consumed; asked for on every connection. */
  abstract getConsumers(parent: ConsumerParent): readonly StepConsumer[]

  /** Consumes, on a channel of its own for each. */
  async start(parent: ConsumerParent): Promise<RunningStep> {
    const channels: Channel[] = []
    const stop = async (): Promise<void> => {
      await Promise.all(channels.map((channel) => channel.close()))
    }
    try {
      for (const consumer of this.getConsumers(parent)) {
        const channel = await parent.connection.openChannel()
        channels.push(channel)
        await this.#consume(channel, consumer, parent)
      }
    } catch (error) {
      await stop()
      throw error
    }
    return { stop }
  }

  async #consume(channel: Channel, consumer: StepConsumer, parent: ConsumerParent): Promise<void> {
    const { queue, onMessage, noAck = false, prefetch = 10 } = consumer
    await queue.declare(channel)
    await channel.prefetch(prefetch)
    const deliver = async (delivery: Delivery): Promise<void> => {
      try {
        await onMessage({
          ...delivery,
          decode: () => parent.decodeBody(delivery),
          ack: () => channel.ack([delivery.tag]),
          reject: ({ requeue = false } = {}) => channel.reject([delivery.tag], { requeue }),
        })
      } catch (error) {
        parent.logger.error(`The bootstep ${this.name} failed on a message of queue ${queue.name}`, { error })
      }
    }
    await channel.consume(queue.name, (delivery) => void deliver(delivery), { noAck })
  }
}
