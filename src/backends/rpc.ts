/**
 * `rpc://`: results travel as messages to a queue of the client that sent the task. Celery: `celery.backends.rpc`.
 *
 * They are pushed, and only that client gets them; what has arrived is kept in memory, the latest state of each task.
 * There are no groups to be restored later and no chords.
 *
 * The reply queue: **idle** → the first task is sent, or a result is waited for → **opening** → **open** → the channel
 * is lost → **opening** again, with growing pauses, until it works → **open**; `close()` → **closed**, from anywhere.
 * The queue goes with its last consumer, so what is sent while it is lost does not arrive, as with Celery.
 */
import { BackendError, BackendStoreError } from '../errors.ts'
import type { Delivery, OutgoingMessage } from '../messaging/message.ts'
import type { Channel } from '../messaging/transport.ts'
import { describeException } from '../protocol/exception-info.ts'
import type { ResultMeta } from '../protocol/result-meta.ts'
import { readResultMeta } from '../protocol/result-meta.ts'
import { FAILURE, SUCCESS } from '../protocol/states.ts'
import { sleep } from '../util/abort.ts'
import { intervals } from '../util/backoff.ts'
import { LruMap } from '../util/lru-map.ts'
import { uuid } from '../util/uuid.ts'
import type { Backend, BackendFeatures, BackendOptions, ResultWatch, SaveOptions } from './backend.ts'

const FEATURES: BackendFeatures = { persistent: false, autoExpire: true, nativeJoin: true, groups: false }

/** Milliseconds between attempts to open the reply queue again. */
const REOPEN = { start: 0, step: 1_000, max: 10_000 }

/** Results that are kept in memory; `max_results` in the transport options says otherwise. */
const DEFAULT_MAX_RESULTS = 100_000

/** Opens nothing yet: the reply queue is opened by the first `beforeSend` or `watch`. */
export async function createRpcBackend(options: BackendOptions): Promise<Backend> {
  return new RpcBackend(options)
}

interface Watcher {
  readonly ids: Set<string>
  readonly deliver: (meta: ResultMeta) => void
}

class RpcBackend implements Backend {
  readonly features: BackendFeatures = FEATURES
  readonly replyTo: string = uuid()
  readonly #options: BackendOptions
  readonly #results: LruMap<string, ResultMeta>
  readonly #watchers = new Set<Watcher>()
  readonly #closing = new AbortController()
  readonly #deliveryMode: 1 | 2
  #listening: Promise<Channel> | undefined
  #sending: Promise<Channel> | undefined
  readonly #unconfirmed = new Set<Promise<void>>()

  constructor(options: BackendOptions) {
    const { max_results: maxResults } = options.transportOptions
    this.#options = options
    this.#results = new LruMap(typeof maxResults === 'number' ? maxResults : DEFAULT_MAX_RESULTS)
    this.#deliveryMode = options.settings['result_persistent'] === true ? 2 : 1
  }

  async save(meta: ResultMeta, { replyTo }: SaveOptions): Promise<void> {
    this.#closing.signal.throwIfAborted()
    // The caller wants no result, or is no rpc client.
    if (replyTo === undefined || replyTo === '') return
    const sent = this.#send(this.#messageOf(meta), replyTo, meta.task_id)
    this.#unconfirmed.add(sent)
    try {
      await sent
    } finally {
      this.#unconfirmed.delete(sent)
    }
  }

