/**
 * What has to be done from time to time: signs of life, restoring what others left behind, testing the connection.
 *
 * States: **watching** (from the beginning: only the connection is tested) → `start`, before the first message is taken
 * → **caring** (all of it) → `stop` → **stopped**.
 */
import { ConnectionError } from '../../../errors.ts'
import { waitOrAbort } from '../../../util/abort.ts'
import type { Clock, TimerHandle } from '../../../util/clock.ts'
import type { RedisConnection } from '../../../util/redis/redis-connection.ts'
import { HEARTBEAT_INTERVAL, type Presence } from './presence.ts'
import type { RedisOptions } from './redis-options.ts'
import type { RedisSubscriber } from './redis-subscriber.ts'
import type { Restorer } from './restorer.ts'

/** What a `Caretaker` works with. */
export interface CaretakerOptions {
  readonly connection: RedisConnection
  readonly subscriber: RedisSubscriber
  readonly presence: Presence
  readonly restorer: Restorer
  readonly options: Pick<RedisOptions, 'restoreInterval' | 'healthCheckInterval'>
  readonly clock: Clock
  readonly warn: (message: string) => void
  /** Consumed queues must not expire; called with each sign of life. */
  readonly keepQueues: () => Promise<void>
  /** Nor must their bindings; called every minute. */
  readonly keepBindings: () => Promise<void>
}

/** Milliseconds between two looks at the bindings of queues that expire. */
const BINDINGS_INTERVAL = 60_000

/** See the module's description. */
export class Caretaker {
  readonly #options: CaretakerOptions
  readonly #timers = new Set<TimerHandle>()
  readonly #working = new Set<Promise<void>>()
  /** What was said last; the same again would only fill the log. */
  #trouble = ''
  #started: Promise<void> | undefined
  #stopped = false

  constructor(options: CaretakerOptions) {
    this.#options = options
    const { healthCheckInterval } = options.options
    if (healthCheckInterval !== undefined) {
      this.#repeat(healthCheckInterval, () => this.#test(healthCheckInterval))
    }
  }

  /** Settles when the consumer is known to the others. */
  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  /** Resolves when what it was just doing is done: a lock must not be left behind. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    await Promise.all(this.#working)
  }

  async #start(): Promise<void> {
    const { presence, options, keepBindings } = this.#options
    await presence.register()
    this.#repeat(HEARTBEAT_INTERVAL, () => this.#beat())
    this.#repeat(options.restoreInterval, () => this.#restoreExpired())
    this.#repeat(BINDINGS_INTERVAL, keepBindings)
    // kombu, too, looks at once for what a dead worker has left behind; nobody has to wait for it.
    void this.#do(() => this.#restoreExpired())
    void this.#do(() => this.#checkEviction())
  }

  /** A full Redis must refuse to store, and not throw away what was stored, be it queues. */
  async #checkEviction(): Promise<void> {
    const memory = String(await this.#options.connection.send('INFO', 'memory'))
    const limit = Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0)
    const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? ''
    if (limit === 0 || !policy.startsWith('allkeys')) return
    this.#options.warn(
      `Redis may throw queues away when it is full (maxmemory-policy ${policy}): set it to noeviction, so that it ` +
        'refuses new messages instead',
    )
  }

  async #beat(): Promise<void> {
    const { presence, restorer, warn, keepQueues } = this.#options
    for (const consumer of await presence.beat()) {
      const restored = await restorer.restoreConsumer(consumer)
      await presence.forget(consumer)
      if (restored > 0)
        warn(`A consumer is gone (${consumer}): ${restored} message(s) that it held were restored`)
    }
    await keepQueues()
  }

  async #restoreExpired(): Promise<void> {
    const restored = await this.#options.restorer.restoreExpired()
    if (restored > 0) {
      this.#options.warn(
        `${restored} message(s) were restored that had been held longer than visibility_timeout`,
      )
    }
  }

  async #test(timeout: number): Promise<void> {
    const { connection, subscriber } = this.#options
    const answers = Promise.all([connection.send('PING'), subscriber.ping()])
    try {
      await waitOrAbort(answers, { timeout, clock: this.#options.clock }, 'an answer to PING')
    } catch (cause) {
      const message = `Redis at ${connection.server} does not answer (health_check_interval)`
      connection.destroy(new ConnectionError(message, { cause }))
    }
  }

  /** Does it again and again, each time so many milliseconds after the last one has ended. */
  #repeat(interval: number, work: () => Promise<void>): void {
    if (this.#stopped) return
    const timer = this.#options.clock.setTimeout(() => {
      this.#timers.delete(timer)
      void this.#do(work).then(() => this.#repeat(interval, work))
    }, interval)
    timer.unref()
    this.#timers.add(timer)
  }

  async #do(work: () => Promise<void>): Promise<void> {
    const working = this.#guarded(work)
    this.#working.add(working)
    await working
    this.#working.delete(working)
  }

  /** What Redis refuses, for want of memory for instance, may work the next time; without a connection nothing does. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      // The store hears of a lost connection by itself.
      if (this.#stopped || error instanceof ConnectionError) return
      const trouble = error instanceof Error ? error.message : String(error)
      if (trouble !== this.#trouble) this.#options.warn(trouble)
      this.#trouble = trouble
    }
  }
}
