/**
 * A promise that knows whether anybody listens to it. What ends a run, such as `self.retry()`, is one: a body that
 * forgets `await` must not bring down its process with a rejection that nobody handles, and its run has to end as it
 * asked.
 */
export class HeardPromise<T> implements Promise<T> {
  readonly [Symbol.toStringTag]: string = 'Promise'
  readonly #promise: Promise<T>
  #heard = false

  constructor(promise: Promise<T>) {
    this.#promise = promise
    promise.catch(() => undefined)
  }

  /** The promise, unless somebody listens already. */
  get unheard(): Promise<T> | undefined {
    return this.#heard ? undefined : this.#promise
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise.
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#heard = true
    return this.#promise.then(fulfilled, rejected)
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, rejected)
  }

  finally(settled?: (() => void) | null): Promise<T> {
    this.#heard = true
    return this.#promise.finally(settled)
  }
}
