/**
 * Publishes messages so that the caller always learns how it went: the promise settles within a timeout, resolves only
 * when the broker has the message, and rejects with an error that says why and which broker. kombu: `Producer`.
 *
 * What is to be declared is declared once on each connection (queues that may vanish by themselves: each time). When the
 * connection is lost, or cannot be made, publishing is tried again by the policy. A message that was on its way then may
 * have arrived: it can be published twice (at least once), as with Celery.
 */
import { ChannelError, OperationalError, PublishError } from '../errors.ts'
import type { IntervalPolicy } from '../util/backoff.ts'
import { intervals } from '../util/backoff.ts'
import type { Clock, TimerHandle } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import { Deferred } from '../util/deferred.ts'
import type { BrokerConnection } from './connection.ts'
import { Declarations } from './declarations.ts'
import type { Declarable } from './entity.ts'
import type { OutgoingMessage, PublishTarget } from './message.ts'
import type { Channel, PublishTicket } from './transport.ts'

/** Celery: `task_publish_retry_policy`: at once, then after 0.2, 0.4 and so on up to 1 second; three times. */
const DEFAULT_PUBLISH_RETRY: IntervalPolicy = { start: 0, step: 200, max: 1_000, maxRetries: 3 }

const DEFAULT_PUBLISH_TIMEOUT = 30_000

/** What a `Producer` works with. */
export interface ProducerOptions {
  readonly connection: BrokerConnection
  /** Default: Celery's (at once, then after 0.2, 0.4 … up to 1 s; three times); false: no retry. */
  readonly retry?: IntervalPolicy | false | undefined
  /** Milliseconds within which a publish settles, retries included. Default 30 s. */
  readonly timeout?: number | undefined
  readonly clock?: Clock | undefined
}

/** How to publish one message. */
export interface PublishOptions {
  /**
   * Where to. To the default exchange `mandatory` is set unless the target says otherwise, since a queue that does not
   * exist would swallow the message.
   */
  readonly target: PublishTarget
  /** What must be there, usually the queue. */
  readonly declare?: readonly Declarable[] | undefined
  /** Default: the producer's. */
  readonly retry?: IntervalPolicy | false | undefined
  /** Milliseconds; default: the producer's. */
  readonly timeout?: number | undefined
  /** Gives up, with the signal's reason. The message may have been sent by then. */
  readonly signal?: AbortSignal | undefined
}

/** A message on its way. Once it is settled, channels that still hold it back drop it. */
class Publishing extends Deferred implements PublishTicket {
  readonly message: OutgoingMessage
  readonly options: PublishOptions
  readonly timeout: number
  /** On the monotonic clock. */
  readonly deadline: number
  waits: Generator<number, void> | undefined
  lastError: OperationalError | undefined
  /** Declared anew, because the broker said that no queue is there. */
  redeclared = false

  constructor(message: OutgoingMessage, options: PublishOptions, timeout: number, now: number) {
    super()
    this.message = message
    this.options = options
    this.timeout = timeout
    this.deadline = now + timeout
  }

  get withdrawn(): boolean {
    return this.settled
  }
}

/** See the module's description. */
export class Producer implements AsyncDisposable {
  readonly #connection: BrokerConnection
  readonly #declarations = new Declarations()
  readonly #retry: IntervalPolicy | false
  readonly #timeout: number
  readonly #clock: Clock
  readonly #underWay = new Set<Publishing>()
  /** Messages that wait for a channel or for the same declarations, by the keys of these: sent in the order they came. */
  readonly #lines = new Map<string, Publishing[]>()
  #idle: Deferred | undefined
  #timer: TimerHandle | undefined
  #timerAt = Number.POSITIVE_INFINITY
  /** Since when the broker owes us an answer and gives none; undefined when it owes nothing. */
  #silentSince: number | undefined
  #closed = false

  constructor({ connection, retry, timeout, clock = systemClock }: ProducerOptions) {
    this.#connection = connection
    this.#retry = retry ?? DEFAULT_PUBLISH_RETRY
    this.#timeout = timeout ?? DEFAULT_PUBLISH_TIMEOUT
    this.#clock = clock
  }

