/** The events of an app: sending, receiving, and what they add up to. Celery: `app.events`. */
import type { Settings } from '../config/settings.ts'
import { ImproperlyConfigured } from '../errors.ts'
import type { DispatcherOptions, DispatcherParts } from '../events/event-dispatcher.ts'
import { EventDispatcher } from '../events/event-dispatcher.ts'
import { eventExchange } from '../events/event-exchange.ts'
import type { ReceiverConnection, ReceiverOptions } from '../events/event-receiver.ts'
import { EventReceiver } from '../events/event-receiver.ts'
import type { StateOptions } from '../events/state.ts'
import { State } from '../events/state.ts'
import { BrokerConnection } from '../messaging/connection.ts'
import type { Exchange } from '../messaging/entity.ts'
import { Queue } from '../messaging/entity.ts'
import type { SerializerRegistry } from '../messaging/serialization/registry.ts'
import type { EventFields } from '../protocol/events.ts'
import { waitOrAbort } from '../util/abort.ts'
import type { Clock } from '../util/clock.ts'
import type { LamportClock } from '../util/lamport-clock.ts'
import type { Logger } from '../util/logger.ts'
import { uuid } from '../util/uuid.ts'
import type { AppBroker } from './app-broker.ts'

/** What `AppEvents` works with. */
export interface AppEventsOptions {
  /** The settings as they are now; another object when they have changed. */
  readonly settings: () => Settings
  readonly broker: AppBroker
  readonly serializers: SerializerRegistry
  readonly logicalClock: LamportClock
  readonly clock: Clock
  readonly logger: Logger
  /** Whom the events of a client are from. */
  readonly clientName: string
  /** Asks all workers for a heartbeat. */
  readonly wakeup: () => Promise<void>
}

/** See the module's description. */
export class AppEvents {
  readonly #options: AppEventsOptions
  readonly #parts: DispatcherParts
  #default: EventDispatcher | undefined
  /** The latest of each node, so that what its tasks tell comes after what the worker has told of them. */
  readonly #nodes = new Map<string, EventDispatcher>()
  #exchange: { readonly settings: Settings; readonly exchange: Exchange } | undefined

