/** Published messages that the broker has not confirmed yet, by the number that the broker counts them with, from 1. */
export class ConfirmWindow<Entry extends object> {
  #entries: (Entry | undefined)[] = []
  /** Place of the oldest unconfirmed entry. */
  #start = 0
  /** Number of the entry at `#start`. */
  #number = 1

  get isEmpty(): boolean {
    return this.#start === this.#entries.length
  }

  /** The next published message. */
  push(entry: Entry): void {
    this.#entries.push(entry)
  }

  /** Takes out the entry with that number; undefined when it is confirmed already. */
  take(number: number): Entry | undefined {
    const index = this.#start + number - this.#number
    const entry = this.#entries[index]
    if (entry === undefined) return undefined
    this.#entries[index] = undefined
    if (index === this.#start) this.#advance()
    return entry
  }

  /** Takes out all entries up to that number, oldest first. */
  takeUpTo(number: number): Entry[] {
    const end = this.#start + number - this.#number + 1
    const taken: Entry[] = []
    for (let index = this.#start; index < end; index++) {
      const entry = this.#entries[index]
      if (entry !== undefined) taken.push(entry)
      this.#entries[index] = undefined
    }
    this.#advance()
    return taken
  }

  /** The oldest entry that fits. */
  find(fits: (entry: Entry) => boolean): Entry | undefined {
    for (let index = this.#start; index < this.#entries.length; index++) {
      const entry = this.#entries[index]
      if (entry !== undefined && fits(entry)) return entry
    }
    return undefined
  }

  /** Takes out all entries and starts counting anew, for a new channel. */
  reset(): Entry[] {
    const entries = this.#entries.slice(this.#start).filter((entry) => entry !== undefined)
    this.#entries = []
    this.#start = 0
    this.#number = 1
    return entries
  }

  #advance(): void {
    const { length } = this.#entries
    let start = this.#start
    while (start < length && this.#entries[start] === undefined) start++
    this.#number += start - this.#start
    this.#start = start
    if (start === length) {
      this.#entries.length = 0
      this.#start = 0
    } else if (start > 1024 && start * 2 > length) {
      this.#entries.splice(0, start)
      this.#start = 0
    }
  }
}
