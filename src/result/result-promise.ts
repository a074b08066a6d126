import type { AsyncResult } from './async-result.ts'
import { trusted } from './async-result.ts'
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

  constructor(id: string, promise: Promise<R>) {
    this.id = id
    this.#promise = promise
  }

  /** Sends, and waits for the value. See `AsyncResult.get`. */
  async get(options?: GetOptions): Promise<T> {
    return trusted<T>(await (await this.#promise).get(options))
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
