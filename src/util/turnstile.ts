/** What stands in the way, or the way itself. */
export type Attempt<T> =
  | { readonly wait: Promise<unknown>; readonly pass?: undefined }
  | { readonly wait?: undefined; readonly pass: () => Promise<T> }

/**
 * Lets callers through in the order in which they came, although some have to wait for something first. Who finds
 * nobody waiting, and need not wait, passes at once.
 */
export class Turnstile {
  #last: Promise<void> | undefined

  /** Nobody waits. */
  get isFree(): boolean {
    return this.#last === undefined
  }

  /**
   * Asks `attempt` what to wait for, until it gives the way. The next one's turn comes as soon as this one has gone
   * through, not when what it does there has ended. Rejects as `attempt`, what it waits for, and `pass` do.
   */
  enter<T>(attempt: () => Attempt<T>): Promise<T> {
    let first: Attempt<T>
    try {
      first = attempt()
    } catch (error) {
      return Promise.reject(error)
    }
    if (first.pass !== undefined && this.#last === undefined) return first.pass()
    return this.#standInLine(first, attempt)
  }

  async #standInLine<T>(first: Attempt<T>, attempt: () => Attempt<T>): Promise<T> {
    const before = this.#last
    const turn = Promise.withResolvers<void>()
    this.#last = turn.promise
    const release = (): void => {
      if (this.#last === turn.promise) this.#last = undefined
      turn.resolve()
    }
    // It is looked at when its turn comes; until then nobody shall call it unhandled.
    first.wait?.catch(() => undefined)
    try {
      await before
      await first.wait
      let next = attempt()
      for (; next.pass === undefined; next = attempt()) await next.wait
      const passed = next.pass()
      release()
      return await passed
    } finally {
      release()
    }
  }
}
