/**
 * The connection over which messages are published: made when it is first needed, made again after it was lost.
 * Consuming has its own (the worker's), because there a loss has other consequences.
 *
 * States:
 * - **idle**: no connection; where it begins, and where a loss leads to. Nothing happens until somebody wants a channel.
 * - **connecting**: one round over all candidates is under way, and everybody who wants a channel waits for it. When the
 *   round fails it is **idle** again; each of those who wait decides by its own policy whether to start another round.
 * - **open**: there is a connection, and usually the shared channel. When only the channel is closed (the broker does so
 *   after an error), the next one who wants a channel opens another.
 * - **closed**: by `close()`, for good.
 */
import { ConnectionError, OperationalError, TimeoutError } from '../errors.ts'
import { Deadline, sleep, waitOrAbort } from '../util/abort.ts'
import { intervals } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { silentLogger } from '../util/logger.ts'
import { sanitizeUrl } from '../util/url.ts'
import type { ConnectRetryPolicy } from './connect-retry.ts'
import { DEFAULT_CONNECT_RETRY } from './connect-retry.ts'
import type { FailoverStrategy } from './failover.ts'
import { Failover } from './failover.ts'
import type {
  Channel,
  Transport,
  TransportConnection,
  TransportFeatures,
  TransportOptions,
} from './transport.ts'

/** What a `BrokerConnection` needs. */
export interface BrokerConnectionOptions {
  /** The alternatives of the broker URL, at least one. */
  readonly candidates: readonly TransportOptions[]
  /** The transport of a URL; rejects with `ImproperlyConfigured`. */
  readonly resolve: (url: string) => Promise<Transport>
  /** Default `round-robin`. */
  readonly strategy?: FailoverStrategy<TransportOptions> | undefined
  /** Default `DEFAULT_CONNECT_RETRY`. */
  readonly retry?: ConnectRetryPolicy | undefined
  readonly logger?: Logger | undefined
  readonly clock?: Clock | undefined
  /** For `shuffle`; default `Math.random`. */
  readonly random?: (() => number) | undefined
}

/** How somebody wants a channel. */
export interface ChannelRequest {
  /** False: one round and no more. Default: the connection's policy. */
  readonly retry?: ConnectRetryPolicy | false | undefined
  /** Gives up waiting, with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** See the module's description. */
export class BrokerConnection implements AsyncDisposable {
  readonly #options: BrokerConnectionOptions
  readonly #failover: Failover<TransportOptions>
  readonly #logger: Logger
  readonly #clock: Clock
  #broker: string
  #connection: TransportConnection | undefined
  #connecting: Promise<TransportConnection> | undefined
  #channel: Channel | undefined
  #opening: Promise<Channel> | undefined
  #generation = 0
  #blocked: string | undefined
  #closed = false
  readonly #closing = new AbortController()

  constructor(options: BrokerConnectionOptions) {
    const { candidates, strategy, logger = silentLogger, clock = systemClock, random } = options
    this.#options = options
    this.#failover = new Failover(candidates, strategy ?? 'round-robin', random)
    this.#logger = logger
    this.#clock = clock
    this.#broker = sanitizeUrl(candidates[0]?.url ?? '')
  }

  /** The shared channel, if it is open right now: for those who are in a hurry. */
  get ready(): Channel | undefined {
    return this.#channel
  }

  /** Counts connections: what was declared with another number may have to be declared again. */
  get generation(): number {
    return this.#generation
  }

  /** The broker that it is or was last connected to, or tried last; without password. */
  get broker(): string {
    return this.#broker
  }

  /** What the broker can do; undefined while there is no connection. */
  get features(): TransportFeatures | undefined {
    return this.#connection?.features
  }

  /** Why the broker accepts no messages at the moment; undefined when it does. */
  get blocked(): string | undefined {
    return this.#blocked
  }

  /**
   * The channel that all share; it is opened, and the connection made, if need be.
   * @throws OperationalError when the attempts are used up, or the connection is closed for good;
   *   ImproperlyConfigured when a URL makes no sense.
   */
  async channel(request: ChannelRequest = {}): Promise<Channel> {
    return this.#channel ?? this.#persist(() => this.#sharedChannel(), request)
  }

  /** A new channel for the caller alone, who closes it. Fails as `channel` does. */
  openChannel(request: ChannelRequest = {}): Promise<Channel> {
    return this.#persist(async () => (await this.#connected()).openChannel(), request)
  }

  /** Gives up a connection that seems to be dead; the next who wants a channel connects anew. */
  drop(reason: string): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#logger.warn(`Dropping the connection to ${this.#broker}: ${reason}`)
    this.#forget(connection)
    // What is under way on it fails when it is closed, and is then retried.
    connection.close().catch((error: unknown) => {
      this.#logger.warn(`Closing the connection to ${this.#broker} failed: ${String(error)}`)
    })
  }

