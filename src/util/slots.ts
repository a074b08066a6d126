/** So many at a time: whoever comes when all slots are taken waits for one, in the order of arrival. */
export class Slots {
  readonly #waiting: (() => void)[] = []
  #free: number

  /** @param count how many may be at work at once; at least 1. */
  constructor(count: number) {
    this.#free = count
  }

  /** Does it as soon as there is a slot. Rejects as `work` does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      // The slot goes over to who has waited longest, so that nobody can snatch it.
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}
