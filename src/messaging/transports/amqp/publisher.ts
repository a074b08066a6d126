/**
 * Publishing with confirms, on an amqplib channel of its own: a publish that makes the broker close its channel (an
 * unknown exchange, say) then takes no consumer and no unsettled delivery with it.
 *
 * States: **shut** (no channel; where it starts) → a publish → **opening** → **open**. When the broker closes the
 * channel, everything unconfirmed fails and it is **shut** again; the next publish opens another one. `close` waits for
 * what is unconfirmed and leads to **closed**, as does the end of the connection.
 *
 * While open it may be *full* (amqplib's buffer is, until `drain`) or *blocked* (the broker wants no messages): then
 * messages wait in order, can be withdrawn, and are sent when that is over.
 */
import type { ConfirmChannel, Message } from 'amqplib'
import { ChannelError, PublishError } from '../../../errors.ts'
import { Deferred } from '../../../util/deferred.ts'
import type { OutgoingMessage, PublishTarget } from '../../message.ts'
import type { PublishTicket } from '../../transport.ts'
import { describeTarget, refused, replyCode, unencodable, unroutable } from './broker-error.ts'
import { ConfirmWindow } from './confirm-window.ts'
import { ContentHeader } from './content-header.ts'

/** What a publisher needs of its connection. */
export interface PublisherHost {
  openConfirmChannel(): Promise<ConfirmChannel>
  /** Writes a message; false: the buffer is full. */
  write(channel: ConfirmChannel, message: OutgoingMessage, target: PublishTarget): boolean
  /** Why the connection is gone; undefined while it is there. */
  readonly fault: Error | undefined
}

class Sending extends Deferred {
  readonly message: OutgoingMessage
  readonly target: PublishTarget
  readonly ticket: PublishTicket | undefined
  /** What the broker said when it returned the message. */
  returned: string | undefined

  constructor(message: OutgoingMessage, target: PublishTarget, ticket: PublishTicket | undefined) {
    super()
    this.message = message
    this.target = target
    this.ticket = ticket
  }
}

/** See the module's description. */
export class Publisher {
  readonly #host: PublisherHost
  readonly #window = new ConfirmWindow<Sending>()
  readonly #waiting: Sending[] = []
  #state: 'shut' | 'opening' | 'open' | 'closed' = 'shut'
  #channel: ConfirmChannel | undefined
  #full = false
  #blocked: boolean
  #idle: Deferred | undefined
  #channelFault: unknown

  constructor(host: PublisherHost, blocked: boolean) {
    this.#host = host
    this.#blocked = blocked
  }

