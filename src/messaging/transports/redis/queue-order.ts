import type { QueueOrderStrategy } from './redis-options.ts'

/** Which queue is served first. kombu: `queue_order_strategy`, `kombu.utils.scheduling`. */
export class QueueOrder {
  readonly #strategy: QueueOrderStrategy
  /** When a queue was last served; by that, those who waited longest come first. */
  readonly #served = new Map<string, number>()
  #count = 0

  constructor(strategy: QueueOrderStrategy) {
    this.#strategy = strategy
  }

  /** The queues in the order in which they are to be looked at. */
  arrange(queues: readonly string[]): readonly string[] {
    if (queues.length < 2 || this.#strategy === 'priority') return queues
    if (this.#strategy === 'sorted') return queues.toSorted()
    return queues.toSorted((a, b) => (this.#served.get(a) ?? 0) - (this.#served.get(b) ?? 0))
  }

  /** A message was taken from the queue: with `round_robin` it is the others' turn. */
  served(queue: string): void {
    if (this.#strategy !== 'round_robin') return
    this.#count += 1
    this.#served.set(queue, this.#count)
  }

  /** The queue is gone. */
  forget(queue: string): void {
    this.#served.delete(queue)
  }
}
