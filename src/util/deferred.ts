/** A promise that is settled from outside, once; later calls do nothing. */
export class Deferred<T = void> {
  readonly promise: Promise<T>
  readonly #resolve: (value: T | PromiseLike<T>) => void
  readonly #reject: (reason: unknown) => void
  #settled = false

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Whether `resolve` or `reject` has been called. */
  get settled(): boolean {
    return this.#settled
  }

  resolve(value: T | PromiseLike<T>): void {
    this.#settled = true
    this.#resolve(value)
  }

  reject(reason: unknown): void {
    this.#settled = true
    this.#reject(reason)
  }
}
