import type { Delivery } from '../../messaging/message.ts'
import type { Channel } from '../../messaging/transport.ts'
import {
  controlRequestHeaders,
  encodeControlRequest,
  readControlHeaders,
  readControlReply,
} from '../../protocol/control.ts'
import { sleep } from '../../util/abort.ts'
import { isRecord } from '../../util/is-record.ts'
import type { Logger } from '../../util/logger.ts'
import { uuid } from '../../util/uuid.ts'
import type { ControlServices } from '../control-services.ts'
import type { Revokes } from '../revokes.ts'
import type { Session } from '../session.ts'
import { encodeRevoked, readRevoked } from './revoked-wire.ts'

/** What a `Mingle` works with. */
export interface MingleOptions {
  readonly hostname: string
  readonly services: ControlServices
  readonly revokes: Revokes
  readonly decode: (delivery: Delivery) => unknown
  /** Told of ids that other workers have heard to be revoked. */
  readonly revoked: (ids: readonly string[]) => void
  readonly logger: Logger
}

/** Milliseconds that replies are awaited. Celery: 1 second, too. */
const PATIENCE = 1000

/**
 * Asks the other workers, when this one has connected, which tasks are revoked, and sets the logical clock by theirs.
 * Celery: the step `Mingle`.
 *
 * The worker consumes meanwhile: see docs/decisions/worker.md. What a reply says counts as soon as it comes.
 */
export class Mingle {
  readonly #options: MingleOptions
  readonly #stop = new AbortController()

  constructor(options: MingleOptions) {
    this.#options = options
  }

  /** A new connection: asks there. */
  attach(session: Session): void {
    void this.#ask(session)
  }

  /** Waits for no more replies. */
  close(): void {
    this.#stop.abort(new Error('the worker stops'))
  }

  async #ask(session: Session): Promise<void> {
    const { logger } = this.#options
    const { signal } = this.#stop
    try {
      const channel = await session.connection.openChannel()
      try {
        const nodes = await this.#collect(channel, session)
        if (signal.aborted) return
        if (nodes.size === 0) logger.info('mingle: all alone')
        else {
          logger.info(`mingle: sync with ${nodes.size} nodes`)
          logger.info('mingle: sync complete')
        }
      } finally {
        await channel.close()
      }
    } catch (error) {
      if (session.lost || signal.aborted) return
      logger.warn(`mingle: the other workers could not be asked: ${String(error)}`)
    }
  }

  /** Names of those that have replied. */
  async #collect(channel: Channel, session: Session): Promise<ReadonlySet<string>> {
    const { hostname, services, revokes, logger } = this.#options
    const { mailbox, clock } = services
    const nodes = new Set<string>()
    const oid = uuid()
    const ticket = uuid()
    const queue = mailbox.replyQueue(oid)
    await Promise.all([queue.declare(channel), mailbox.exchange.declare(channel)])
    await channel.consume(queue.name, (delivery) => this.#receive(delivery, ticket, nodes), { noAck: true })
    logger.info('mingle: searching for neighbors')
    const { body, contentType, contentEncoding } = services.encode(
      encodeControlRequest({
        method: 'hello',
        arguments: { from_node: hostname, revoked: encodeRevoked(revokes.recent) },
        ticket,
        replyTo: { exchange: mailbox.replyExchange.name, routingKey: oid },
      }),
    )
    const headers = controlRequestHeaders(clock.forward(), Date.now() + PATIENCE)
    const properties = { contentType, contentEncoding, deliveryMode: 2 as const, priority: 0 }
    await channel.publish({ body, headers, properties }, { exchange: mailbox.exchange.name, routingKey: '' })
    const { signal } = this.#stop
    await Promise.race([sleep(PATIENCE, { signal }).catch(() => undefined), session.gone])
    return nodes
  }

  #receive(delivery: Delivery, ticket: string, nodes: Set<string>): void {
    const { hostname, services, revokes, decode, revoked, logger } = this.#options
    try {
      const headers = readControlHeaders(delivery.headers)
      services.clock.adjust(headers.clock)
      if (headers.ticket !== ticket) return
      for (const [node, reply] of Object.entries(readControlReply(decode(delivery)))) {
        if (node === hostname || !isRecord(reply)) continue
        nodes.add(node)
        logger.debug(`mingle: processing reply from ${node}`)
        services.clock.adjust(reply['clock'])
        const entries = readRevoked(reply['revoked'], revokes.expires)
        revokes.merge(entries)
        revoked(entries.map(([id]) => id))
      }
    } catch (error) {
      logger.error(`mingle: a reply cannot be read: ${String(error)}`)
    }
  }
}