  async load(ids: readonly string[]): Promise<readonly (ResultMeta | undefined)[]> {
    this.#closing.signal.throwIfAborted()
    return ids.map((id) => this.#results.get(id))
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#results.delete(id)
  }

  async beforeSend(_id: string): Promise<void> {
    await this.#listen()
  }

  watch(deliver: (meta: ResultMeta) => void): ResultWatch {
    const watcher: Watcher = { ids: new Set(), deliver }
    this.#watchers.add(watcher)
    return {
      add: async (ids) => {
        await this.#listen()
        for (const id of ids) watcher.ids.add(id)
      },
      remove: async (ids) => {
        for (const id of ids) watcher.ids.delete(id)
      },
      close: async () => {
        this.#watchers.delete(watcher)
      },
    }
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) this.#closing.abort(new BackendError('The result backend was closed'))
    await Promise.allSettled(this.#unconfirmed)
    for (const channel of await Promise.allSettled([this.#listening, this.#sending])) {
      if (channel.status === 'fulfilled') await channel.value?.close()
    }
  }

  /** As Celery sends it, and what more there is to say behind that. */
  #messageOf(meta: ResultMeta): OutgoingMessage {
    const { task_id, status, result, traceback, children, date_done, ...more } = meta
    const { codec } = this.#options
    const known = date_done === null ? more : { date_done, ...more }
    return {
      body: codec.encode({ task_id, status, result, traceback, children, ...known }),
      properties: {
        contentType: codec.contentType,
        contentEncoding: codec.contentEncoding,
        deliveryMode: this.#deliveryMode,
        priority: 0,
        correlationId: task_id,
      },
      headers: {},
    }
  }

  async #send(message: OutgoingMessage, replyTo: string, id: string): Promise<void> {
    try {
      const channel = await this.#sendingChannel()
      // Not mandatory: when the queue is gone, so is whoever wanted to know.
      await channel.publish(message, { exchange: '', routingKey: replyTo, mandatory: false })
    } catch (cause) {
      throw new BackendStoreError(
        `The result of task ${id} could not be sent to its caller: ${String(cause)}`,
        { cause, taskId: id },
      )
    }
  }

  #sendingChannel(): Promise<Channel> {
    if (this.#sending === undefined) {
      const sending = this.#options.openChannel()
      const forget = (): void => {
        if (this.#sending === sending) this.#sending = undefined
      }
      this.#sending = sending
      sending.then((channel) => channel.closed.then(forget), forget)
    }
    return this.#sending
  }

  /** Settles when replies are being received. */
  #listen(): Promise<Channel> {
    this.#closing.signal.throwIfAborted()
    if (this.#listening === undefined) {
      const listening = this.#openReplyQueue()
      const reopen = (): void => {
        if (this.#listening === listening) void this.#reopen()
      }
      const forget = (): void => {
        if (this.#listening === listening) this.#listening = undefined
      }
      this.#listening = listening
      listening.then((channel) => channel.closed.then(reopen), forget)
    }
    return this.#listening
  }

  async #openReplyQueue(): Promise<Channel> {
    const { openChannel, expires } = this.#options
    const channel = await openChannel()
    await channel.declareQueue({
      name: this.replyTo,
      durable: true,
      exclusive: false,
      autoDelete: true,
      arguments: expires === undefined || expires <= 0 ? {} : { 'x-expires': Math.trunc(expires) },
    })
    await channel.consume(this.replyTo, (delivery) => this.#receive(delivery), {
      noAck: true,
      cancelled: () => void channel.close(),
    })
    return channel
  }

  /** After a loss: until it works. Whoever wants to send meanwhile makes an attempt of its own, and hears of failure. */
  async #reopen(): Promise<void> {
    const { signal } = this.#closing
    this.#listening = undefined
    for (const pause of intervals(REOPEN)) {
      try {
        await sleep(pause, { signal })
        await this.#listen()
        return
      } catch (error) {
        if (signal.aborted) return
        this.#options.warn?.(`The queue for results could not be opened again: ${String(error)}`)
      }
    }
  }

  #receive(delivery: Delivery): void {
    const meta = this.#read(delivery)
    if (meta === undefined) return
    if (this.#results.get(meta.task_id)?.status === SUCCESS) return
    this.#results.set(meta.task_id, meta)
    for (const { ids, deliver } of this.#watchers) {
      if (ids.has(meta.task_id)) deliver(meta)
    }
  }

  /** A reply that cannot be read ends the wait for it, too: as a failure that says why. */
  #read({ body, properties }: Delivery): ResultMeta | undefined {
    const { contentType, contentEncoding, correlationId } = properties
    try {
      return readResultMeta(this.#options.codec.decode(body, contentType, contentEncoding), correlationId)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      this.#options.warn?.(`A result could not be read: ${error.message}`)
      if (correlationId === undefined) return undefined
      return {
        task_id: correlationId,
        status: FAILURE,
        result: describeException(error),
        traceback: null,
        children: null,
        date_done: null,
      }
    }
  }
}
