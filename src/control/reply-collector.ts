/** The replies to one request, as they come. */
import type { Clock, TimerHandle } from '../util/clock.ts'

/** A reply: what nodes say, by their names; usually there is one. */
export type NodeReply<T = unknown> = Readonly<Record<string, T>>

/** When enough has come. */
export interface CollectorOptions {
  /** Most replies; undefined: as many as come in time. */
  readonly limit: number | undefined
  /** Milliseconds without a reply after which no more is expected; undefined: it waits for ever. */
  readonly timeout: number | undefined
  readonly clock: Clock
}

/**
 * States: **listening** (replies are kept, no time runs) → `start()` → **waiting** (each reply starts the time anew, as
 * in Celery) → **ended**: by the last reply, the time, `stop()`, or an error, which whoever iterates gets after what came
 * before it.
 */
export class ReplyCollector implements AsyncIterable<NodeReply> {
  readonly #options: CollectorOptions
  readonly #replies: NodeReply[] = []
  #received = 0
  #started = false
  #ended = false
  #failure: { readonly error: unknown } | undefined
  #timer: TimerHandle | undefined
  #changed: PromiseWithResolvers<void> = Promise.withResolvers()

  constructor(options: CollectorOptions) {
    this.#options = options
  }

  /** The request is out: now time counts. */
  start(): void {
    this.#started = true
    this.#arm()
  }

  /** Takes a reply in, unless it comes too late. */
  push(reply: NodeReply): void {
    if (this.#ended) return
    this.#replies.push(reply)
    this.#received++
    if (this.#received === this.#options.limit) this.stop()
    else this.#arm()
    this.#wake()
  }

  /** No more will come, for that reason. */
  fail(error: unknown): void {
    if (this.#ended) return
    this.#failure = { error }
    this.stop()
  }

  /** Takes no more replies. Idempotent. */
  stop(): void {
    this.#ended = true
    this.#timer?.cancel()
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<NodeReply, void> {
    while (true) {
      for (let reply = this.#replies.shift(); reply !== undefined; reply = this.#replies.shift()) yield reply
      if (this.#ended) break
      await this.#changed.promise
      this.#changed = Promise.withResolvers()
    }
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #arm(): void {
    const { timeout, clock } = this.#options
    if (!this.#started || this.#ended || timeout === undefined) return
    this.#timer?.cancel()
    this.#timer = clock.setTimeout(() => this.stop(), timeout)
  }

  #wake(): void {
    this.#changed.resolve()
  }
}
