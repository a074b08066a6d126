/** Entries by the time at which they are looked at next: a binary heap. */
export class DueHeap<T> {
  readonly #items: { readonly at: number; readonly item: T }[] = []

  get size(): number {
    return this.#items.length
  }

  /** The first one; undefined when there is none. */
  peek(): { readonly at: number; readonly item: T } | undefined {
    return this.#items[0]
  }

  push(at: number, item: T): void {
    const items = this.#items
    let index = items.push({ at, item }) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#swapIfLess(index, parent)) break
      index = parent
    }
  }

  /** Removes the first one and gives it. */
  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (first === undefined || last === undefined || first === last) return first?.item
    items[0] = last
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const child = (items[left + 1]?.at ?? Infinity) < (items[left]?.at ?? Infinity) ? left + 1 : left
      if (child >= items.length || !this.#swapIfLess(child, index)) break
      index = child
    }
    return first.item
  }

  #swapIfLess(lower: number, upper: number): boolean {
    const a = this.#items[lower]
    const b = this.#items[upper]
    if (a === undefined || b === undefined || a.at >= b.at) return false
    this.#items[lower] = b
    this.#items[upper] = a
    return true
  }
}
