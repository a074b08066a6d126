import { ConnectionError, OperationalError, TimeoutError } from '../errors.ts'
import type { Delivery } from '../messaging/message.ts'
import type {
  Channel,
  ConsumerHandle,
  Transport,
  TransportConnection,
  TransportOptions,
} from '../messaging/transport.ts'
import { sleep, waitOrAbort } from '../util/abort.ts'
import type { IntervalPolicy } from '../util/backoff.ts'
import { intervals } from '../util/backoff.ts'
import type { Logger } from '../util/logger.ts'
import { TokenBucket } from '../util/token-bucket.ts'
import { sanitizeUrl } from '../util/url.ts'
import { leaveTime } from './leave-time.ts'
import { Session } from './session.ts'

/** A queue to consume: an entity of `messaging/entity.ts`, as far as it matters here. */
export interface ConsumedQueue {
  readonly name: string
  /** Makes the queue, its exchange and its bindings known to the broker. */
  declare(channel: Channel): Promise<unknown>
  readonly consumerArguments?: Readonly<Record<string, unknown>> | undefined
}

/** What a consumer needs; wired by the worker. */
export interface ConsumerOptions {
  /** Brokers to try, one after the other. */
  readonly candidates: readonly TransportOptions[]
  readonly resolve: (url: string) => Promise<Transport>
  /** Queues to begin with. */
  readonly queues: readonly ConsumedQueue[]
  /** Prefetch count for a new connection. */
  readonly prefetch: () => number
  /** How many messages can be made use of at once at this moment; undefined: what `prefetch` says. */
  readonly room?: () => number
  /** Gets every message, with the session it must be settled on. Must not throw. */
  readonly deliver: (delivery: Delivery, session: Session) => void
  /** Told of each new session before it consumes: for what else is done on its connection. Must not throw. */
  readonly opened: (session: Session) => void
  /** Told when a session was lost: what it delivered will be delivered again by the broker. */
  readonly lost: (session: Session) => void
  readonly retry: RetryOptions
  /** Milliseconds within which a broker must have answered everything that consuming begins with. */
  readonly patience: number
  readonly logger: Logger
}

/** When to try again. */
export interface RetryOptions {
  /** After a connection was lost. Celery: `broker_connection_retry`. */
  readonly enabled: boolean
  /** When the first connection fails. Celery: `broker_connection_retry_on_startup`. */
  readonly onStartup: boolean
  /** `maxRetries` is Celery's `broker_connection_max_retries`. */
  readonly policy: IntervalPolicy
}

/** Connections lost within a second; at one more there is a pause. As in Celery. */
const MOST_RESTARTS = 5
const RESTART_PAUSE_MS = 1000

/**
 * Keeps a worker connected to its broker and consuming.
 *
 * *Connecting*: candidates are tried in turn, with growing pauses, until one accepts (or the retries are used up).
 * *Consuming*: deliveries flow. When the connection or the channel is gone, or the broker cancels a consumer: the
 * session is declared lost, and back to *connecting*. *Quiet*: consumers are cancelled, settlements still go out (a
 * worker that finishes its tasks). *Closed*: for good, by `close()` or because the retries are used up (`failed`).
 */
export class Consumer {
  readonly #options: ConsumerOptions
  readonly #stop = new AbortController()
  readonly #failed = Promise.withResolvers<never>()
  readonly #queues: Map<string, ConsumedQueue>
  #session: Session | undefined
  /** Settles when there is a session, and is then replaced. */
  #arrival = Promise.withResolvers<void>()
  /** By the name of the queue. */
  #handles = new Map<string, ConsumerHandle>()
  /** Queues are added and cancelled one after the other. */
  #changing: Promise<void> = Promise.resolve()
  #broker: TransportOptions | undefined
  /** Connections that may be lost within a second without a pause. */
  readonly #restarts = new TokenBucket(MOST_RESTARTS, MOST_RESTARTS)
  #attempt = 0
  #quiet = false
  #prefetchDue = false
  /** What the channel was told last. */
  #prefetched = 0
  readonly #disconnecting = new Set<Promise<void>>()
  #supervision: Promise<void> = Promise.resolve()
  /** How often a connection was lost and made again. */
  reconnects = 0

