/**
 * Waiting for messages without taking them, and without asking again and again.
 *
 * The best way is client tracking: the server remembers which lists we found empty, and tells once when one of them
 * changes. It takes no connection of its own for any number of queues and no message travels. Servers that don't have
 * it (Redis before 6, some hosted ones, users without the right) are waited for with `BLMOVE list list RIGHT RIGHT`,
 * which blocks until there is an item and leaves it where it is; that needs a connection for each list. The last
 * resort is to look every `polling_interval`; that is done in any case, should a word of the server get lost.
 *
 * A wake-up is only a hint to look: the lists may be empty again by then.
 */
import type { Clock } from '../../../util/clock.ts'
import { Deferred } from '../../../util/deferred.ts'
import type { RedisConnection } from '../../../util/redis/redis-connection.ts'
import type { RedisSubscriber } from './redis-subscriber.ts'

/** What a `Wake` works with. */
export interface WakeOptions {
  readonly connection: RedisConnection
  readonly subscriber: RedisSubscriber
  /** Opens a connection that may block. */
  readonly open: () => Promise<RedisConnection>
  /** How many of those there may be. */
  readonly maxBlocking: number
  /** Milliseconds after which a waiter looks in any case. */
  readonly pollingInterval: number
  readonly clock: Clock
  readonly warn: (message: string) => void
  /**
   * Keys whose changes mean nothing. Before 7.2 Redis tells of all keys that a script was given, and not only of the
   * lists that it read: without this everybody who waits would look whenever anybody takes or settles a message.
   */
  readonly ignored: ReadonlySet<string>
  /** A blocking connection was lost. */
  readonly lost: (reason: Error) => void
}

/** See the module's description. */
export class Wake {
  readonly #options: WakeOptions
  readonly #waiting = new Set<Deferred>()
  readonly #watches = new Map<string, ListWatch>()
  #generation = 0
  #told = false
  #start: Promise<void> | undefined
  #mode: 'tracking' | 'blocking' | 'polling' = 'polling'
  #closed = false

  constructor(options: WakeOptions) {
    this.#options = options
  }

  /** How the server tells of messages; `polling` before `start` has settled. */
  get mode(): 'tracking' | 'blocking' | 'polling' {
    return this.#mode
  }

  /**
   * Whether the server has told of a change to a list before: only then can its silence be trusted. There may be servers
   * and proxies that accept client tracking, and tell of nothing.
   */
  get told(): boolean {
    return this.#told
  }

  /** Changes with every wake-up. Read it before you look at the lists, and hand it to `wait`. */
  get generation(): number {
    return this.#generation
  }

  /** Finds out what the server can do. Called before the first look; later calls answer the same promise. */
  start(): Promise<void> {
    this.#start ??= this.#begin()
    return this.#start
  }

  /**
   * Settles when one of the lists may have got an item since `generation`, when it is time to look anyhow, or when the
   * signal aborts.
   * @param lists those to block on, most important first, where the server has no client tracking.
   */
  async wait(generation: number, lists: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted || generation !== this.#generation) return
    if (this.#mode === 'blocking') this.#block(lists)
    const { clock, pollingInterval } = this.#options
    const woken = new Deferred()
    const wake = (): void => woken.resolve()
    const timer = clock.setTimeout(wake, pollingInterval)
    signal.addEventListener('abort', wake, { once: true })
    this.#waiting.add(woken)
    await woken.promise
    this.#waiting.delete(woken)
    signal.removeEventListener('abort', wake)
    timer.cancel()
  }

  close(): void {
    this.#closed = true
    this.#wake()
    for (const watch of this.#watches.values()) watch.close()
  }

  async #begin(): Promise<void> {
    const { connection, subscriber, warn, pollingInterval } = this.#options
    try {
      const id = await subscriber.listenToInvalidations((keys) => this.#heard(keys))
      await connection.send('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id)
      this.#mode = 'tracking'
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      warn(
        `Redis does not tell of new messages by client tracking, so connections are kept that wait for them: ${reason}`,
      )
      this.#mode = 'blocking'
    }
    if (this.#mode === 'blocking' && this.#options.maxBlocking < 1) {
      warn(
        `max_connections leaves no connection to wait with: queues are looked at every ${pollingInterval} ms`,
      )
      this.#mode = 'polling'
    }
  }

  /** Undefined: all keys are gone. */
  #heard(keys: readonly string[] | undefined): void {
    if (keys?.every((key) => this.#options.ignored.has(key))) return
    this.#told = true
    this.#wake()
  }

  #wake(): void {
    this.#generation += 1
    for (const woken of this.#waiting) woken.resolve()
  }

  #block(lists: readonly string[]): void {
    for (const list of lists) {
      let watch = this.#watches.get(list)
      if (watch === undefined) {
        if (this.#watches.size >= this.#options.maxBlocking) continue
        watch = new ListWatch(list, this.#options, {
          found: () => this.#wake(),
          refused: (reason) => this.#refused(reason),
        })
        this.#watches.set(list, watch)
      }
      watch.arm()
    }
  }

  #refused(reason: string): void {
    if (this.#mode !== 'blocking' || this.#closed) return
    this.#mode = 'polling'
    this.#options.warn(
      `Redis cannot be waited for with BLMOVE (it has it since 6.2), so queues are looked at every ` +
        `${this.#options.pollingInterval} ms: ${reason}`,
    )
  }
}

/** Waits for one list on a connection of its own, once for each `arm`. */
class ListWatch {
  readonly #list: string
  readonly #options: Pick<WakeOptions, 'open' | 'lost'>
  readonly #tell: { found(): void; refused(reason: string): void }
  #connection: RedisConnection | undefined
  #armed = false
  #closed = false

  constructor(
    list: string,
    options: Pick<WakeOptions, 'open' | 'lost'>,
    tell: { found(): void; refused(reason: string): void },
  ) {
    this.#list = list
    this.#options = options
    this.#tell = tell
  }

  arm(): void {
    if (this.#armed || this.#closed) return
    this.#armed = true
    void this.#wait()
  }

  close(): void {
    this.#closed = true
    this.#connection?.destroy(new Error('it was closed'))
  }

  async #wait(): Promise<void> {
    try {
      this.#connection ??= await this.#connect()
      // From the right end to the right end: the item stays the one that is served next.
      if (!this.#closed) await this.#connection.send('BLMOVE', this.#list, this.#list, 'RIGHT', 'RIGHT', 0)
      this.#armed = false
      this.#tell.found()
    } catch (error) {
      if (!this.#closed) this.#tell.refused(error instanceof Error ? error.message : String(error))
    }
  }

  async #connect(): Promise<RedisConnection> {
    const connection = await this.#options.open()
    if (this.#closed) connection.destroy(new Error('it was closed'))
    void connection.closed.then((reason) => {
      if (reason !== undefined && !this.#closed) this.#options.lost(reason)
    })
    return connection
  }
}
