import type { CeleryEvent, EventFields } from '../protocol/events.ts'
import { batchRoutingKey, buildEvent, eventGroup, eventRoutingKey, utcOffset } from '../protocol/events.ts'
import type { Clock } from '../util/clock.ts'
import type { LamportClock } from '../util/lamport-clock.ts'
import type { Logger } from '../util/logger.ts'
import { Outbox } from './outbox.ts'

/** What a dispatcher works with; the app wires it. */
export interface DispatcherParts {
  /** Encodes and publishes to the exchange of events; settles when the broker has it. */
  readonly transmit: (body: unknown, routingKey: string, hostname: string) => Promise<void>
  /** The logical clock of this process. */
  readonly lamport: LamportClock
  readonly clock: Clock
  readonly logger: Logger
}

/** Options of an `EventDispatcher`. Celery: arguments of `app.events.Dispatcher`. */
export interface DispatcherOptions {
  /** Whom the events are from. Default `gen<pid>@<host>`. */
  readonly hostname?: string
  /** Groups whose events are sent, e.g. `['worker']`; the others are dropped. Default: all. */
  readonly groups?: Iterable<string>
  /** False: nothing is sent until `enable()`. Default true. */
  readonly enabled?: boolean
  /** Groups whose events travel together, as lists. Default: none. Celery: `buffer_group`. */
  readonly bufferGroups?: Iterable<string>
  /** Most events of such a list. Default 24. Celery: `buffer_limit`. */
  readonly bufferLimit?: number
  /** Messages kept while the broker is gone; 0: none. Default 10000. Celery: `buffer_while_offline`. */
  readonly offlineLimit?: number
}

const DEFAULT_BUFFER_LIMIT = 24
const DEFAULT_OFFLINE_LIMIT = 10_000

/**
 * Sends events to whoever watches. Celery: `EventDispatcher`.
 *
 * `send` never waits and never fails: while the broker is gone the latest events are kept. The events of a buffered
 * group leave together at the end of the turn of the event loop, or sooner when they are many.
 */
export class EventDispatcher implements AsyncDisposable {
  readonly hostname: string
  /** Groups whose events are sent; empty: all. May be changed at any time. */
  readonly groups: Set<string>
  /** Called after `enable()`. Celery: `on_enabled`. */
  readonly onEnabled: Set<() => void> = new Set()
  /** Called after `disable()`. Celery: `on_disabled`. */
  readonly onDisabled: Set<() => void> = new Set()
  readonly #parts: DispatcherParts
  readonly #outbox: Outbox
  readonly #bufferGroups: ReadonlySet<string>
  readonly #bufferLimit: number
  readonly #buffers = new Map<string, CeleryEvent[]>()
  #flushDue = false
  #enabled: boolean
  /** Offset of the zone, and until when it holds. */
  #offset = { hours: 0, until: 0 }

  constructor(parts: DispatcherParts, hostname: string, options: Omit<DispatcherOptions, 'hostname'> = {}) {
    this.#parts = parts
    this.hostname = hostname
    this.groups = new Set(options.groups)
    this.#enabled = options.enabled ?? true
    this.#bufferGroups = new Set(options.bufferGroups)
    this.#bufferLimit = options.bufferLimit ?? DEFAULT_BUFFER_LIMIT
    this.#outbox = new Outbox({
      transmit: (body, routingKey) => parts.transmit(body, routingKey, hostname),
      limit: options.offlineLimit ?? DEFAULT_OFFLINE_LIMIT,
      clock: parts.clock,
      logger: parts.logger,
    })
  }

  get enabled(): boolean {
    return this.#enabled
  }

  /** Messages that wait for the broker. */
  get waiting(): number {
    return this.#outbox.size
  }

  /** Whether events of a group are sent. */
  sends(group: string): boolean {
    return this.#enabled && (this.groups.size === 0 || this.groups.has(group))
  }

  enable(): void {
    if (this.#enabled) return
    this.#enabled = true
    for (const callback of this.onEnabled) callback()
  }

  disable(): void {
    if (!this.#enabled) return
    this.#enabled = false
    for (const callback of this.onDisabled) callback()
  }

  /**
   * Sends an event if its group is sent. What cannot be encoded is logged.
   * @param type group and subject: `task-progress`.
   * @param fields under their names on the wire.
   */
  send(type: string, fields: EventFields = {}): void {
    const group = eventGroup(type)
    if (!this.sends(group)) return
    const event = this.#build(type, fields, this.#parts.lamport.forward())
    if (this.#bufferGroups.has(group)) this.#buffer(group, event)
    else this.#outbox.send(event, eventRoutingKey(type))
  }

  /**
   * Publishes an event whatever its group, after those that were sent; settles when the broker has it.
   * @param options `blind`: without a value of the logical clock.
   * @throws EncodeError, OperationalError when that fails; nothing is kept then.
   */
  async publish(
    type: string,
    fields: EventFields = {},
    { blind = false }: { readonly blind?: boolean } = {},
  ): Promise<void> {
    const { transmit, lamport } = this.#parts
    this.#flushBuffers()
    const event = this.#build(type, fields, blind ? null : lamport.forward())
    await transmit(event, eventRoutingKey(type), this.hostname)
  }

  /** Sends what is buffered; settles when it is sent, or the broker turns out to be gone (then it is kept). */
  flush(): Promise<void> {
    this.#flushBuffers()
    return this.#outbox.flush()
  }

  /** Sends what is buffered, for some seconds at most, and nothing any more. Idempotent. */
  close(): Promise<void> {
    this.#flushBuffers()
    return this.#outbox.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #build(type: string, fields: EventFields, clock: number | null): CeleryEvent {
    const now = this.#parts.clock.now()
    const origin = { hostname: this.hostname, pid: process.pid, clock, now, utcoffset: this.#utcOffset(now) }
    return buildEvent(type, fields, origin)
  }

  /** Asking the system each time would be slow; it changes on the hour, if ever. */
  #utcOffset(now: number): number {
    if (now >= this.#offset.until || now < this.#offset.until - MINUTE) {
      this.#offset = { hours: utcOffset(now), until: now - (now % MINUTE) + MINUTE }
    }
    return this.#offset.hours
  }

  #buffer(group: string, event: CeleryEvent): void {
    let events = this.#buffers.get(group)
    if (events === undefined) {
      events = []
      this.#buffers.set(group, events)
    }
    if (events.push(event) >= this.#bufferLimit) this.#flushBuffer(group, events)
    else if (!this.#flushDue) {
      this.#flushDue = true
      setImmediate(() => this.#flushBuffers())
    }
  }

  #flushBuffers(): void {
    this.#flushDue = false
    for (const [group, events] of this.#buffers) this.#flushBuffer(group, events)
  }

  #flushBuffer(group: string, events: readonly CeleryEvent[]): void {
    this.#buffers.delete(group)
    this.#outbox.send(events, batchRoutingKey(group))
  }
}

const MINUTE = 60_000
