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
  #broken = false

  /** Whether a connection of this process has broken: perhaps those of others broke with it, and they are on their way. */
  get broken(): boolean {
    return this.#broken
  }

  /** A connection broke. Leaves what was held to whoever comes next. */
  leave(legacies: Iterable<Legacy>): void {
    this.#broken = true
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
