/**
 * Like `Coalescer`, for work whose end matters: `add` gives a promise of the whole batch.
 *
 * States: **idle** (nothing collected, nothing running) → **scheduled** (items collected, the turn has not ended) →
 * **running** (a batch is with `flush`; further items collect) → **scheduled** again if items came meanwhile, else
 * **idle**. With `concurrent` the collected items do not wait for the running batch.
 *
 * All items of a batch share one promise, so an item costs no promise of its own; when `flush` fails, all of them fail.
 */

import type { FlushTurn } from './coalescer.ts'
import { Deferred } from './deferred.ts'

/** How a `Batcher` works. */
export interface BatcherOptions {
  /** When a batch is closed; default `immediate`. */
  readonly turn?: FlushTurn
  /** Largest batch; more items make further batches, one after the other. Default: no limit. */
  readonly maxSize?: number
  /** Heaviest batch, in the unit of the weights that items are added with; a heavier item is one by itself. Default: no limit. */
  readonly maxWeight?: number
  /** Whether a batch may start while another one is running; default false: at most one is in flight. */
  readonly concurrent?: boolean
}

interface Batch<T> {
  readonly items: T[]
  weight: number
  readonly done: Deferred
}

/** See the module's description. */
export class Batcher<T> {
  readonly #flush: (items: T[]) => Promise<void>
  readonly #maxSize: number
  readonly #maxWeight: number
  readonly #concurrent: boolean
  readonly #turn: FlushTurn
  readonly #waiting: Batch<T>[] = []
  readonly #idle: Deferred[] = []
  #running = 0
  #scheduled = false

  constructor(flush: (items: T[]) => Promise<void>, options: BatcherOptions = {}) {
    this.#flush = flush
    this.#maxSize = options.maxSize ?? Number.POSITIVE_INFINITY
    this.#maxWeight = options.maxWeight ?? Number.POSITIVE_INFINITY
    this.#concurrent = options.concurrent ?? false
    this.#turn = options.turn ?? 'immediate'
  }

  /** How many items wait for their batch to start. */
  get size(): number {
    let size = 0
    for (const batch of this.#waiting) size += batch.items.length
    return size
  }

  /** Adds an item. The promise settles with the batch that carries it. */
  add(item: T, weight = 0): Promise<void> {
    let batch = this.#waiting.at(-1)
    if (
      batch === undefined ||
      batch.items.length >= this.#maxSize ||
      batch.weight + weight > this.#maxWeight
    ) {
      batch = { items: [], weight: 0, done: new Deferred() }
      this.#waiting.push(batch)
    }
    batch.items.push(item)
    batch.weight += weight
    if (!this.#scheduled && (this.#running === 0 || this.#concurrent)) this.#schedule()
    return batch.done.promise
  }

  /** Resolves when everything that was added so far has been carried out, well or badly. */
  async drain(): Promise<void> {
    if (this.#waiting.length === 0 && this.#running === 0) return
    const idle = new Deferred()
    this.#idle.push(idle)
    await idle.promise
  }

  #schedule(): void {
    this.#scheduled = true
    if (this.#turn === 'immediate') setImmediate(this.#start)
    else queueMicrotask(this.#start)
  }

  readonly #start = (): void => {
    this.#scheduled = false
    const batches = this.#concurrent ? this.#waiting.splice(0) : this.#waiting.splice(0, 1)
    for (const batch of batches) void this.#run(batch)
  }

  async #run({ items, done }: Batch<T>): Promise<void> {
    this.#running++
    try {
      await this.#flush(items)
      done.resolve()
    } catch (error) {
      done.reject(error)
    }
    this.#running--
    if (this.#waiting.length > 0) {
      if (!this.#scheduled) this.#start()
    } else if (this.#running === 0) {
      for (const idle of this.#idle.splice(0)) idle.resolve()
    }
  }
}
