/**
 * A logical clock (Lamport's): a counter that orders what happens in different processes without comparing their times.
 * It goes forward with each message that is sent, and jumps beyond the value of each that arrives. kombu: `LamportClock`.
 */
export class LamportClock {
  #value: number

  constructor(value = 0) {
    this.#value = value
  }

  /** The value after the latest event. */
  get value(): number {
    return this.#value
  }

  /** Something happened here (a message is about to be sent). @returns the new value, for the message. */
  forward(): number {
    this.#value += 1
    return this.#value
  }

  /** A message arrived with the value of its sender. Anything but a number counts as 0. @returns the new value. */
  adjust(other: unknown): number {
    const received = typeof other === 'number' && Number.isFinite(other) ? other : 0
    this.#value = Math.max(this.#value, received) + 1
    return this.#value
  }
}
