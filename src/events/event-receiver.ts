import { CeleryError, OperationalError, TimeoutError } from '../errors.ts'
import type { ChannelRequest } from '../messaging/connection.ts'
import type { Queue } from '../messaging/entity.ts'
import type { Delivery } from '../messaging/message.ts'
import type { Channel } from '../messaging/transport.ts'
import { matchesTopic } from '../messaging/virtual/topic-pattern.ts'
import type { CeleryEvent } from '../protocol/events.ts'
import { readEvents, receiveEvent } from '../protocol/events.ts'
import { sleep } from '../util/abort.ts'
import type { Clock } from '../util/clock.ts'
import { type Duration, toMilliseconds } from '../util/duration.ts'
import type { LamportClock } from '../util/lamport-clock.ts'
import type { Logger } from '../util/logger.ts'

/** Takes an event. What it throws ends the capture. */
export type EventHandler = (event: CeleryEvent) => void

/** Options of an `EventReceiver`. Celery: arguments of `app.events.Receiver`. */
export interface ReceiverOptions {
  /** By type of event; `*` takes those that have no handler of their own. */
  readonly handlers?: Readonly<Record<string, EventHandler>>
  /** Which events come: `#` all (the default), `worker.#` those of the group `worker`. Celery: `routing_key`. */
  readonly routingKey?: string
  /** End of the name of the queue. Default: a new UUID for each connection. Celery: `node_id`. */
  readonly nodeId?: string
  /** Beginning of the name of the queue. Default: the setting `eventQueuePrefix`. */
  readonly queuePrefix?: string
  /** How long events live in the queue. Default: the setting `eventQueueTtl`. */
  readonly queueTtl?: Duration | null
  /** After how much time without use the queue is deleted. Default: the setting `eventQueueExpires`. */
  readonly queueExpires?: Duration | null
  /** Default: the setting `eventQueueExclusive`. Excludes `queueDurable`. */
  readonly queueExclusive?: boolean
  /** Default: the setting `eventQueueDurable`. */
  readonly queueDurable?: boolean
  /** Serializers that may come in. Default: JSON and the setting `eventSerializer`. */
  readonly accept?: readonly string[]
}

/** How long to capture. */
export interface CaptureOptions {
  /** Events after which it ends. Default: never. */
  readonly limit?: number | undefined
  /** Time without any event after which it fails with `TimeoutError`. Default: never. */
  readonly timeout?: Duration | undefined
  /** Ask all workers for a heartbeat at the start. Default true. */
  readonly wakeup?: boolean | undefined
  /** Ends it; capturing then settles without an error. */
  readonly signal?: AbortSignal | undefined
  /** Called when events can come: at the start, and after each loss of the connection. */
  readonly onConsumeReady?: (() => void) | undefined
}

/** Where a receiver gets its channels; a `BrokerConnection` is one. */
export interface ReceiverConnection {
  openChannel(request: ChannelRequest): Promise<Channel>
  close(): Promise<void>
}

/** What a receiver works with; the app wires it. */
export interface ReceiverParts {
  /** For one capture, which closes it. */
  readonly connect: () => ReceiverConnection
  /** The queue to declare, for each connection. */
  readonly queue: () => Queue
  /** @throws SerializationError. */
  readonly decode: (delivery: Delivery) => unknown
  /** Asks all workers for a heartbeat. */
  readonly wakeup: () => Promise<void>
  readonly lamport: LamportClock
  readonly clock: Clock
  readonly logger: Logger
}

/** Milliseconds between tries to reach a broker that is gone; they go on for ever. */
const RETRY = { start: 1_000, step: 1_000, max: 10_000 }
/** Events that wait for whoever iterates; of more the oldest are dropped. */
const MOST_UNREAD = 10_000

/**
 * Receives events. Celery: `EventReceiver`.
 *
 * ```ts
 * const receiver = app.events.receiver({ handlers: { 'task-failed': (event) => console.log(event.uuid) } })
 * await receiver.capture({ signal })
 * for await (const event of app.events.receiver()) console.log(event.type)
 * ```
 *
 * When the connection is lost it is made again; what was sent meanwhile is missed.
 */
export class EventReceiver {
  readonly handlers: Readonly<Record<string, EventHandler>>
  readonly #parts: ReceiverParts
  readonly #routingKey: string

  constructor(parts: ReceiverParts, options: ReceiverOptions = {}) {
    this.#parts = parts
    this.handlers = options.handlers ?? {}
    this.#routingKey = options.routingKey ?? '#'
  }

  /**
   * Hands events to the handlers until the limit is reached or the signal fires.
   * @throws TimeoutError when nothing came for `timeout`; what a handler throws; ImproperlyConfigured.
   */
  async capture(options: CaptureOptions = {}): Promise<void> {
    await this.#capture(options, (event) => this.process(event))
  }

