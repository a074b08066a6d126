import type { AsyncResult } from './async-result.ts'
import { trusted } from './async-result.ts'
import { checkGetOptions } from './get-options.ts'
import type { GetOptions, ResultNode } from './ports.ts'

/** What a promise of JavaScript calls the reason of a failure, so that `catch((error: Error) => …)` is taken as there. */
type Reason = Parameters<NonNullable<Parameters<Promise<unknown>['catch']>[0]>>[0]

/**
 * What `delay()` and `applyAsync()` give: a promise of the result object, settled when the broker has the message, and
 * `get()` on it for those who want nothing but the value: `await add.delay(4, 4).get()`.
 */
export class ResultPromise<T, R extends ResultNode = AsyncResult<T>> implements Promise<R> {
  readonly [Symbol.toStringTag]: string = 'ResultPromise'
  /** Id of the call (or of the group); known before it is sent. */
  readonly id: string
  readonly #promise: Promise<R>
  readonly #early: R | undefined

  /** @param early the result object, where it can be made before the broker has the message. */
  constructor(id: string, promise: Promise<R>, early?: R) {
    this.id = id
    this.#promise = promise
    this.#early = early
  }

  /** Sends, and waits for the value. See `AsyncResult.get`; the time for sending counts, too. */
  async get(options: GetOptions = {}): Promise<T> {
    if (this.#early === undefined) return trusted<T>(await (await this.#promise).get(options))
    return trusted<T>(await this.#followWhileSending(this.#early, options))
  }

  /** Asks the backend to tell while the message is still on its way: a trip less to wait for. */
  async #followWhileSending(early: R, options: GetOptions): Promise<unknown> {
    const notSent = new AbortController()
    this.#promise.catch((error: unknown) => notSent.abort(error))
    // As they were given: a copy is always an object.
    checkGetOptions(options)
    const given = options.signal
    const signal = given === undefined ? notSent.signal : AbortSignal.any([given, notSent.signal])
    return early.get({ ...options, signal })
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise, and says so
  then<Fulfilled = R, Rejected = never>(
    onFulfilled?: ((result: R) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: Reason) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.#promise.then(onFulfilled, onRejected)
  }

  catch<Rejected = never>(
    onRejected?: ((reason: Reason) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<R | Rejected> {
    return this.#promise.catch(onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<R> {
    return this.#promise.finally(onFinally)
  }
}