  /**
   * Publishes a message. With an open channel and everything declared it is handed over before this returns, so that
   * the messages of one turn of the event loop travel together.
   *
   * @throws OperationalError when it did not work in time or the retries are used up; `PublishError` when the broker
   *   refuses the message or no queue would get it; the signal's reason when it aborts.
   */
  publish(message: OutgoingMessage, options: PublishOptions): Promise<void> {
    const timeout = options.timeout ?? this.#timeout
    const publishing = new Publishing(message, options, timeout, this.#clock.monotonic())
    if (this.#closed) {
      publishing.reject(new OperationalError('The producer is closed', { recoverable: false }))
      return publishing.promise
    }
    this.#watch(publishing)
    const channel = this.#connection.ready
    if (options.signal?.aborted) {
      this.#fail(publishing, options.signal.reason)
    } else if (channel !== undefined && this.#isPrepared(options.declare)) {
      this.#send(channel, publishing)
    } else {
      this.#prepare(publishing)
    }
    return publishing.promise
  }

  /** Waits until everything that was published so far has settled. */
  async drain(): Promise<void> {
    if (this.#underWay.size === 0) return
    this.#idle ??= new Deferred()
    await this.#idle.promise
  }

  /** Accepts nothing more and waits for what is under way. The connection stays. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.drain()
    this.#timer?.cancel()
    this.#timer = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #send(channel: Channel, publishing: Publishing): void {
    const { target } = publishing.options
    const { exchange, routingKey } = target
    this.#silentSince ??= this.#clock.monotonic()
    const checked =
      exchange === '' && target.mandatory === undefined ? { exchange, routingKey, mandatory: true } : target
    channel.publish(publishing.message, checked, publishing).then(
      () => this.#succeed(publishing),
      (error: unknown) => this.#onRefused(publishing, error),
    )
  }

  /** Whether nothing needs to be declared, and nobody waits for the same. */
  #isPrepared(declare: readonly Declarable[] | undefined): boolean {
    if (this.#lines.size > 0 && this.#lines.has(lineKey(declare))) return false
    return this.#declarations.cover(declare, this.#connection.generation)
  }

  /** Sends it when there is a channel and what it needs has been declared. */
  #prepare(publishing: Publishing): void {
    const key = lineKey(publishing.options.declare)
    const line = this.#lines.get(key)
    if (line !== undefined) {
      // A broker that keeps everybody waiting must not fill the memory with what was given up.
      while (line[0]?.settled) line.shift()
      line.push(publishing)
      return
    }
    const first = [publishing]
    this.#lines.set(key, first)
    void this.#serve(key, first, publishing.options.declare)
  }

  async #serve(
    key: string,
    line: readonly Publishing[],
    declare: readonly Declarable[] | undefined,
  ): Promise<void> {
    const connection = this.#connection
    try {
      const channel = connection.ready ?? (await connection.channel({ retry: false }))
      this.#silentSince ??= this.#clock.monotonic()
      await this.#declarations.declare(channel, declare, connection.generation)
      this.#answered()
      this.#endLine(key, line)
      for (const publishing of line) if (!publishing.settled) this.#send(channel, publishing)
    } catch (error) {
      this.#endLine(key, line)
      for (const publishing of line) this.#consider(publishing, error)
    }
  }

  #endLine(key: string, line: readonly Publishing[]): void {
    if (this.#lines.get(key) === line) this.#lines.delete(key)
  }