  /** Settles as `Channel.publish` says. */
  publish(message: OutgoingMessage, target: PublishTarget, ticket?: PublishTicket): Promise<void> {
    const sending = new Sending(message, target, ticket)
    if (this.#state === 'closed') {
      sending.reject(this.#goneError(target))
    } else if (this.#canSend && this.#waiting.length === 0) {
      this.#send(sending)
    } else {
      this.#wait(sending)
    }
    return sending.promise
  }

  /** The broker blocks the connection, or no longer does. */
  setBlocked(blocked: boolean): void {
    this.#blocked = blocked
    if (!blocked) this.#pump()
    else if (this.#idle !== undefined) this.#rejectWaiting()
  }

  /** Waits until everything is confirmed or has failed; what cannot be sent now fails at once. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    if (this.#blocked) this.#rejectWaiting()
    this.#idle ??= new Deferred()
    this.#checkIdle()
    await this.#idle.promise
    const channel = this.#channel
    this.#state = 'closed'
    this.#channel = undefined
    await channel?.close()
  }

  /** The connection is gone. */
  lost(): void {
    this.#state = 'closed'
    this.#channel = undefined
    for (const sending of this.#window.reset()) sending.reject(this.#goneError(sending.target))
    this.#rejectWaiting()
    this.#checkIdle()
  }

  get #canSend(): boolean {
    return this.#state === 'open' && !this.#full && !this.#blocked
  }

  #wait(sending: Sending): void {
    while (this.#waiting[0]?.ticket?.withdrawn) this.#drop(this.#waiting.shift())
    this.#waiting.push(sending)
    if (this.#state === 'shut') void this.#open()
  }

  async #open(): Promise<void> {
    this.#state = 'opening'
    try {
      const channel = await this.#host.openConfirmChannel()
      if (this.#state === 'opening') this.#use(channel)
      else await channel.close()
    } catch (error) {
      if (this.#state === 'opening') this.#state = 'shut'
      this.#channelFault = error
      this.#rejectWaiting()
      this.#checkIdle()
    }
  }

  #use(channel: ConfirmChannel): void {
    this.#channel = channel
    this.#state = 'open'
    this.#full = false
    this.#channelFault = undefined
    channel.on('error', (error) => {
      this.#channelFault = error
    })
    // Whether the whole connection is going down is known only when amqplib has finished with it.
    channel.on('close', () => queueMicrotask(() => this.#onClosed(channel)))
    channel.on('drain', () => {
      this.#full = false
      this.#pump()
    })
    channel.on('return', (message) => this.#onReturn(message))
    channel.on('ack', ({ deliveryTag, multiple }) => this.#onConfirm(deliveryTag, multiple, true))
    channel.on('nack', ({ deliveryTag, multiple }) => this.#onConfirm(deliveryTag, multiple, false))
    this.#pump()
  }

  #pump(): void {
    const waiting = this.#waiting
    let sent = 0
    while (sent < waiting.length && this.#canSend) {
      const sending = waiting[sent++]
      if (sending?.ticket?.withdrawn) this.#drop(sending)
      else if (sending !== undefined) this.#send(sending)
    }
    waiting.splice(0, sent)
    if (waiting.length > 0 && this.#state === 'shut') void this.#open()
    this.#checkIdle()
  }

  #send(sending: Sending): void {
    const { message, target } = sending
    const channel = this.#channel
    if (channel === undefined) {
      sending.reject(this.#goneError(target))
      return
    }
    try {
      this.#full = !this.#host.write(channel, message, target)
      this.#window.push(sending)
    } catch (error) {
      const unfit = error instanceof TypeError || error instanceof RangeError
      sending.reject(unfit ? unencodable(error, target) : this.#goneError(target))
    }
  }

  #onConfirm(number: number, multiple: boolean, accepted: boolean): void {
    if (multiple) {
      for (const sending of this.#window.takeUpTo(number)) settle(sending, accepted)
    } else {
      const sending = this.#window.take(number)
      if (sending !== undefined) settle(sending, accepted)
    }
    this.#checkIdle()
  }

  /** The broker returns a message before it confirms it. Of several that look alike the oldest is the one. */
  #onReturn({ fields, properties }: Message): void {
    const header: unknown = properties
    const { correlationId, messageId } = header instanceof ContentHeader ? header.properties : {}
    const returned = this.#window.find(
      (sending) =>
        sending.returned === undefined &&
        sending.target.mandatory === true &&
        sending.target.routingKey === fields.routingKey &&
        sending.target.exchange === fields.exchange &&
        sending.message.properties.correlationId === correlationId &&
        sending.message.properties.messageId === messageId,
    )
    if (returned !== undefined) returned.returned = replyText(fields)
  }

  #onClosed(channel: ConfirmChannel): void {
    if (this.#channel !== channel) return
    this.#channel = undefined
    this.#state = 'shut'
    const failed = this.#window.reset()
    for (const sending of failed) sending.reject(this.#closedError(sending.target, failed.length))
    this.#pump()
  }

  /** Why an unconfirmed message failed when the broker closed the channel: its own fault, or another one's. */
  #closedError(target: PublishTarget, failed: number): Error {
    const cause = this.#channelFault
    const text = cause instanceof Error ? cause.message : 'the broker closed the channel'
    const unknownExchange = replyCode(cause) === 404 && text.includes(`no exchange '${target.exchange}' in`)
    if (unknownExchange || failed === 1) {
      return new ChannelError(`Publishing to ${describeTarget(target)} failed: ${text}`, {
        cause,
        recoverable: false,
      })
    }
    return new ChannelError(
      `Whether the broker has the message for ${describeTarget(target)} is unknown: another message on the same ` +
        `channel made the broker close it: ${text}`,
      { cause },
    )
  }

  #goneError(target: PublishTarget): Error {
    const message = `Publishing to ${describeTarget(target)} failed: the channel is closed`
    return this.#host.fault ?? new ChannelError(message, { cause: this.#channelFault })
  }

  #rejectWaiting(): void {
    for (const sending of this.#waiting.splice(0)) sending.reject(this.#goneError(sending.target))
  }

  #drop(sending: Sending | undefined): void {
    sending?.reject(new PublishError(`The message for ${describeTarget(sending.target)} was withdrawn`))
  }

  #checkIdle(): void {
    if (this.#idle !== undefined && this.#window.isEmpty && this.#waiting.length === 0) this.#idle.resolve()
  }
}

function settle(sending: Sending, accepted: boolean): void {
  if (!accepted) sending.reject(refused(sending.target))
  else if (sending.returned !== undefined) sending.reject(unroutable(sending.target, sending.returned))
  else sending.resolve()
}

function replyText(fields: object): string {
  return 'replyText' in fields ? String(fields.replyText) : 'NO_ROUTE'
}
