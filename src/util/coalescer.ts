/**
 * Collects what is added during one turn of the event loop and hands it over as one array.
 *
 * It never waits in order to fill a batch: what came together goes together, and a lonely item goes at once.
 */

/** When the collected items are handed over. */
export type FlushTurn =
  /** Once the current task of the event loop and its microtasks are done: the larger batches. */
  | 'immediate'
  /** After the code that runs right now: the lower latency. */
  | 'microtask'

/** See the module's description. Errors that `flush` throws are its own matter: nobody here could handle them. */
export class Coalescer<T> {
  readonly #flush: (items: T[]) => void
  readonly #schedule: () => void
  #items: T[] = []

  /** @param turn default `immediate`. */
  constructor(flush: (items: T[]) => void, { turn = 'immediate' }: { readonly turn?: FlushTurn } = {}) {
    this.#flush = flush
    const flushNow = (): void => this.flushNow()
    this.#schedule = turn === 'immediate' ? () => void setImmediate(flushNow) : () => queueMicrotask(flushNow)
  }

  /** How many items wait to be handed over. */
  get size(): number {
    return this.#items.length
  }

  add(item: T): void {
    if (this.#items.push(item) === 1) this.#schedule()
  }

  /** Hands over what is there without waiting for the turn to end. */
  flushNow(): void {
    if (this.#items.length === 0) return
    const items = this.#items
    this.#items = []
    this.#flush(items)
  }
}
