/**
 * The queue in which a process receives replies, shared by all its requests: a reply finds its request by the ticket.
 * kombu: `Mailbox._collect`.
 *
 * States: **shut** → somebody listens → **opening** (queue declared, consumer started) → **open** → the last one leaves →
 * **shutting** (consumer cancelled, queue deleted) → **shut**. Who listens meanwhile opens it again afterwards. When the
 * channel is lost, all who listen are told, and it is **shut**.
 */
import { ConnectionError, OperationalError, SecurityError, SerializationError } from '../errors.ts'
import type { Delivery } from '../messaging/message.ts'
import type { Channel, ConsumerHandle } from '../messaging/transport.ts'
import { readControlHeaders, readControlReply } from '../protocol/control.ts'
import type { ControlContext } from './ports.ts'
import type { ReplyCollector } from './reply-collector.ts'

interface Open {
  readonly queue: string
  readonly channel: Channel
  readonly consumer: ConsumerHandle
}

/** See the module's description. */
export class ReplyInbox {
  readonly #context: ControlContext
  readonly #collectors = new Map<string, ReplyCollector>()
  #open: Promise<Open> | undefined
  #shutting: Promise<void> = Promise.resolve()
  /** The one that is, or was last, used. */
  #channel: Channel | undefined
  #isOpen = false

  constructor(context: ControlContext) {
    this.#context = context
  }

  /** Settles when replies with that ticket reach the collector. Whoever listens must `leave`, also when this fails. */
  async listen(ticket: string, collector: ReplyCollector): Promise<void> {
    this.#collectors.set(ticket, collector)
    this.#open ??= this.#opening()
    await this.#open
  }

  /** No more replies with that ticket are wanted; with the last one the queue goes. */
  async leave(ticket: string): Promise<void> {
    this.#collectors.delete(ticket)
    const open = this.#open
    if (this.#collectors.size > 0 || open === undefined) return
    const isOpen = this.#isOpen
    this.#open = undefined
    this.#channel = undefined
    this.#isOpen = false
    this.#shutting = this.#shut(open)
    // What is still being opened is shut as soon as it is open; nobody needs to wait for that.
    if (isOpen) await this.#shutting
  }

  #opening(): Promise<Open> {
    const opening = this.#shutting.then(() => this.#openQueue())
    // When it fails, the next who listens tries again.
    opening.catch(() => {
      if (this.#open === opening) this.#open = undefined
    })
    return opening
  }

  async #openQueue(): Promise<Open> {
    const { mailbox, oid } = this.#context
    const queue = mailbox.replyQueue(oid)
    const channel = await this.#context.openChannel()
    this.#channel = channel
    try {
      await queue.declare(channel)
      const consumer = await channel.consume(queue.name, (delivery) => this.#receive(delivery), {
        noAck: true,
        cancelled: () => void channel.close(),
      })
      void channel.closed.then((reason) => this.#lost(channel, reason))
      if (this.#channel === channel) this.#isOpen = true
      return { queue: queue.name, channel, consumer }
    } catch (error) {
      await channel.close()
      throw error
    }
  }

  async #shut(opening: Promise<Open>): Promise<void> {
    const [opened] = await Promise.allSettled([opening])
    // Whoever listened knows that it did not open.
    if (opened.status === 'rejected') return
    const { queue, channel, consumer } = opened.value
    try {
      await consumer.cancel()
      await channel.deleteQueue(queue)
      await channel.close()
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      this.#context.logger.debug(`The queue for replies was not removed and goes by itself: ${error.message}`)
    }
  }

  #lost(channel: Channel, reason: Error | undefined): void {
    if (channel !== this.#channel) return
    this.#open = undefined
    this.#isOpen = false
    const error = new ConnectionError(
      `The queue for replies to remote control was lost: ${reason?.message ?? 'the connection was closed'}`,
      { cause: reason },
    )
    for (const collector of this.#collectors.values()) collector.fail(error)
  }

  #receive(delivery: Delivery): void {
    const { logicalClock, clock, logger } = this.#context
    const headers = readControlHeaders(delivery.headers)
    logicalClock.adjust(headers.clock)
    if (headers.expires !== undefined && headers.expires < clock.now()) return
    const collector = this.#collectorOf(headers.ticket)
    if (collector === undefined) return
    try {
      collector.push(readControlReply(this.#context.decode(delivery.body, delivery.properties)))
    } catch (error) {
      if (!(error instanceof SerializationError || error instanceof SecurityError)) throw error
      logger.warn(`A reply to remote control cannot be read: ${error.message}`)
    }
  }

  /** As in kombu, a reply without a ticket (of an ancient worker) is that of the only request. */
  #collectorOf(ticket: string | undefined): ReplyCollector | undefined {
    if (ticket !== undefined) return this.#collectors.get(ticket)
    const [only, ...others] = this.#collectors.values()
    return others.length === 0 ? only : undefined
  }
}