  /** The channel would not have the message. Perhaps what we declared once has been deleted by somebody since. */
  #onRefused(publishing: Publishing, error: unknown): void {
    const { declare = [] } = publishing.options
    const final = (error instanceof PublishError || error instanceof ChannelError) && !error.recoverable
    if (!final || publishing.settled || publishing.redeclared || declare.length === 0) {
      this.#consider(publishing, error)
      return
    }
    publishing.redeclared = true
    this.#declarations.forget(declare)
    this.#prepare(publishing)
  }

  /** Something went wrong: try again, or tell. */
  #consider(publishing: Publishing, error: unknown): void {
    if (publishing.settled) return
    if (!(error instanceof OperationalError) || error instanceof PublishError || !error.recoverable) {
      this.#fail(publishing, error)
      return
    }
    const { retry = this.#retry } = publishing.options
    this.#silentSince = undefined
    publishing.lastError = error
    publishing.waits ??= intervals(retry === false ? NO_RETRY : retry)
    const wait = publishing.waits.next()
    if (wait.done) this.#fail(publishing, this.#gaveUp(publishing, 'the retries are used up'))
    else this.#clock.setTimeout(() => this.#retryNow(publishing), wait.value)
  }

  #retryNow(publishing: Publishing): void {
    if (!publishing.settled) this.#prepare(publishing)
  }

  #succeed(publishing: Publishing): void {
    publishing.resolve()
    this.#unwatch(publishing)
    this.#answered()
  }

  #answered(): void {
    this.#silentSince = this.#underWay.size > 0 ? this.#clock.monotonic() : undefined
  }

  #fail(publishing: Publishing, error: unknown): void {
    publishing.reject(error)
    this.#unwatch(publishing)
  }

  #watch(publishing: Publishing): void {
    this.#underWay.add(publishing)
    if (publishing.deadline < this.#timerAt) this.#arm(publishing.deadline)
    const { signal } = publishing.options
    if (signal === undefined) return
    const abort = (): void => this.#fail(publishing, signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    const release = (): void => signal.removeEventListener('abort', abort)
    publishing.promise.then(release, release)
  }

  #unwatch(publishing: Publishing): void {
    this.#underWay.delete(publishing)
    if (this.#underWay.size === 0) {
      this.#idle?.resolve()
      this.#idle = undefined
    }
  }

  /** One timer for all. It is not taken back when a message is confirmed: it fires now and then, and looks around. */
  #arm(at: number): void {
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#clock.setTimeout(() => this.#lookAround(), Math.max(0, at - this.#clock.monotonic()))
    this.#timer.unref()
  }

  #lookAround(): void {
    const now = this.#clock.monotonic()
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
    let next = Number.POSITIVE_INFINITY
    for (const publishing of this.#underWay) {
      if (publishing.deadline <= now) this.#giveUp(publishing, now)
      else next = Math.min(next, publishing.deadline)
    }
    if (next < this.#timerAt) this.#arm(next)
  }

  #giveUp(publishing: Publishing, now: number): void {
    const { blocked } = this.#connection
    const why =
      blocked === undefined
        ? 'the broker has not confirmed the message, and whether it has it is unknown'
        : `the broker accepts no messages at the moment (${blocked})`
    this.#fail(publishing, this.#gaveUp(publishing, `${publishing.timeout} ms have passed and ${why}`))
    const silent = this.#silentSince === undefined ? 0 : now - this.#silentSince
    if (blocked === undefined && silent >= this.#timeout / 2) {
      this.#silentSince = undefined
      // Who comes now has nothing to do with those who wait for an answer on that connection.
      this.#lines.clear()
      this.#connection.drop(`nothing was confirmed for ${Math.round(silent)} ms`)
    }
  }

  #gaveUp({ options, lastError }: Publishing, why: string): OperationalError {
    const { exchange, routingKey } = options.target
    const where =
      exchange === '' ? `the queue '${routingKey}'` : `the exchange '${exchange}', key '${routingKey}'`
    const last = lastError === undefined ? '' : `. The last error: ${lastError.message}`
    const message = `Publishing to ${where} through ${this.#connection.broker} failed: ${why}${last}`
    return new OperationalError(message, lastError === undefined ? {} : { cause: lastError })
  }
}

const NO_RETRY: IntervalPolicy = { start: 0, step: 0, max: 0, maxRetries: 0 }

function lineKey(declare: readonly Declarable[] = []): string {
  return declare.length === 1 ? (declare[0]?.key ?? '') : declare.map(({ key }) => key).join('\n')
}
