/**
 * Hooks: whoever wants to know connects a receiver, whoever knows sends. Celery: `celery.utils.dispatch.Signal`.
 *
 * A receiver that fails hurts nobody: its error is logged, and the others are called all the same.
 */

import type { Logger } from './logger.ts'
import { repr } from './repr.ts'

/** Takes what is sent; may be async, in which case the sender waits for it. */
export type Receiver<Payload> = (payload: Payload) => unknown

/** How a receiver is connected. */
export interface ConnectOptions {
  /** Only what this sender sends: compared with the sender itself and with its `name`. Celery: `sender`. */
  readonly sender?: unknown
  /** A receiver with the same id is connected once only. Default: the receiver itself. Celery: `dispatch_uid`. */
  readonly id?: unknown
}

interface Connection<Payload> {
  readonly receiver: Receiver<Payload>
  readonly sender: unknown
  readonly id: unknown
}

/** What became of one receiver. */
export interface SignalResponse<Payload> {
  readonly receiver: Receiver<Payload>
  /** What it returned; undefined when it failed. */
  readonly value: unknown
  /** What it threw. */
  readonly error?: unknown
}

/** See the module's description. `Payload` holds the sender under `sender` if receivers may choose by it. */
export class Signal<Payload extends object> {
  /** Celery's name of the signal, e.g. `task_prerun`. */
  readonly name: string
  readonly #logger: Logger
  #connections: readonly Connection<Payload>[] = []

  constructor(name: string, logger: Logger) {
    this.name = name
    this.#logger = logger
  }

  /** Whether anybody listens. Ask before making a payload on a hot path. Celery: `has_listeners`. */
  get hasReceivers(): boolean {
    return this.#connections.length > 0
  }

  /** Connects a receiver and gives the function that disconnects it. @throws TypeError when it is no function. */
  connect(receiver: Receiver<Payload>, options: ConnectOptions = {}): () => void {
    if (typeof receiver !== 'function') {
      throw new TypeError(`A receiver of the signal ${this.name} must be a function, not ${repr(receiver)}`)
    }
    const connection = { receiver, sender: options.sender, id: options.id ?? receiver }
    const known = this.#connections.some(
      ({ id, sender }) => id === connection.id && sender === connection.sender,
    )
    if (!known) this.#connections = [...this.#connections, connection]
    return () => {
      this.#connections = this.#connections.filter((other) => other !== connection)
    }
  }

  /** Disconnects a receiver, or the one with that id, from all senders. Says whether there was one. */
  disconnect(receiverOrId: unknown): boolean {
    const before = this.#connections.length
    this.#connections = this.#connections.filter(
      ({ receiver, id }) => receiver !== receiverOrId && id !== receiverOrId,
    )
    return this.#connections.length < before
  }

  /** Calls all receivers, one after the other, in the order in which they connected. It never rejects. */
  async send(payload: Payload): Promise<SignalResponse<Payload>[]> {
    const responses: SignalResponse<Payload>[] = []
    for (const { receiver, sender } of this.#connections) {
      if (sender !== undefined && !isSender(sender, payload)) continue
      responses.push(await this.#call(receiver, payload))
    }
    return responses
  }

  /**
   * Calls all receivers before it returns, for senders who cannot wait: what receivers do before their first `await` is
   * done by then. It never rejects.
   */
  sendAtOnce(payload: Payload): Promise<SignalResponse<Payload>[]> {
    const addressed = this.#connections.filter(
      ({ sender }) => sender === undefined || isSender(sender, payload),
    )
    return Promise.all(addressed.map(({ receiver }) => this.#call(receiver, payload)))
  }

  /**
   * Calls all receivers, one after the other. Undefined when that is done already, because none of them is async; for
   * hot paths. It never rejects.
   */
  deliver(payload: Payload): Promise<void> | undefined {
    const connections = this.#connections
    for (const [index, { receiver, sender }] of connections.entries()) {
      if (sender !== undefined && !isSender(sender, payload)) continue
      const pending = this.#callNow(receiver, payload)
      if (pending !== undefined) return this.#deliverRest(pending, connections.slice(index + 1), payload)
    }
    return undefined
  }

  async #deliverRest(
    pending: PromiseLike<unknown>,
    rest: readonly Connection<Payload>[],
    payload: Payload,
  ): Promise<void> {
    await pending
    for (const { receiver, sender } of rest) {
      if (sender !== undefined && !isSender(sender, payload)) continue
      await this.#callNow(receiver, payload)
    }
  }

  #callNow(receiver: Receiver<Payload>, payload: Payload): Promise<unknown> | undefined {
    try {
      const value = receiver(payload)
      if (!isPromiseLike(value)) return undefined
      return Promise.resolve(value).catch((error: unknown) => this.#failed(receiver, error))
    } catch (error) {
      this.#failed(receiver, error)
      return undefined
    }
  }

  async #call(receiver: Receiver<Payload>, payload: Payload): Promise<SignalResponse<Payload>> {
    try {
      return { receiver, value: await receiver(payload) }
    } catch (error) {
      this.#failed(receiver, error)
      return { receiver, value: undefined, error }
    }
  }

  #failed({ name }: Receiver<Payload>, error: unknown): void {
    this.#logger.error(`Receiver ${name || '(anonymous)'} of signal ${this.name} failed`, { error })
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function isSender(wanted: unknown, payload: object): boolean {
  if (!('sender' in payload)) return false
  const { sender } = payload
  if (sender === wanted) return true
  // Tasks are functions.
  const isNamed = (typeof sender === 'object' && sender !== null) || typeof sender === 'function'
  return isNamed && 'name' in sender && sender.name === wanted
}