  constructor(options: ConsumerOptions) {
    this.#options = options
    this.#queues = new Map(options.queues.map((queue) => [queue.name, queue]))
    this.#failed.promise.catch(() => {
      // Whoever cares awaits `failed`; nobody caring is no unhandled rejection.
    })
  }

  /** Rejects when the broker cannot be reached any more; never settles otherwise. */
  get failed(): Promise<never> {
    return this.#failed.promise
  }

  /** The session messages come from now; undefined while there is none. */
  get session(): Session | undefined {
    return this.#session
  }

  /** What is consumed now, or will be after the next connection. Celery: `task_consumer.queues`. */
  get queues(): readonly ConsumedQueue[] {
    return [...this.#queues.values()]
  }

  /** The broker of the latest session. */
  get broker(): TransportOptions | undefined {
    return this.#broker
  }

  /**
   * Consumes from one more queue, from now on and after each connection; while there is none, from the next one on.
   * Rejects when that cannot be; then it is as before. Celery: `add_task_queue`.
   */
  addQueue(queue: ConsumedQueue): Promise<void> {
    return this.#change(async () => {
      if (this.#queues.has(queue.name)) return
      await this.#onSession(async (session) => {
        await this.#tryDeclaring(queue, session)
        await this.#consume(queue, session)
      })
      this.#queues.set(queue.name, queue)
    })
  }

  /** Consumes from a queue no more; what it delivered is still worked on. Celery: `cancel_task_queue`. */
  cancelQueue(name: string): Promise<void> {
    return this.#change(async () => {
      this.#queues.delete(name)
      // A session that is being opened may have begun with it.
      await this.#onSession(async () => {
        const handle = this.#handles.get(name)
        this.#handles.delete(name)
        await handle?.cancel()
      })
    })
  }

  /** Does something on the session that there is, or else on the next one. Rejects when that is lost meanwhile. */
  async #onSession(deed: (session: Session) => Promise<void>): Promise<void> {
    const { signal } = this.#stop
    while (this.#session === undefined || this.#session.lost) {
      await waitOrAbort(this.#arrival.promise, { signal }, 'a connection')
    }
    const session = this.#session
    const lost = session.gone.then((reason) => {
      throw reason ?? new ConnectionError('the connection to the broker was closed')
    })
    await Promise.race([deed(session), lost])
  }

  #change(step: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(step)
    this.#changing = done.catch(() => undefined)
    return done
  }

  /** On a channel of its own: a broker that refuses closes the channel, and the others must go on. */
  async #tryDeclaring(queue: ConsumedQueue, { connection }: Session): Promise<void> {
    const channel = await connection.openChannel()
    try {
      await queue.declare(channel)
    } finally {
      await channel.close()
    }
  }

  /** Settles when messages can come, or the consumer was closed; rejects when no broker could be reached. */
  async start(): Promise<void> {
    const { retry } = this.#options
    try {
      await this.#connect(retry.onStartup ? retry.policy : undefined)
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error
    }
    this.#supervision = this.#supervise()
  }

  /** Tells the broker a new prefetch count, once per turn of the event loop however often it is called. */
  applyPrefetch(): void {
    if (this.#prefetchDue) return
    this.#prefetchDue = true
    setImmediate(() => {
      this.#prefetchDue = false
      this.#sendPrefetch()
    })
  }

  #sendPrefetch(): void {
    const session = this.#session
    if (session === undefined || session.lost) return
    const { prefetch, room } = this.#options
    if (room !== undefined) session.channel.limit?.(room)
    const count = prefetch()
    if (count === this.#prefetched) return
    this.#prefetched = count
    session.channel.prefetch(count).catch((error: unknown) => {
      if (!session.lost)
        this.#options.logger.warn(`consumer: cannot change the prefetch count: ${String(error)}`)
    })
  }

  /** Drops the connection on purpose, so that it is made again. */
  rebuild(): void {
    this.#session?.giveUp()
  }

  /** No more messages come; what was delivered can still be settled. */
  async stopConsuming(): Promise<void> {
    this.#quiet = true
    const handles = [...this.#handles.values()]
    this.#handles = new Map()
    const session = this.#session
    if (session === undefined) this.#stop.abort(new ConnectionError('the worker stops'))
    else if (!session.lost) {
      const cancelled = Promise.allSettled(handles.map((handle) => handle.cancel()))
      const timeout = this.#leaveTime
      await waitOrAbort(Promise.race([cancelled, session.gone]), { timeout }, 'the broker').then(
        () => session.quiet(),
        () => session.giveUp(),
      )
    }
  }

  /** Sends what is still to be settled, gives back the rest, disconnects. Idempotent. */
  async close(): Promise<void> {
    this.#quiet = true
    this.#stop.abort(new ConnectionError('the worker stops'))
    const session = this.#session
    this.#session = undefined
    if (session !== undefined && !session.lost) await this.#takeLeave(session)
    await this.#supervision
    await Promise.all(this.#disconnecting)
  }

  get #leaveTime(): number {
    return leaveTime(this.#options.patience)
  }

  /** A broker that does not answer keeps nobody from stopping: it will find out by itself, and so do we then. */
  async #takeLeave(session: Session): Promise<void> {
    const { logger } = this.#options
    const left = async (): Promise<void> => {
      await session.drain()
      session.lost = true
      await session.channel.close()
    }
    try {
      await waitOrAbort(left(), { timeout: this.#leaveTime }, 'the broker to take back what is held')
    } catch (error) {
      logger.warn(`consumer: the broker did not take back what is held, but will: ${messageOf(error)}`)
    } finally {
      session.lost = true
      await this.#disconnect(session.connection)
    }
  }

  /** The connection is not needed any more, and what it has to say at its end does not matter. */
  #disconnect(connection: TransportConnection): Promise<void> {
    const disconnecting = connection
      .close()
      .catch((error: unknown) => {
        this.#options.logger.debug(`consumer: closing the connection failed: ${messageOf(error)}`)
      })
      .finally(() => this.#disconnecting.delete(disconnecting))
    this.#disconnecting.add(disconnecting)
    return disconnecting
  }

  async #supervise(): Promise<void> {
    const { logger, retry, lost } = this.#options
    while (this.#session !== undefined) {
      const session = this.#session
      const reason = await session.gone
      if (this.#stop.signal.aborted) return
      session.lost = true
      this.#session = undefined
      lost(session)
      // Not waited for: on a connection that has gone silent it takes its time.
      void this.#disconnect(session.connection)
      if (this.#quiet) return
      logger.warn('consumer: Connection to broker lost. Trying to re-establish the connection...', {
        reason: reason?.message ?? 'closed',
      })
      try {
        if (!retry.enabled) throw reason ?? new ConnectionError('the connection to the broker was closed')
        await this.#slowDown()
        await this.#connect(retry.policy)
        this.reconnects += 1
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#failed.reject(error)
        return
      }
    }
  }

  /** A broker that accepts every connection and closes it at once is not to be flooded with them. */
  async #slowDown(): Promise<void> {
    if (this.#restarts.take()) return
    this.#options.logger.critical('Frequent restarts detected: the connection is lost as soon as it is made')
    await sleep(RESTART_PAUSE_MS, { signal: this.#stop.signal })
  }

  /** Tries candidates in turn until one works. Without a policy every candidate is tried once. */
  async #connect(policy: IntervalPolicy | undefined): Promise<void> {
    const { candidates, logger } = this.#options
    const pauses = intervals(policy ?? { start: 0, step: 0, max: 0, maxRetries: candidates.length - 1 })
    for (let retries = 0; ; retries += 1) {
      const options = candidates[this.#attempt++ % candidates.length]
      if (options === undefined) throw new ConnectionError('no broker is configured: set brokerUrl')
      try {
        const session = await this.#open(options)
        if (this.#stop.signal.aborted) return await this.#disconnect(session.connection)
        this.#session = session
        this.#broker = options
        this.#arrival.resolve()
        this.#arrival = Promise.withResolvers()
        // What its first queues have delivered may have changed the count before it could be told.
        this.applyPrefetch()
        logger.info(`Connected to ${sanitizeUrl(options.url)}`)
        return
      } catch (error) {
        if (this.#stop.signal.aborted || !isRecoverable(error)) throw error
        const url = sanitizeUrl(options.url)
        const pause = pauses.next()
        if (pause.done === true) {
          throw new ConnectionError(`Cannot connect to ${url}: ${messageOf(error)}`, { cause: error })
        }
        const max = policy?.maxRetries
        const times = max === undefined ? '' : ` (${retries + 1}/${max})`
        logger.error(
          `consumer: Cannot connect to ${url}: ${messageOf(error)}.\n` +
            `Trying again in ${(pause.value / 1000).toFixed(2)} seconds...${times}`,
        )
        await sleep(pause.value, { signal: this.#stop.signal })
      }
    }
  }

  async #open(options: TransportOptions): Promise<Session> {
    const { resolve, patience, lost, logger } = this.#options
    const { signal } = this.#stop
    const transport = await resolve(options.url)
    const connecting = transport.connect(options)
    let connection: TransportConnection
    try {
      connection = await waitOrAbort(connecting, { signal }, 'the broker')
    } catch (error) {
      // Should it still come about, nobody wants it any more.
      void connecting.then(
        (late) => this.#disconnect(late),
        () => undefined,
      )
      throw error
    }
    let session: Session | undefined
    try {
      const channel = await waitOrAbort(connection.openChannel(), { signal, timeout: patience }, 'an answer')
      session = new Session(connection, channel, logger)
      await waitOrAbort(this.#begin(session), { signal, timeout: patience }, 'an answer')
      return session
    } catch (error) {
      // It may have delivered something already, which comes again.
      if (session !== undefined) {
        session.lost = true
        lost(session)
      }
      void this.#disconnect(connection)
      if (!(error instanceof TimeoutError)) throw error
      throw new ConnectionError(error.message, { cause: error })
    }
  }

  async #begin(session: Session): Promise<void> {
    const { prefetch, opened } = this.#options
    const { queues } = this
    const { channel } = session
    opened(session)
    await Promise.all(queues.map((queue) => queue.declare(channel)))
    this.#limit(channel)
    this.#prefetched = prefetch()
    await channel.prefetch(this.#prefetched)
    if (session.lost) return
    this.#handles = new Map()
    for (const queue of queues) await this.#consume(queue, session)
  }

  #limit(channel: Channel): void {
    const { room, logger } = this.#options
    if (room === undefined) return
    if (channel.limit === undefined) {
      logger.warn(
        'worker_disable_prefetch: this broker sends messages without being asked; one for each place of the pool waits here',
      )
    } else channel.limit(room)
  }

  async #consume({ name, consumerArguments }: ConsumedQueue, session: Session): Promise<void> {
    const { deliver, logger } = this.#options
    const handle = await session.channel.consume(name, (delivery) => deliver(delivery, session), {
      ...(consumerArguments === undefined ? {} : { arguments: consumerArguments }),
      cancelled: (reason) => {
        logger.warn(`consumer: the broker cancelled the consumer of ${name}: ${reason.message}`)
        session.giveUp()
      },
    })
    if (session.lost) return
    // It was to be the last one that was cancelled.
    if (this.#quiet) await handle.cancel()
    else this.#handles.set(name, handle)
  }
}

/** Whether trying again can help: not when a setting is wrong or a package is missing. */
function isRecoverable(error: unknown): boolean {
  return error instanceof OperationalError && error.recoverable
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
