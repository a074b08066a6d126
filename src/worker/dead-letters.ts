import type { Delivery, OutgoingMessage } from '../messaging/message.ts'
import type { Channel } from '../messaging/transport.ts'
import type { Logger } from '../util/logger.ts'
import type { Session } from './session.ts'
import { type Settlement, type SettlementPolicy, settle } from './settlement.ts'
import { type Letter, Unburied } from './unburied.ts'

/** Header that tells why a message is in the dead-letter queue, and where it came from. */
export const DEATH_HEADER = 'celeriac_death'

/** Header that counts how many processes a message has taken with it. */
const LOSSES_HEADER = 'celeriac_losses'

/** Value of `DEATH_HEADER`. */
export interface Death {
  /** Kind of problem: `undecodable`, `unknown-message`, `unknown-task`, `invalid`, `disallowed`, `too-often`. */
  readonly reason: string
  /** The same for people. */
  readonly detail: string
  readonly queue: string
  readonly exchange: string
  readonly routing_key: string
  /** ISO 8601. */
  readonly time: string
  /** Node name of the worker. */
  readonly worker: string
}

/** Why a message is buried. */
export interface Burial {
  /** See `Death`. */
  readonly reason: string
  readonly detail: string
  /** The message is settled already: the copy is all there is. Default false. */
  readonly acknowledged?: boolean
}

/** Whether a message can be run does not depend on its task. */
const NO_POLICY: SettlementPolicy = {
  acksLate: true,
  acksOnFailure: true,
  acksOnTimeout: true,
  rejectOnWorkerLost: false,
}

/**
 * Keeps messages that nobody can run, with the reason, where people can look at them and send them again.
 * Celery throws them away.
 */
export class DeadLetters {
  readonly #queue: string | undefined
  readonly #hostname: string
  readonly #logger: Logger
  /** Where the queue is known to be, or was tried to be made known; one per session. */
  readonly #channels = new WeakMap<Session, Promise<Channel>>()
  readonly #unburied: Unburied
  /** How many were buried. */
  count = 0

  /** @param options `queue` undefined: nothing is kept, as in Celery. `session`: the latest one. */
  constructor(options: {
    readonly queue: string | undefined
    readonly hostname: string
    readonly session?: () => Session | undefined
    readonly logger: Logger
  }) {
    const { queue, hostname, session = () => undefined, logger } = options
    this.#queue = queue
    this.#hostname = hostname
    this.#logger = logger
    this.#unburied = new Unburied({ store: (letter, on) => this.#storeLate(letter, on), session, logger })
  }

  /**
   * Stores a copy. Answers how the message itself is to be settled: undefined when the copy could not be stored. Then
   * nothing is to be done: it is tried again, and the message settled when the copy is stored.
   * @param options `acknowledged`: the message is settled already.
   */
  async bury(
    delivery: Delivery,
    session: Session,
    { reason, detail, acknowledged = false }: Burial,
  ): Promise<Settlement | undefined> {
    this.count += 1
    const queue = this.#queue
    if (queue === undefined || delivery.queue === queue) return settle('discarded', NO_POLICY)
    const death: Death = {
      reason,
      detail,
      queue: delivery.queue,
      exchange: delivery.exchange,
      routing_key: delivery.routingKey,
      time: new Date().toISOString(),
      worker: this.#hostname,
    }
    const letter = { copy: copyOf(delivery, death), delivery, session, acknowledged }
    try {
      await this.#store(letter.copy, session, queue)
      return settle('buried', NO_POLICY)
    } catch (error) {
      if (session.lost && !acknowledged) return undefined
      this.#logger.error(`Cannot move a message of ${delivery.queue} to ${queue}: it is tried again`, {
        error,
      })
      this.#unburied.add(letter)
      return undefined
    }
  }

  /** Stores what could not be stored before, if that is possible within so many milliseconds. Nothing is buried any more. */
  close(patience: number): Promise<void> {
    return this.#unburied.close(patience)
  }

  async #storeLate({ copy, delivery, acknowledged }: Letter, session: Session): Promise<void> {
    if (this.#queue === undefined) return
    await this.#store(copy, session, this.#queue)
    this.#logger.info(`Moved a message of ${delivery.queue} to ${this.#queue}`)
    if (!acknowledged) session.settle(delivery.tag, settle('buried', NO_POLICY))
  }

  async #store(copy: OutgoingMessage, session: Session, queue: string): Promise<void> {
    try {
      const channel = await this.#channelOf(session, queue)
      await channel.publish(copy, { exchange: '', routingKey: queue })
    } catch (error) {
      this.#closeChannel(session)
      throw error
    }
  }

  /** How many processes a message has taken with it before. */
  lossesOf(delivery: Delivery): number {
    const losses = delivery.headers[LOSSES_HEADER]
    return typeof losses === 'number' ? losses : 0
  }

  /** Puts a copy that knows the number of `losses` into the queue of a message. Answers whether that worked. */
  async sendBack(delivery: Delivery, session: Session, losses: number): Promise<boolean> {
    const { properties, body, queue } = delivery
    const copy = { properties, body, headers: { ...freshHeaders(delivery), [LOSSES_HEADER]: losses } }
    try {
      await session.channel.publish(copy, { exchange: '', routingKey: queue })
      return true
    } catch (error) {
      if (!session.lost) this.#logger.warn(`Cannot count the deliveries of a message of ${queue}`, { error })
      return false
    }
  }

  #channelOf(session: Session, queue: string): Promise<Channel> {
    let channel = this.#channels.get(session)
    if (channel === undefined) {
      channel = this.#open(session, queue)
      this.#channels.set(session, channel)
    }
    return channel
  }

  #closeChannel(session: Session): void {
    const opening = this.#channels.get(session)
    this.#channels.delete(session)
    void opening?.then(closeQuietly, () => undefined)
  }

  /** A channel of its own: a broker that refuses closes it, and the tasks must go on. */
  async #open({ connection, lost }: Session, queue: string): Promise<Channel> {
    const channel = await connection.openChannel()
    try {
      await channel.declareQueue({
        name: queue,
        durable: true,
        exclusive: false,
        autoDelete: false,
        arguments: {},
      })
      return channel
    } catch (error) {
      if (lost) throw error
      // Somebody may have made it otherwise, and wants it so. Whether it is there, publishing tells.
      await closeQuietly(channel)
      this.#logger.warn(`Cannot declare the dead-letter queue ${queue}: ${String(error)}`)
      return await connection.openChannel()
    }
  }
}

async function closeQuietly(channel: Channel): Promise<void> {
  try {
    await channel.close()
  } catch {
    // Its end was the reason for closing it, or its connection is gone.
  }
}

function copyOf(delivery: Delivery, death: Death): OutgoingMessage {
  // An expiration would let the broker drop the copy as well.
  const { expiration: _, ...properties } = delivery.properties
  return {
    body: delivery.body,
    properties: { ...properties, deliveryMode: 2 },
    headers: { ...freshHeaders(delivery), [DEATH_HEADER]: death },
  }
}

/** The copy has not been delivered before: virtual brokers keep that in a header, as kombu does. */
function freshHeaders({ headers }: Delivery): Delivery['headers'] {
  const { redelivered: _, ...others } = headers
  return others
}
