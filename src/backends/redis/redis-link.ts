/**
 * A connection to Redis that is made again when it is lost.
 *
 * States: **idle** (nobody has needed it yet, or it was lost) → **opening** (whoever needs it waits for the same
 * attempt) → **open** → **idle** again when it is lost; **closed** from any of them, for good. What was under way when
 * it was lost is done again on the next connection, a limited number of times.
 */
import { ConnectionError, OperationalError } from '../../errors.ts'
import { sleep, waitOrAbort } from '../../util/abort.ts'
import { intervals } from '../../util/backoff.ts'
import type { Clock, TimerHandle } from '../../util/clock.ts'
import { openRedis } from '../../util/redis/open-redis.ts'
import type { RedisConnection } from '../../util/redis/redis-connection.ts'
import type { ConnectionErrorMark, RedisBackendOptions } from './redis-backend-options.ts'

/** What a `RedisLink` works with. */
export interface RedisLinkOptions {
  readonly options: Pick<
    RedisBackendOptions,
    'target' | 'clientName' | 'retryPolicy' | 'retryTimeout' | 'connectionErrors' | 'healthCheckInterval'
  >
  readonly clock: Clock
  readonly warn: (message: string) => void
  /** Done on each new connection before anybody else gets it. */
  readonly opened?: (connection: RedisConnection) => Promise<void>
  /** Whether a lost connection is to be made again at once, and not when it is next needed. */
  readonly wanted?: () => boolean
}

/** Milliseconds between two attempts to make a connection again that nobody is just asking for. */
const PATIENCE = 1000

/** See the module's description. */
export class RedisLink {
  readonly #options: RedisLinkOptions
  readonly #closing = new AbortController()
  #connection: RedisConnection | undefined
  #opening: Promise<RedisConnection> | undefined
  #check: TimerHandle | undefined
  /** Up to which retry was told since there was a connection: one line for all who try at the same time. */
  #told = 0

  constructor(options: RedisLinkOptions) {
    this.#options = options
  }

  /**
   * Does something with the connection, and does it again when the connection is lost meanwhile: it must be harmless to
   * do it twice. Rejects with `ConnectionError` when all attempts are used up.
   */
  async run<T>(operation: (connection: RedisConnection) => Promise<T>): Promise<T> {
    const { retryPolicy, retryTimeout, connectionErrors } = this.#options.options
    const { clock } = this.#options
    const waits = intervals(retryPolicy)
    const begin = clock.monotonic()
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await operation(this.#connection ?? (await this.#connect()))
      } catch (error) {
        if (this.#closing.signal.aborted || !isLoss(error, connectionErrors)) throw error
        const { done, value } = waits.next()
        const late = retryTimeout !== undefined && clock.monotonic() - begin + (value ?? 0) > retryTimeout
        if (done || late) throw usedUp(error, attempts)
        this.#tellRetry(error, attempts, value)
        await sleep(value, { signal: this.#closing.signal, clock })
      }
    }
  }

  /** Does something with the connection if there is one; when it is lost meanwhile, it does not matter. */
  async runIfOpen(operation: (connection: RedisConnection) => Promise<unknown>): Promise<void> {
    if (this.#connection === undefined) return
    try {
      await operation(this.#connection)
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
    }
  }

  /** Lets replies that are due come in, then closes. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new ConnectionError('The result backend was closed', { recoverable: false }))
    this.#check?.cancel()
    const connection = this.#connection ?? (await this.#opening?.catch(() => undefined))
    await connection?.close()
  }

  #tellRetry(error: unknown, retry: number, wait: number): void {
    if (retry <= this.#told) return
    this.#told = retry
    const { maxRetries } = this.#options.options.retryPolicy
    const of = maxRetries === undefined ? '' : `/${maxRetries}`
    this.#options.warn(
      `${messageOf(error)}. Trying again in ${(wait / 1000).toFixed(2)} seconds... (${retry}${of})`,
    )
  }

  #connect(): Promise<RedisConnection> {
    this.#closing.signal.throwIfAborted()
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #open(): Promise<RedisConnection> {
    const { options, opened } = this.#options
    const connection = await openRedis(options.target)
    if (options.clientName !== undefined) {
      // Only for people who look at CLIENT LIST: users who may not give names can do without.
      connection
        .send('CLIENT', 'SETNAME', options.clientName.replaceAll(/[^!-~]/g, '_'))
        .catch(() => undefined)
    }
    try {
      await opened?.(connection)
    } catch (cause) {
      // The next attempt makes another one.
      connection.destroy(new ConnectionError('It could not be put to use', { cause }))
      throw cause
    }
    this.#connection = connection
    this.#told = 0
    this.#scheduleCheck(connection)
    void connection.closed.then((reason) => this.#lost(connection, reason))
    return connection
  }

  #lost(connection: RedisConnection, reason: ConnectionError | undefined): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    this.#check?.cancel()
    if (reason === undefined || this.#closing.signal.aborted) return
    this.#options.warn(`The connection of the result backend was lost: ${reason.message}`)
    if (this.#options.wanted?.()) void this.#reconnect()
  }

  async #reconnect(): Promise<void> {
    const { clock, wanted, warn } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted && this.#connection === undefined && wanted?.()) {
      try {
        await this.#connect()
      } catch (error) {
        if (signal.aborted) return
        warn(`The result backend is tried again: ${messageOf(error)}`)
        await sleep(PATIENCE, { signal, clock }).catch(() => undefined)
      }
    }
  }

  #scheduleCheck(connection: RedisConnection): void {
    const { clock, options } = this.#options
    const { healthCheckInterval } = options
    if (healthCheckInterval === undefined) return
    this.#check = clock.setTimeout(
      () => void this.#test(connection, healthCheckInterval),
      healthCheckInterval,
    )
    this.#check.unref()
  }

  async #test(connection: RedisConnection, timeout: number): Promise<void> {
    try {
      await waitOrAbort(connection.send('PING'), { timeout, clock: this.#options.clock }, 'an answer to PING')
      if (this.#connection === connection) this.#scheduleCheck(connection)
    } catch (cause) {
      const message = `Redis at ${connection.server} does not answer (redisBackendHealthCheckInterval)`
      connection.destroy(new ConnectionError(message, { cause }))
    }
  }
}

function isLoss(error: unknown, marks: readonly ConnectionErrorMark[]): boolean {
  if (error instanceof ConnectionError) return error.recoverable
  if (!(error instanceof OperationalError)) return false
  const { cause } = error
  if (!(cause instanceof Error)) return false
  return marks.some((mark) => {
    if (typeof mark !== 'string') return cause instanceof mark
    return cause.name === mark || cause.message.startsWith(mark)
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function usedUp(error: unknown, attempts: number): ConnectionError {
  return new ConnectionError(
    `The result backend could not be reached in ${attempts} attempts (retry_policy of resultBackendTransportOptions): ` +
      messageOf(error),
    { cause: error },
  )
}
