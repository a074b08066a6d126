/** In which order the alternatives of a broker URL are tried. */

/**
 * `round-robin`: one after the other, beginning with the one that worked last. `shuffle`: in random order, anew each
 * time. A function: gets the candidates and gives an endless sequence of them. Celery: `broker_failover_strategy`.
 */
export type FailoverStrategy<Candidate> =
  | 'round-robin'
  | 'shuffle'
  | ((candidates: readonly Candidate[]) => Iterable<Candidate>)

/** See `FailoverStrategy`. */
export class Failover<Candidate> {
  readonly #candidates: readonly Candidate[]
  readonly #strategy: FailoverStrategy<Candidate>
  readonly #random: () => number
  #sequence: Iterator<Candidate> | undefined
  #current = 0

  constructor(
    candidates: readonly Candidate[],
    strategy: FailoverStrategy<Candidate> = 'round-robin',
    random: () => number = Math.random,
  ) {
    this.#candidates = candidates
    this.#strategy = strategy
    this.#random = random
  }

  /** As many candidates as there are, to be tried until one works. Leave the loop at that one. */
  *round(): Generator<Candidate, void> {
    const { length } = this.#candidates
    if (typeof this.#strategy === 'function') {
      this.#sequence ??= this.#strategy(this.#candidates)[Symbol.iterator]()
      for (let tried = 0; tried < length; tried++) {
        const next = this.#sequence.next()
        if (next.done) return
        yield next.value
      }
    } else if (this.#strategy === 'shuffle') {
      yield* this.#shuffled()
    } else {
      for (let tried = 0; tried < length; tried++) {
        const candidate = this.#candidates[this.#current]
        if (candidate !== undefined) yield candidate
        // Only reached when that one did not work.
        this.#current = (this.#current + 1) % length
      }
    }
  }

  *#shuffled(): Generator<Candidate, void> {
    const left = [...this.#candidates]
    while (left.length > 0) yield* left.splice(Math.floor(this.#random() * left.length), 1)
  }
}