  /** The events themselves; handlers are not called. Leaving the loop ends it. Celery: `itercapture`. */
  async *events(options: CaptureOptions = {}): AsyncGenerator<CeleryEvent, void, undefined> {
    const left = new AbortController()
    const unread: CeleryEvent[] = []
    let wake = Promise.withResolvers<void>()
    let isOver = false
    const signal = options.signal === undefined ? left.signal : AbortSignal.any([options.signal, left.signal])
    const capturing = this.#capture({ ...options, signal }, (event) => {
      unread.push(event)
      if (unread.length > MOST_UNREAD) unread.shift()
      wake.resolve()
    }).finally(() => {
      isOver = true
      wake.resolve()
    })
    try {
      for (;;) {
        const event = unread.shift()
        if (event !== undefined) yield event
        else if (isOver) break
        else {
          await wake.promise
          wake = Promise.withResolvers()
        }
      }
    } finally {
      left.abort()
      await capturing
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<CeleryEvent, void, undefined> {
    return this.events()
  }

  /** Calls the handler of an event, if there is one. */
  process(event: CeleryEvent): void {
    const { handlers } = this
    const handler = Object.hasOwn(handlers, event.type) ? handlers[event.type] : handlers['*']
    handler?.(event)
  }

  async #capture(options: CaptureOptions, take: EventHandler): Promise<void> {
    const { limit = Number.POSITIVE_INFINITY, signal } = options
    if (limit <= 0 || signal?.aborted) return
    const over = new AbortController()
    const end = Promise.withResolvers<void>()
    const silence = this.#watchSilence(options.timeout, (error) => end.reject(error))
    let left = limit
    const deliver = (event: CeleryEvent): void => {
      if (left <= 0) return
      left -= 1
      silence.heard()
      take(event)
      if (left <= 0) end.resolve()
    }
    const abort = (): void => end.resolve()
    signal?.addEventListener('abort', abort, { once: true })
    const consuming = this.#consume(options, over.signal, (delivery) => {
      try {
        this.#receive(delivery, deliver)
      } catch (error) {
        left = 0
        end.reject(error)
      }
    })
    try {
      await Promise.race([end.promise, consuming])
    } finally {
      left = 0
      silence.stop()
      signal?.removeEventListener('abort', abort)
      over.abort()
      await consuming.catch(() => {
        // Had it failed before, that would have been the end, and is thrown there.
      })
    }
  }

  /** One timer, however many events come. */
  #watchSilence(
    timeout: Duration | undefined,
    fail: (error: TimeoutError) => void,
  ): { heard(): void; stop(): void } {
    if (timeout === undefined) return { heard: () => undefined, stop: () => undefined }
    const { clock } = this.#parts
    const most = toMilliseconds(timeout, 'timeout')
    let last = clock.monotonic()
    const look = (): void => {
      const left = last + most - clock.monotonic()
      if (left > 0) timer = clock.setTimeout(look, left)
      else fail(new TimeoutError(`No event came for ${most / 1000} s`))
    }
    let timer = clock.setTimeout(look, most)
    return {
      heard: () => {
        last = clock.monotonic()
      },
      stop: () => timer.cancel(),
    }
  }

  /** Consumes until the signal fires, connecting anew whenever that is necessary. */
  async #consume(
    { wakeup = true, onConsumeReady }: CaptureOptions,
    signal: AbortSignal,
    deliver: (delivery: Delivery) => void,
  ): Promise<void> {
    const { connect, clock, logger } = this.#parts
    const connection = connect()
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    try {
      while (!signal.aborted) {
        try {
          const channel = await connection.openChannel({ retry: RETRY, signal })
          await this.#consumeOn(channel, deliver, async (gone) => {
            if (wakeup) await this.#wakeWorkers()
            onConsumeReady?.()
            await Promise.race([gone, aborted])
          })
          if (!signal.aborted) logger.warn('The connection for events is lost; connecting again')
        } catch (error) {
          if (signal.aborted) return
          if (!(error instanceof OperationalError) || !error.recoverable) throw error
          logger.warn(`Events cannot be received: ${error.message}`)
          await sleep(RETRY.start, { signal, clock }).catch(() => undefined)
        }
      }
    } finally {
      await connection.close()
    }
  }

  async #consumeOn(
    channel: Channel,
    deliver: (delivery: Delivery) => void,
    meanwhile: (gone: Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    const cancelled = Promise.withResolvers<Error>()
    const queue = this.#parts.queue()
    try {
      await queue.declare(channel)
      const options = { noAck: true, cancelled: cancelled.resolve }
      const consumer = await channel.consume(queue.name, deliver, options)
      await meanwhile(Promise.race([channel.closed, cancelled.promise]))
      await consumer.cancel()
    } finally {
      await channel.close()
    }
  }

  async #wakeWorkers(): Promise<void> {
    const { wakeup, logger } = this.#parts
    await wakeup().catch((error: unknown) => {
      // Their next heartbeat comes anyway.
      logger.warn(`The workers cannot be asked for a heartbeat: ${String(error)}`)
    })
  }

  #receive(delivery: Delivery, deliver: EventHandler): void {
    // Some brokers broadcast without looking at keys.
    if (!matchesTopic(this.#routingKey, delivery.routingKey)) return
    for (const event of this.#decode(delivery)) {
      const { lamport, clock } = this.#parts
      deliver(receiveEvent(event, { clock: lamport, now: clock.now(), localize: true }))
    }
  }

  #decode(delivery: Delivery): readonly CeleryEvent[] {
    try {
      return readEvents(this.#parts.decode(delivery))
    } catch (error) {
      if (!(error instanceof CeleryError)) throw error
      this.#parts.logger.error(`An event cannot be read: ${error.message}`)
      return []
    }
  }
}
