import type { DeliveryTag } from '../messaging/message.ts'
import type { Channel, Postponed, TransportConnection } from '../messaging/transport.ts'
import { Coalescer } from '../util/coalescer.ts'
import type { Logger } from '../util/logger.ts'
import type { Settlement } from './settlement.ts'

/**
 * One connection of the worker to its broker, from connecting to losing it. Messages are settled on the session that
 * delivered them; when that is gone, the broker gives them to somebody (perhaps us) again.
 *
 * Settlements of one turn of the event loop leave together.
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
    if (tags.ack.length > 0) this.#track(channel.ack(tags.ack), 'ack', tags.ack.length)
    if (tags.reject.length > 0) {
      this.#track(channel.reject(tags.reject, { requeue: false }), 'reject', tags.reject.length)
    }
    if (tags.requeue.length > 0) {
      this.#track(channel.reject(tags.requeue, { requeue: true }), 'requeue', tags.requeue.length)
    }
  }

  #sendPostponed(items: readonly Postponed[]): void {
    const sent = this.lost ? undefined : this.channel.postpone?.(items)
    if (sent !== undefined) this.#track(sent, 'postpone', items.length)
  }

  #sendBack(tags: readonly DeliveryTag[]): void {
    if (this.lost) return
    this.#track(this.channel.reject(tags, { requeue: true, untouched: true }), 'requeue', tags.length)
  }

  #track(sent: Promise<void>, what: Settlement | 'postpone', count: number): void {
    const tracked = sent
      .catch((error: unknown) => {
        // The broker still has them and will deliver them again: worth a line, no reason to stop.
        if (this.lost) return
        this.#logger.warn(`Couldn't ${what} ${count} messages, reason: ${String(error)}`)
      })
      .finally(() => this.#sending.delete(tracked))
    this.#sending.add(tracked)
  }
}
