/** Runs of a kind that must have been seen before anything is said of it. */
const FEWEST_RUNS = 16
/** Milliseconds: a kind whose slowest recent run took less is short. */
const SHORT_MS = 2
/** How fast a slow run is forgiven: by half in some thirty runs. */
const DECAY = 0.98

/** Remembers how long jobs of a kind take, to tell the short ones. */
export class Pace {
  readonly #kinds = new Map<string, { runs: number; slowest: number }>()

  /** A job of the kind ran for that many milliseconds. */
  record(kind: string, milliseconds: number): void {
    const seen = this.#kinds.get(kind)
    if (seen === undefined) this.#kinds.set(kind, { runs: 1, slowest: milliseconds })
    else {
      seen.runs += 1
      seen.slowest = Math.max(milliseconds, seen.slowest * DECAY)
    }
  }

  /** Whether jobs of the kind can be expected to end at once. */
  isShort(kind: string): boolean {
    const seen = this.#kinds.get(kind)
    return seen !== undefined && seen.runs >= FEWEST_RUNS && seen.slowest < SHORT_MS
  }
}
