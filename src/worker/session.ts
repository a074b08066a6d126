import { OperationalError } from '../errors.ts'
import type { DeliveryTag } from '../messaging/message.ts'
import type { Channel, Postponed, TransportConnection } from '../messaging/transport.ts'
import type { TimerHandle } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import { Coalescer } from '../util/coalescer.ts'
import type { Logger } from '../util/logger.ts'
import type { Settlement } from './settlement.ts'

/** Milliseconds until the broker is told again what it has refused: doubled from time to time, up to the last. */
const PAUSES = [1000, 2000, 4000, 8000, 16_000, 30_000] as const

/**
 * One connection of the worker to its broker, from connecting to losing it. Messages are settled on the session that
 * delivered them; when that is gone, the broker gives them to somebody (perhaps us) again.
 *
 * Settlements of one turn of the event loop leave together. What a broker refuses without closing the connection (a
 * Redis that cannot write now, say) it is told again until it takes it: otherwise each such message would take a place
 * among the prefetched ones for as long as the connection lives.
 */
export class Session {
  readonly connection: TransportConnection
  readonly channel: Channel
  readonly #logger: Logger
  readonly #settlements: Coalescer<readonly [DeliveryTag, Settlement]>
  readonly #postponements: Coalescer<Postponed>
  readonly #returns: Coalescer<DeliveryTag>
  /** What goes back once nothing comes any more. */
  readonly #untouched: DeliveryTag[] = []
  #quiet = false
  readonly #sending = new Set<Promise<void>>()
  /** Tell the broker again what it has refused. */
  readonly #refused: (() => void)[] = []
  /** Refusals since it has taken something. */
  #refusals = 0
  #patience: TimerHandle | undefined
  readonly #abandoned = Promise.withResolvers<undefined>()
  /** Settles when no message can come any more, with the reason if there is one. */
  readonly gone: Promise<Error | undefined>
  /** The connection is gone: nothing can be settled any more. */
  lost = false

  constructor(connection: TransportConnection, channel: Channel, logger: Logger) {
    this.connection = connection
    this.channel = channel
    this.#logger = logger
    this.#settlements = new Coalescer((items) => this.#send(items))
    this.#postponements = new Coalescer((items) => this.#sendPostponed(items))
    this.#returns = new Coalescer((tags) => this.#sendBack(tags))
    this.gone = Promise.race([connection.closed, channel.closed, this.#abandoned.promise])
  }

  /** It is of no use any more, whatever the connection says. */
  giveUp(): void {
    this.#abandoned.resolve(undefined)
  }

  /** Tells the broker, with the others of this turn. */
  settle(tag: DeliveryTag, settlement: Settlement): void {
    if (!this.lost) this.#settlements.add([tag, settlement])
  }

  /** Has the broker keep a message until it is due, whoever gets it then. Answers whether it can. */
  postpone(tag: DeliveryTag, until: number): boolean {
    if (this.lost || this.channel.postpone === undefined) return false
    this.#postponements.add({ tag, until })
    return true
  }

  /** Nobody has begun with it, and nobody will: it is for others. It goes when it cannot come here again. */
  giveBack(tag: DeliveryTag): void {
    if (this.#quiet) this.#returns.add(tag)
    else this.#untouched.push(tag)
  }

  /** Its consumers are cancelled. */
  quiet(): void {
    this.#quiet = true
    for (const tag of this.#untouched.splice(0)) this.#returns.add(tag)
  }

  /** Settles when the broker was told everything. */
  async drain(): Promise<void> {
    this.#tellAgain()
    this.#returns.flushNow()
    this.#settlements.flushNow()
    this.#postponements.flushNow()
    while (this.#sending.size > 0) await Promise.all(this.#sending)
  }

  #send(items: readonly (readonly [DeliveryTag, Settlement])[]): void {
    if (this.lost) return
    const tags: Record<Settlement, DeliveryTag[]> = { ack: [], reject: [], requeue: [] }
    for (const [tag, settlement] of items) tags[settlement].push(tag)
    const { channel } = this
    const { ack, reject, requeue } = tags
    const again = (settlement: Settlement) => (tag: DeliveryTag) => this.#settlements.add([tag, settlement])
    if (ack.length > 0) this.#track(channel.ack(ack), 'ack', ack, again('ack'))
    if (reject.length > 0) {
      this.#track(channel.reject(reject, { requeue: false }), 'reject', reject, again('reject'))
    }
    if (requeue.length > 0) {
      this.#track(channel.reject(requeue, { requeue: true }), 'requeue', requeue, again('requeue'))
    }
  }

  #sendPostponed(items: readonly Postponed[]): void {
    const sent = this.lost ? undefined : this.channel.postpone?.(items)
    if (sent !== undefined) {
      this.#track(sent, 'postpone', items, (item) => this.#postponements.add(item))
    }
  }

  #sendBack(tags: readonly DeliveryTag[]): void {
    if (this.lost) return
    const sent = this.channel.reject(tags, { requeue: true, untouched: true })
    this.#track(sent, 'requeue', tags, (tag) => this.#returns.add(tag))
  }

  #track<T>(
    sent: Promise<void>,
    what: Settlement | 'postpone',
    items: readonly T[],
    again: (item: T) => void,
  ): void {
    const tracked = sent
      .then(
        () => {
          this.#refusals = 0
        },
        (error: unknown) => {
          if (this.lost) return
          this.#logger.warn(`Couldn't ${what} ${items.length} messages, reason: ${String(error)}`)
          if (isFinal(error)) return
          this.#refused.push(() => items.forEach(again))
          this.#patience ??= this.#waitForTheBroker()
        },
      )
      .finally(() => this.#sending.delete(tracked))
    this.#sending.add(tracked)
  }

  #waitForTheBroker(): TimerHandle {
    const pause = PAUSES[Math.min(this.#refusals, PAUSES.length - 1)] ?? 0
    this.#refusals += 1
    const timer = systemClock.setTimeout(() => this.#tellAgain(), pause)
    timer.unref()
    return timer
  }

  #tellAgain(): void {
    this.#patience?.cancel()
    this.#patience = undefined
    for (const tell of this.#refused.splice(0)) tell()
  }
}

/** It would be refused for ever. */
function isFinal(error: unknown): boolean {
  return error instanceof OperationalError && !error.recoverable
}
