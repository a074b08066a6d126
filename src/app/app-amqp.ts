/** The messaging side of an app: its broker, its queues, and the way of its calls there. Celery: `app.amqp`. */
import type { Settings } from '../config/settings.ts'
import { ChannelError } from '../errors.ts'
import { Broadcast } from '../messaging/broadcast.ts'
import type { Exchange, Queue } from '../messaging/entity.ts'
import {
  DelayedDeliveryLevels,
  DelayedQueue,
  usesQuorumQueues,
} from '../messaging/native-delayed-delivery.ts'
import type { TransportOptions } from '../messaging/transport.ts'
import { canDelay } from '../routing/native-delay.ts'
import type { PublisherOptions } from '../routing/publisher.ts'
import { Publisher } from '../routing/publisher.ts'
import { Queues } from '../routing/queues.ts'
import type { TaskCall } from '../task/ports.ts'
import type { AppBrokerOptions } from './app-broker.ts'
import { AppBroker } from './app-broker.ts'

/** What an `AppAmqp` works with. */
export type AppAmqpOptions = Omit<AppBrokerOptions, 'settings'> &
  Omit<PublisherOptions, 'settings' | 'queues' | 'producer' | 'origin'> & {
    /** The settings as they are now; another object when they have changed. */
    readonly settings: () => Settings
  }

/** Which queues to consume. */
export interface QueueSelection {
  /** Default: all that are configured. */
  readonly select?: readonly string[]
  readonly exclude?: readonly string[]
}

/** See `AppAmqp.delayedDelivery`. */
export interface DelayedDelivery {
  readonly brokers: readonly TransportOptions[]
  readonly levels: DelayedDeliveryLevels
  readonly queues: readonly DelayedQueue[]
}

/** See the module's description. */
export class AppAmqp {
  /** The connection for publishing. */
  readonly broker: AppBroker
  readonly #options: AppAmqpOptions
  readonly #publisher: Publisher
  #queues: { readonly settings: Settings; readonly queues: Queues } | undefined

  constructor(options: AppAmqpOptions) {
    this.#options = options
    this.broker = new AppBroker(options)
    this.#publisher = new Publisher({
      ...options,
      queues: () => this.queues,
      producer: () => this.broker.producer,
      origin: options.clientName,
    })
  }

  /** The queues, made of the settings. Celery: `app.amqp.queues`. */
  get queues(): Queues {
    const settings = this.#options.settings()
    if (this.#queues?.settings !== settings) this.#queues = { settings, queues: new Queues(settings) }
    return this.#queues.queues
  }

  /** The queue of tasks that go nowhere else. Celery: `app.amqp.default_queue`. */
  get defaultQueue(): Queue {
    return this.queues.default
  }

  /** Exchange of queues that name none. Celery: `app.amqp.default_exchange`. */
  get defaultExchange(): Exchange {
    return this.queues.defaultExchange
  }

  /** Routes, encodes and publishes a call; settles when the broker has the message. Celery: `send_task_message`. */
  publish(call: TaskCall): Promise<void> {
    return this.#publisher.publish(call)
  }

  /** The queues to consume: those selected, else all that are configured, less the excluded. */
  consumedQueues({ select = [], exclude = [] }: QueueSelection = {}): readonly Queue[] {
    const { queues } = this
    const chosen = select.length === 0 ? queues.consumeFrom : select.map((name) => queues.get(name))
    return chosen.filter(({ name }) => !exclude.includes(name))
  }

  /**
   * What brokers need to keep tasks until they are due: where they wait, and that the consumed queues get them then.
   * Undefined without quorum queues and on other brokers than RabbitMQ: workers wait themselves.
   * @throws ImproperlyConfigured when `brokerNativeDelayedDeliveryQueueType` is none.
   */
  delayedDelivery(selection: QueueSelection = {}): DelayedDelivery | undefined {
    const { brokerNativeDelayedDeliveryQueueType: type } = this.#options.settings()
    const brokers = this.broker.candidates('write').filter(({ url }) => canDelay(url))
    if (brokers.length === 0 || !usesQuorumQueues(this.queues)) return undefined
    const queues = this.consumedQueues(selection).filter((queue) => !(queue instanceof Broadcast))
    return {
      brokers,
      levels: new DelayedDeliveryLevels(type),
      queues: queues.map((queue) => new DelayedQueue(queue)),
    }
  }

  /**
   * Empties queues (default: all that are consumed); settles with the number of messages removed. They are taken as they
   * are, however they were declared; one that is not there is empty, and is not made.
   */
  async purge(names: readonly string[] = []): Promise<number> {
    const queues = names.length === 0 ? this.queues.consumeFrom : names.map((name) => this.queues.get(name))
    let removed = 0
    for (const { name } of queues) {
      // A channel each: that a queue is missing costs the channel.
      const channel = await this.broker.openChannelSoon()
      try {
        removed += await channel.purge(name)
      } catch (error) {
        if (!isMissingQueue(error)) throw error
      } finally {
        await channel.close()
      }
    }
    return removed
  }

  /** Waits for what is being published, then disconnects. It may be used again afterwards. */
  close(): Promise<void> {
    return this.broker.close()
  }
}

/** What RabbitMQ says of a queue that is not there. */
function isMissingQueue(error: unknown): boolean {
  const cause = error instanceof ChannelError ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 404
}