  /** Closes it for good; what is being published is finished first. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    // Whoever waits for a connection is told at once; one that is made after all is closed by `#adopt`.
    this.#closing.abort(closedError(this.#broker))
    const connection = this.#connection
    if (connection !== undefined) {
      await connection.close()
      this.#forget(connection)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #sharedChannel(): Promise<Channel> {
    if (this.#opening === undefined) {
      const opening = this.#openShared().finally(() => {
        if (this.#opening === opening) this.#opening = undefined
      })
      this.#opening = opening
    }
    return this.#opening
  }

  async #openShared(): Promise<Channel> {
    const connection = await this.#connected()
    const channel = await connection.openChannel()
    if (this.#connection !== connection) return channel
    this.#channel = channel
    void channel.closed.then(() => {
      if (this.#channel === channel) this.#channel = undefined
    })
    return channel
  }

  async #connected(): Promise<TransportConnection> {
    if (this.#connection !== undefined) return this.#connection
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  /** One round over the candidates. */
  async #connect(): Promise<TransportConnection> {
    const errors: OperationalError[] = []
    for (const candidate of this.#failover.round()) {
      this.#broker = sanitizeUrl(candidate.url)
      try {
        const transport = await this.#options.resolve(candidate.url)
        const connection = await transport.connect({ ...candidate, blocked: this.#onBlocked(candidate) })
        return await this.#adopt(connection)
      } catch (error) {
        if (!(error instanceof OperationalError) || this.#closed) throw error
        errors.push(error)
      }
    }
    throw noneReachable(errors)
  }

  async #adopt(connection: TransportConnection): Promise<TransportConnection> {
    if (this.#closed) {
      await connection.close()
      throw closedError(this.#broker)
    }
    this.#connection = connection
    this.#generation++
    this.#blocked = undefined
    void connection.closed.then((reason) => {
      if (reason !== undefined && this.#connection === connection) this.#logger.warn(reason.message)
      this.#forget(connection)
    })
    return connection
  }

  #forget(connection: TransportConnection): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    this.#channel = undefined
    this.#opening = undefined
    this.#blocked = undefined
  }

  #onBlocked(candidate: TransportOptions): (reason: string | undefined) => void {
    const broker = sanitizeUrl(candidate.url)
    return (reason) => {
      this.#blocked = reason
      if (reason === undefined) this.#logger.info(`${broker} accepts messages again`)
      else this.#logger.warn(`${broker} accepts no messages: ${reason}`)
      candidate.blocked?.(reason)
    }
  }

  /** Tries until it works, as the policy says. */
  async #persist<T>(attempt: () => Promise<T>, { retry, signal: own }: ChannelRequest): Promise<T> {
    const closing = this.#closing.signal
    const signal = own === undefined ? closing : AbortSignal.any([own, closing])
    const policy = retry === false ? NO_RETRY : (retry ?? this.#options.retry ?? DEFAULT_CONNECT_RETRY)
    const deadline = new Deadline(policy.deadline, this.#clock)
    const waits = intervals(policy)
    for (let tries = 1; ; tries++) {
      if (this.#closed) throw closedError(this.#broker)
      try {
        const wait = { signal, timeout: deadline.remaining, clock: this.#clock }
        return await waitOrAbort(attempt(), wait, `a connection to ${this.#broker}`)
      } catch (error) {
        if (error instanceof TimeoutError) throw new OperationalError(error.message, { cause: error })
        if (!(error instanceof OperationalError) || !error.recoverable) throw error
        const wait = waits.next()
        if (wait.done || deadline.expired) throw error
        const pause = Math.min(wait.value, deadline.remaining ?? wait.value)
        const of = policy.maxRetries === undefined ? '' : `/${policy.maxRetries}`
        this.#logger.warn(
          `${error.message}. Trying again in ${(pause / 1000).toFixed(2)} seconds... (${tries}${of})`,
        )
        policy.errback?.(error, pause / 1000)
        await this.#pause(pause, policy.callback, signal)
      }
    }
  }

  async #pause(pause: number, callback: (() => void) | undefined, signal: AbortSignal): Promise<void> {
    const step = callback === undefined ? pause : SECOND
    for (let left = pause; ; left -= step) {
      callback?.()
      await sleep(Math.min(left, step), { signal, clock: this.#clock })
      if (left <= step) return
    }
  }
}

const SECOND = 1000
const NO_RETRY: ConnectRetryPolicy = { start: 0, step: 0, max: 0, maxRetries: 0 }

function closedError(broker: string): ConnectionError {
  return new ConnectionError(`The connection to ${broker} was closed`, { recoverable: false })
}

function noneReachable(errors: readonly OperationalError[]): OperationalError {
  const [only] = errors
  if (only !== undefined && errors.length === 1) return only
  return new ConnectionError(
    `None of the ${errors.length} brokers can be reached: ${errors.map(({ message }) => message).join('; ')}`,
    { cause: errors.at(-1), recoverable: errors.some(({ recoverable }) => recoverable) },
  )
}
