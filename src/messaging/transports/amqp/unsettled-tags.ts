/**
 * Which deliveries of a channel are unsettled, and how few frames settle some of them.
 *
 * The broker can be told about "this tag and all unsettled ones before it" (`multiple`). That is used only when every
 * delivery up to that tag has been settled: those of the same call with the same verdict, and others earlier.
 */

/** One frame to send. */
export interface SettlementFrame {
  readonly tag: number
  /** Everything unsettled up to this tag, too. */
  readonly multiple: boolean
}

/** Settled tags above an unsettled one are remembered one by one up to this many. */
const MOST_SETTLED = 1024

/** See the module's description. Tags of a channel count up from 1. */
export class UnsettledTags {
  /** Everything below is settled, but for the stragglers. */
  #lowest = 1
  /** Tag of the next delivery. */
  #next = 1
  /** What is settled at or above `#lowest`. */
  readonly #settled = new Set<number>()
  /**
   * What is unsettled below `#lowest`: a message that is held for hours must not make us remember all that was settled
   * since. As long as there are any, each tag has a frame of its own, as behind any gap.
   */
  readonly #stragglers = new Set<number>()

  /** How many deliveries are unsettled. */
  get size(): number {
    return this.#next - this.#lowest - this.#settled.size + this.#stragglers.size
  }

  /** A message was delivered; with `settled` nothing has to be said about it (`noAck`). */
  delivered(tag: number, settled: boolean): void {
    // The answer to a `get` is seen a little later than what came behind it for consumers.
    this.#next = Math.max(this.#next, tag + 1)
    if (!settled) return
    if (tag < this.#lowest) this.#stragglers.delete(tag)
    else {
      this.#settled.add(tag)
      this.#absorb()
    }
  }

  /** Settles deliveries; answers what to tell the broker. Unknown tags and those settled before are left out. */
  settle(tags: Iterable<number>): SettlementFrame[] {
    const frames = this.#stragglers.size === 0 ? this.#settle(tags) : this.#settleSingly(tags)
    if (this.#settled.size > MOST_SETTLED) this.#leaveBehind()
    return frames
  }

  #settle(tags: Iterable<number>): SettlementFrame[] {
    let top = 0
    let covered = 0
    const later: number[] = []
    for (const tag of tags) {
      if (tag === this.#lowest && tag < this.#next) {
        this.#lowest++
        top = tag
        covered++
        if (this.#settled.size > 0) this.#absorb()
      } else if (tag > this.#lowest && tag < this.#next && !this.#settled.has(tag)) {
        this.#settled.add(tag)
        later.push(tag)
      }
    }
    const frames: SettlementFrame[] = []
    for (const tag of later) {
      if (tag < this.#lowest) {
        top = Math.max(top, tag)
        covered++
      } else {
        frames.push({ tag, multiple: false })
      }
    }
    if (covered > 0) frames.unshift({ tag: top, multiple: covered > 1 })
    return frames
  }

  #settleSingly(tags: Iterable<number>): SettlementFrame[] {
    const frames: SettlementFrame[] = []
    for (const tag of tags) {
      const unsettled =
        tag < this.#lowest ? this.#stragglers.delete(tag) : tag < this.#next && !this.#settled.has(tag)
      if (!unsettled) continue
      frames.push({ tag, multiple: false })
      if (tag < this.#lowest) continue
      this.#settled.add(tag)
      this.#absorb()
    }
    return frames
  }

  #absorb(): void {
    while (this.#settled.delete(this.#lowest)) this.#lowest++
  }

  /** What is unsettled so far becomes stragglers, when these are the fewer to remember. */
  #leaveBehind(): void {
    if (this.#next - this.#lowest > this.#settled.size * 2) return
    for (let tag = this.#lowest; tag < this.#next; tag++) {
      if (!this.#settled.has(tag)) this.#stragglers.add(tag)
    }
    this.#settled.clear()
    this.#lowest = this.#next
  }
}
