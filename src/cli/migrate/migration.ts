/**
 * Moves waiting messages from one broker to another. Celery: `migrate_tasks`.
 *
 * A message is published as it is, its body undecoded, straight into its queue at the destination: routes there can
 * neither lose nor double it. It is acknowledged at the source only when the destination has confirmed it, so whatever
 * interrupts a migration may leave a message in both places, but never in none.
 *
 * States: **moving** while messages come; **ending** once the limit is reached, none has come for some time, somebody
 * stops it, or something failed: nothing new is begun, what is under way is finished; **ended** when the channels are
 * closed, which gives back to the source what was taken and not moved.
 */
import { ChannelError } from '../../errors.ts'
import type { BrokerConnection } from '../../messaging/connection.ts'
import type { Queue } from '../../messaging/entity.ts'
import type { Delivery } from '../../messaging/message.ts'
import type { Channel } from '../../messaging/transport.ts'
import type { Clock } from '../../util/clock.ts'
import { taskOf } from './task-of.ts'

/** A queue and what it is at the destination. */
export interface MigratedQueue {
  readonly from: string
  readonly to: Queue
}

/** How messages are moved. */
export interface MigrationOptions {
  readonly source: BrokerConnection
  readonly destination: BrokerConnection
  readonly queues: readonly MigratedQueue[]
  /** Most messages; undefined: all. */
  readonly limit: number | undefined
  /** Milliseconds without a message after which it ends; undefined: it goes on until it is stopped. */
  readonly timeout: number | undefined
  /** Whether they are gone from the source; otherwise they are copied. */
  readonly ack: boolean
  /** Names of tasks; empty: all messages. */
  readonly tasks: ReadonlySet<string>
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Told of each that was moved. */
  readonly moved: (state: MigrationState, delivery: Delivery) => void
}

/** How far it got. Celery: `State`. */
export interface MigrationState {
  /** Messages that were moved. */
  readonly count: number
  /** Messages that waited when it began. Celery: `total_apx`. */
  readonly total: number
}

/** Unacknowledged messages at a time. Copying, or looking for some tasks, has to hold all of them. */
const WINDOW = 200
/** Messages that said nothing of it are kept on disk. */
const PERSISTENT = 2

/** See the module's description. */
export class Migration {
  readonly #options: MigrationOptions
  readonly #underWay = new Set<Promise<void>>()
  readonly #over = Promise.withResolvers<void>()
  #begun = 0
  #count = 0
  #total = 0
  #lastSign = 0

  constructor(options: MigrationOptions) {
    this.#options = options
    // It may fail before `run` looks at it.
    this.#over.promise.catch(() => undefined)
  }

  /** Moves them. Once. @throws OperationalError when a broker fails; what was not moved is at the source. */
  async run(): Promise<MigrationState> {
    const { source, destination, queues, signal, timeout } = this.#options
    const target = await destination.openChannel({ retry: false })
    const channels: Channel[] = []
    const stop = (): void => this.#over.resolve()
    signal.addEventListener('abort', stop, { once: true })
    try {
      for (const { to } of queues) await to.declare(target)
      this.#ends(target, 'destination')
      for (const queue of queues) {
        const channel = await source.openChannel({ retry: false })
        channels.push(channel)
        await this.#consume(queue, channel, target)
      }
      if (signal.aborted) stop()
      if (timeout !== undefined) this.#watch(timeout)
      await this.#over.promise
    } finally {
      signal.removeEventListener('abort', stop)
      this.#begun = Number.POSITIVE_INFINITY
      await Promise.allSettled(this.#underWay)
      for (const channel of channels) await channel.close()
      await target.close()
    }
    return this.#state
  }

  get #state(): MigrationState {
    return { count: this.#count, total: this.#total }
  }

  async #consume({ from, to }: MigratedQueue, channel: Channel, target: Channel): Promise<void> {
    const { ack, tasks, limit } = this.#options
    const queue = {
      name: from,
      durable: true,
      exclusive: false,
      autoDelete: false,
      passive: true,
      arguments: {},
    }
    try {
      const { messages } = await channel.declareQueue(queue)
      this.#total += messages
    } catch (error) {
      // A queue that isn't there has nothing to be moved.
      if (error instanceof ChannelError) return
      throw error
    }
    this.#ends(channel, 'source')
    const holdsAll = !ack || tasks.size > 0
    await channel.prefetch(holdsAll ? (tasks.size > 0 ? 0 : (limit ?? 0)) : WINDOW)
    await channel.consume(from, (delivery) => {
      this.#lastSign = this.#options.clock.now()
      if (this.#begun >= (limit ?? Number.POSITIVE_INFINITY)) return
      if (tasks.size > 0 && !tasks.has(taskOf(delivery).name ?? '')) return
      this.#begun += 1
      const moving = this.#move(delivery, { channel, target, to: to.name })
      this.#underWay.add(moving)
      void moving.finally(() => this.#underWay.delete(moving))
    })
  }

  /** Never rejects: the first failure ends the migration. */
  async #move(
    delivery: Delivery,
    { channel, target, to }: { readonly channel: Channel; readonly target: Channel; readonly to: string },
  ): Promise<void> {
    const { destination, ack, limit, moved } = this.#options
    try {
      const { body, headers, properties } = delivery
      await target.publish(
        { body, headers, properties: { deliveryMode: PERSISTENT, ...properties } },
        { exchange: '', routingKey: to, mandatory: destination.features?.mandatory ?? false },
      )
      if (ack) await channel.ack([delivery.tag])
    } catch (error) {
      this.#over.reject(error)
      return
    }
    this.#count += 1
    this.#lastSign = this.#options.clock.now()
    moved(this.#state, delivery)
    if (this.#count === limit) this.#over.resolve()
  }

  /** A channel that is lost ends it. */
  #ends(channel: Channel, which: string): void {
    void channel.closed.then((reason) => {
      if (reason === undefined) this.#over.resolve()
      else this.#over.reject(new ChannelError(`The ${which} is gone: ${reason.message}`, { cause: reason }))
    })
  }

  /** Ends it when nothing has happened for some time. */
  #watch(timeout: number): void {
    const { clock } = this.#options
    this.#lastSign = clock.now()
    const look = (): void => {
      const left = this.#underWay.size > 0 ? timeout : this.#lastSign + timeout - clock.now()
      if (left <= 0) {
        this.#over.resolve()
        return
      }
      const timer = clock.setTimeout(look, left)
      const cancel = (): void => timer.cancel()
      this.#over.promise.then(cancel, cancel)
    }
    look()
  }
}
