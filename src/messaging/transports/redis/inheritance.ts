/** A message that is on record under a consumer whose connection broke. */
export interface Legacy {
  readonly tag: string
  readonly queue: string
}

/**
 * What consumers of this process held on one broker whose connections broke. The next consumer of the same queues takes
 * it over, before others take us for dead: a task that runs, or waits here, is not given to somebody else only because a
 * connection broke for a moment.
 */
export class Inheritance {
  #left: readonly Legacy[] = []

  /** Leaves what was held to whoever comes next. */
  leave(legacies: Iterable<Legacy>): void {
    this.#left = [...this.#left, ...legacies]
  }

  /** Answers what was left of these queues; it belongs to the caller now. */
  claim(queues: readonly string[]): readonly Legacy[] {
    const wanted = new Set(queues)
    const claimed = this.#left.filter(({ queue }) => wanted.has(queue))
    this.#left = this.#left.filter(({ queue }) => !wanted.has(queue))
    return claimed
  }
}
