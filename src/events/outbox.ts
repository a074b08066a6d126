import { OperationalError, PublishError } from '../errors.ts'
import type { Clock, TimerHandle } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'

/** Messages under way at most; more wait here. */
const WINDOW = 100
/** Milliseconds between two tries to reach a broker that is gone. */
const PAUSE = 1_000
/** Milliseconds that closing waits for the broker. */
const LONGEST_CLOSE = 5_000

/** What an `Outbox` works with. */
export interface OutboxOptions {
  /** Settles when the broker has it. */
  readonly transmit: (body: unknown, routingKey: string) => Promise<void>
  /** Messages that are kept while the broker is gone; the oldest go first. */
  readonly limit: number
  readonly clock: Clock
  readonly logger: Logger
}

interface Entry {
  readonly order: number
  readonly body: unknown
  readonly routingKey: string
}

/**
 * Sends messages that nobody waits for, in order, and never holds up whoever sends.
 *
 * *Online*: they leave at once, but for those above the window. *Offline*, since one could not be sent: they are kept,
 * the latest `limit` of them; each second the first one is tried again, and when it gets through all follow. *Closed*.
 */
export class Outbox {
  readonly #options: OutboxOptions
  #order = 0
  #underWay = 0
  #offline = false
  #closed = false
  #waiting: Entry[] = []
  #timer: TimerHandle | undefined
  #idle: PromiseWithResolvers<void> | undefined
  /** Messages that were given up, because too many waited. */
  dropped = 0

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** How many wait for the broker. */
  get size(): number {
    return this.#waiting.length
  }

  send(body: unknown, routingKey: string): void {
    if (this.#closed) return
    const entry = { order: this.#order++, body, routingKey }
    if (!this.#offline && this.#underWay < WINDOW && this.#waiting.length === 0) this.#transmit(entry)
    else this.#keep(entry)
  }

  /** Settles when everything is sent, or the broker turns out to be gone. */
  async flush(): Promise<void> {
    if (this.#offline && this.#underWay === 0) this.#tryAgain()
    if (this.#underWay === 0) return
    this.#idle ??= Promise.withResolvers()
    await this.#idle.promise
  }

  /** As `flush`, but for some seconds at most; what is not sent then is forgotten. */
  async close(): Promise<void> {
    if (this.#closed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#options.clock.setTimeout(resolve, LONGEST_CLOSE)
    await Promise.race([this.flush(), promise])
    timer.cancel()
    this.#closed = true
    this.#waiting = []
    this.#timer?.cancel()
  }

  #transmit(entry: Entry): void {
    this.#underWay += 1
    this.#options.transmit(entry.body, entry.routingKey).then(
      () => this.#onSent(),
      (error: unknown) => this.#onFailed(entry, error),
    )
  }

  #onSent(): void {
    this.#underWay -= 1
    this.#offline = false
    while (this.#underWay < WINDOW) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#transmit(next)
    }
    this.#whenIdle()
  }

  #onFailed(entry: Entry, error: unknown): void {
    this.#underWay -= 1
    if (error instanceof OperationalError && error.recoverable && !(error instanceof PublishError)) {
      if (!this.#offline) this.#options.logger.debug(`Events wait for the broker: ${error.message}`)
      this.#offline = true
      if (!this.#closed) {
        this.#keep(entry)
        this.#pause()
      }
    } else {
      this.#options.logger.error(`An event (${entry.routingKey}) cannot be sent: ${String(error)}`)
    }
    this.#whenIdle()
  }

  /** In order: what comes back from the broker is older than what waits. */
  #keep(entry: Entry): void {
    const waiting = this.#waiting
    let place = waiting.length
    if (entry.order < (waiting.at(-1)?.order ?? -1)) {
      place = waiting.findIndex(({ order }) => order > entry.order)
    }
    waiting.splice(place, 0, entry)
    if (waiting.length <= this.#options.limit) return
    waiting.shift()
    if (this.dropped++ === 0) {
      this.#options.logger.warn(
        `More than ${this.#options.limit} messages with events wait for the broker: the oldest are dropped`,
      )
    }
  }

  #pause(): void {
    if (this.#timer !== undefined) return
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      if (this.#underWay === 0) this.#tryAgain()
      else this.#pause()
    }, PAUSE)
    this.#timer.unref()
  }

  #tryAgain(): void {
    const first = this.#waiting.shift()
    if (first !== undefined) this.#transmit(first)
    else this.#offline = false
  }

  #whenIdle(): void {
    if (this.#underWay > 0) return
    this.#idle?.resolve()
    this.#idle = undefined
  }
}
