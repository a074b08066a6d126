/**
 * A connection to RabbitMQ.
 *
 * States: **open** → `close()` → **closing** (channels first: what they have written would otherwise come after the end)
 * → **closed**; or the broker or the network ends it → **closed**, with the reason.
 */
import type { ChannelModel, ConfirmChannel } from 'amqplib'
import { ConnectionError, TimeoutError } from '../../../errors.ts'
import { waitOrAbort } from '../../../util/abort.ts'
import { Deferred } from '../../../util/deferred.ts'
import type { OutgoingMessage, PublishTarget } from '../../message.ts'
import type { Channel, TransportConnection, TransportFeatures } from '../../transport.ts'
import { channelFailure, connectionLost } from './broker-error.ts'
import type { ChannelHost } from './channel.ts'
import { AmqpChannel } from './channel.ts'
import { ClientSeam } from './client-seam.ts'
import type { ConnectOptions } from './connect-options.ts'
import type { PrefetchScope } from './consumers.ts'
import { prefetchScope } from './consumers.ts'

/** Milliseconds for a close in order; then the socket is torn down, and the broker notices by itself. */
const CLOSE_TIMEOUT = 5_000

/** See the module's description. */
export class AmqpConnection implements TransportConnection, ChannelHost {
  readonly features: TransportFeatures
  readonly closed: Promise<Error | undefined>
  readonly scope: PrefetchScope
  readonly consumerLimited: Set<string> = new Set()
  readonly #model: ChannelModel
  readonly #seam: ClientSeam
  readonly #broker: string
  readonly #blockedChanged: (reason: string | undefined) => void
  readonly #channels = new Set<AmqpChannel>()
  readonly #ended = new Deferred<Error | undefined>()
  #fault: Error | undefined
  #blocked = false
  #isClosing = false
  #closing: Promise<void> | undefined

  constructor(
    model: ChannelModel,
    options: ConnectOptions,
    features: TransportFeatures,
    blockedChanged: (reason: string | undefined) => void,
  ) {
    this.#model = model
    this.#seam = new ClientSeam(model.connection)
    this.#broker = options.broker
    this.#blockedChanged = blockedChanged
    this.features = features
    this.closed = this.#ended.promise
    const scope = prefetchScope(model.connection.serverProperties)
    this.scope = options.globalQos === undefined ? scope : options.globalQos ? 'global' : 'consumer'
    model.on('error', (error) => this.#setFault(error))
    model.on('close', (error) => this.#onClosed(error))
    model.on('blocked', (reason) => this.#setBlocked(reason))
    model.on('unblocked', () => this.#setBlocked(undefined))
  }

  get fault(): Error | undefined {
    return this.#fault
  }

  get blocked(): boolean {
    return this.#blocked
  }

  async openChannel(): Promise<Channel> {
    try {
      const channel = new AmqpChannel(this, await this.#model.createChannel())
      this.#channels.add(channel)
      void channel.closed.then(() => this.#channels.delete(channel))
      return channel
    } catch (error) {
      throw this.#fault ?? channelFailure(error, 'Opening a channel')
    }
  }

  openConfirmChannel(): Promise<ConfirmChannel> {
    return this.#model.createConfirmChannel()
  }

  write(channel: ConfirmChannel, message: OutgoingMessage, target: PublishTarget): boolean {
    return this.#seam.publish(channel, message, target)
  }

  close(): Promise<void> {
    this.#isClosing = true
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#ended.settled) return
    try {
      await waitOrAbort(
        this.#closeInOrder(),
        { timeout: CLOSE_TIMEOUT },
        `${this.#broker} to close the connection`,
      )
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
      this.#onClosed(undefined)
    }
  }

  async #closeInOrder(): Promise<void> {
    // A broker that blocks the connection reads nothing from it.
    if (!this.#blocked) await Promise.all([...this.#channels].map((channel) => channel.close()))
    if (this.#ended.settled) return
    try {
      // When the connection goes meanwhile, amqplib leaves its promise pending.
      await Promise.race([this.#model.close(), this.closed])
    } catch (error) {
      if (!this.#ended.settled) throw error
    }
  }

  #setFault(error: unknown): void {
    this.#fault ??= connectionLost(error, this.#broker)
  }

  #setBlocked(reason: string | undefined): void {
    this.#blocked = reason !== undefined
    for (const channel of this.#channels) channel.setBlocked(this.#blocked)
    this.#blockedChanged(reason)
  }

  #onClosed(error: unknown): void {
    if (this.#ended.settled) return
    if (!this.#isClosing) this.#setFault(error ?? 'it was closed')
    const reason = this.#isClosing ? undefined : this.#fault
    this.#fault ??= new ConnectionError(`The connection to ${this.#broker} is closed`)
    this.#ended.resolve(reason)
    for (const channel of this.#channels) channel.lost(reason)
    this.#channels.clear()
    this.#seam.destroySocket()
  }
}
