import type { Delivery } from '../../messaging/message.ts'
import type { Channel } from '../../messaging/transport.ts'
import type { ControlRequest } from '../../protocol/control.ts'
import {
  controlReplyHeaders,
  encodeControlReply,
  isAddressedTo,
  readControlHeaders,
  readControlRequest,
} from '../../protocol/control.ts'
import { sleep } from '../../util/abort.ts'
import type { Logger } from '../../util/logger.ts'
import { NO_REPLY } from '../commands/command.ts'
import type { ControlServices } from '../control-services.ts'
import type { Session } from '../session.ts'
import { declareReplyExchange } from './reply-exchange.ts'

/** What a `Pidbox` works with. */
export interface PidboxOptions {
  readonly hostname: string
  readonly services: ControlServices
  readonly decode: (delivery: Delivery) => unknown
  /** Carries a command out; its answer is the reply. Must not reject. */
  readonly run: (request: ControlRequest) => Promise<unknown>
  readonly logger: Logger
}

/** Milliseconds until a mailbox that could not be opened is tried again: doubled from time to time, up to the last. */
const PAUSES = [1000, 2000, 4000, 8000, 15_000, 30_000] as const

/**
 * The mailbox of a worker: receives commands on each connection of it, and answers them. kombu: `pidbox.Node`.
 *
 * It has a channel of its own, so that no prefetch count holds commands back, and so that nothing that a broker refuses
 * here disturbs the tasks. When that channel is lost and the connection is not, the mailbox is opened anew.
 */
export class Pidbox {
  readonly #options: PidboxOptions
  readonly #stop = new AbortController()
  #opening: Promise<void> = Promise.resolve()

  constructor(options: PidboxOptions) {
    this.#options = options
  }

  /** Settles when the mailbox of the latest session has been tried for the first time. */
  get ready(): Promise<void> {
    return this.#opening
  }

  /** A new connection: receives commands there until it is lost. */
  attach(session: Session): void {
    const first = Promise.withResolvers<void>()
    this.#opening = first.promise
    void this.#serve(session, first.resolve)
  }

  /** The mailbox is not opened any more; the one that is open goes with its connection. */
  close(): void {
    this.#stop.abort(new Error('the worker stops'))
  }

  async #serve(session: Session, tried: () => void): Promise<void> {
    const { logger } = this.#options
    const { signal } = this.#stop
    let isOver = false
    void session.gone.then(() => {
      isOver = true
      tried()
    })
    for (let failures = 0; !isOver && !signal.aborted; ) {
      try {
        const channel = await this.#open(session)
        failures = 0
        tried()
        const reason = await Promise.race([channel.closed, session.gone])
        if (isOver || signal.aborted || reason === undefined) break
        logger.warn(`pidbox: the channel was lost and is opened anew: ${reason.message}`)
      } catch (error) {
        tried()
        if (isOver || session.lost || signal.aborted) break
        failures += 1
        logger.warn(`pidbox: no commands can be received now: ${String(error)}`)
      }
      const pause = PAUSES[Math.min(failures, PAUSES.length - 1)] ?? 0
      await Promise.race([sleep(pause, { signal }).catch(() => undefined), session.gone])
    }
  }

  async #open({ connection }: Session): Promise<Channel> {
    const { hostname, services, logger } = this.#options
    const channel = await connection.openChannel()
    const queue = services.mailbox.nodeQueue(hostname)
    try {
      const status = await queue.declare(channel)
      if (status !== undefined && status.consumers > 0) {
        logger.warn(
          `A node named ${hostname} is already using this process mailbox! Give each worker a name of its own, with ` +
            '-n (hostname)',
        )
      }
      await channel.consume(queue.name, (delivery) => void this.#receive(delivery, channel), { noAck: true })
    } catch (error) {
      await channel.close().catch(() => undefined)
      throw error
    }
    return channel
  }

  async #receive(delivery: Delivery, channel: Channel): Promise<void> {
    const { hostname, services, decode, run, logger } = this.#options
    let request: ControlRequest
    try {
      const { clock, expires } = readControlHeaders(delivery.headers)
      services.clock.adjust(clock)
      if (expires !== undefined && expires < Date.now()) return
      request = readControlRequest(decode(delivery))
      if (!isAddressedTo(request, hostname)) return
    } catch (error) {
      logger.error(`Cannot decode message: ${String(error)}`)
      return
    }
    const value = await run(request)
    if (request.replyTo === undefined || value === NO_REPLY) return
    try {
      await this.#reply(request.replyTo, request.ticket, value, channel)
    } catch (error) {
      logger.error(`pidbox: the reply to ${request.method} could not be sent: ${String(error)}`)
    }
  }

  async #reply(
    { exchange, routingKey }: NonNullable<ControlRequest['replyTo']>,
    ticket: string | undefined,
    value: unknown,
    channel: Channel,
  ): Promise<void> {
    const { hostname, services } = this.#options
    const { body, contentType, contentEncoding } = services.encode(encodeControlReply(hostname, value))
    await declareReplyExchange(exchange, channel)
    const headers = controlReplyHeaders(ticket, services.clock.forward())
    const properties = { contentType, contentEncoding, deliveryMode: 1 as const, priority: 0 }
    await channel.publish({ body, headers, properties }, { exchange, routingKey })
  }
}