  constructor(options: AppEventsOptions) {
    this.#options = options
    const { logicalClock: lamport, clock } = options
    this.#parts = {
      lamport,
      clock,
      logger: options.logger.child('events'),
      transmit: (body, routingKey, hostname) => this.#transmit(body, routingKey, hostname),
    }
  }

  /** A new dispatcher, which its owner closes. Celery: `app.events.Dispatcher`. */
  dispatcher({ hostname, ...options }: DispatcherOptions = {}): EventDispatcher {
    const dispatcher = new EventDispatcher(this.#parts, hostname ?? this.#options.clientName, options)
    if (hostname !== undefined) this.#nodes.set(hostname, dispatcher)
    return dispatcher
  }

  /** The dispatcher of this process as a client: one until the app is closed. Celery: `default_dispatcher`. */
  defaultDispatcher(): EventDispatcher {
    this.#default ??= this.dispatcher()
    return this.#default
  }

  /**
   * A receiver with a connection of its own while it captures. Celery: `app.events.Receiver`.
   * @param sharing `connection`: receive over the app's connection for publishing instead.
   * @throws ImproperlyConfigured when its queue shall be both exclusive and durable.
   */
  receiver(options: ReceiverOptions = {}, sharing: { readonly connection?: boolean } = {}): EventReceiver {
    const { logicalClock: lamport, clock, serializers } = this.#options
    const { logger } = this.#parts
    this.#queue(options)
    const accepted = options.accept ?? ['json', this.#options.settings().eventSerializer]
    const accept = serializers.acceptList(accepted)
    return new EventReceiver(
      {
        connect: () => (sharing.connection ? this.#sharedConnection() : this.#ownConnection(accepted)),
        queue: () => this.#queue(options),
        decode: ({ body, properties }) =>
          serializers.decode(body, properties.contentType, properties.contentEncoding, accept),
        wakeup: this.#options.wakeup,
        lamport,
        clock,
        logger,
      },
      options,
    )
  }

  /** Sends one event; settles when the broker has it. Celery: `Task.send_event`. @throws EncodeError, OperationalError. */
  publish(
    type: string,
    fields: EventFields,
    { hostname }: { readonly hostname?: string | undefined } = {},
  ): Promise<void> {
    if (hostname === undefined) return this.defaultDispatcher().publish(type, fields)
    const dispatcher = this.#nodes.get(hostname) ?? this.dispatcher({ hostname })
    return dispatcher.publish(type, fields)
  }

  /** What events say of workers and tasks; nothing at first. Celery: `app.events.State`. */
  state(options: StateOptions = {}): State {
    const { clock } = this.#options
    return new State({ logger: this.#parts.logger, clock, ...options })
  }

  /** Sends what is left. It may be used again afterwards. */
  async close(): Promise<void> {
    const dispatcher = this.#default
    this.#default = undefined
    await dispatcher?.close()
  }

  async #transmit(body: unknown, routingKey: string, hostname: string): Promise<void> {
    const { settings, broker, serializers } = this.#options
    const { eventSerializer } = settings()
    if (!serializers.isReady(eventSerializer)) await serializers.ready(eventSerializer)
    const encoded = serializers.encode(body, eventSerializer)
    const { contentType, contentEncoding } = encoded
    const exchange = this.#currentExchange()
    await broker.producer.publish(
      {
        body: encoded.body,
        headers: { hostname },
        properties: { contentType, contentEncoding, deliveryMode: 1, priority: 0 },
      },
      {
        target: { exchange: exchange.name, routingKey, mandatory: false },
        declare: [exchange],
        retry: false,
      },
    )
  }

  #currentExchange(): Exchange {
    const settings = this.#options.settings()
    if (this.#exchange?.settings !== settings) {
      const exchange = eventExchange(settings.brokerWriteUrl, settings.eventExchange)
      this.#exchange = { settings, exchange }
    }
    return this.#exchange.exchange
  }

  #queue(options: ReceiverOptions): Queue {
    const settings = this.#options.settings()
    const durable = options.queueDurable ?? settings.eventQueueDurable
    const exclusive = options.queueExclusive ?? settings.eventQueueExclusive
    if (durable && exclusive) {
      throw new ImproperlyConfigured(
        'eventQueueDurable and eventQueueExclusive (event_queue_…) cannot both be true: an exclusive queue goes ' +
          'with its connection; set one of them to false',
      )
    }
    const { queueTtl = settings.eventQueueTtl, queueExpires = settings.eventQueueExpires } = options
    return new Queue(`${options.queuePrefix ?? settings.eventQueuePrefix}.${options.nodeId ?? uuid()}`, {
      exchange: this.#currentExchange(),
      routingKey: options.routingKey ?? '#',
      durable,
      exclusive,
      autoDelete: !durable,
      noAck: true,
      messageTtl: queueTtl ?? undefined,
      expires: queueExpires ?? undefined,
    })
  }

  #ownConnection(accepted: readonly string[]): ReceiverConnection {
    const { broker, clock, serializers } = this.#options
    const connection = new BrokerConnection({
      candidates: broker.candidates('read'),
      resolve: (url) => broker.resolve(url),
      logger: this.#parts.logger,
      clock,
    })
    return {
      async openChannel(request) {
        await serializers.ready(...accepted)
        return connection.openChannel(request)
      },
      close: () => connection.close(),
    }
  }

  #sharedConnection(): ReceiverConnection {
    const { broker, clock } = this.#options
    return {
      openChannel: ({ signal }) => waitOrAbort(broker.openChannel(), { signal, clock }, 'a channel'),
      close: async () => undefined,
    }
  }
}
