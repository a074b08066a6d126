/** When something happened to a task. */
export interface TaskMoment {
  /** The sender's logical clock; 0: it has none. */
  readonly clock: number
  /** Seconds since 1970. */
  readonly timestamp: number
  /** The process that says so. */
  readonly origin: string
  readonly uuid: string
}

/**
 * The events of tasks in the order in which they happened: by logical clock, else by time. Celery: the task heap of
 * `State`. Most events come in order, so that is made cheap.
 */
export class TaskTimeline {
  readonly #limit: number
  #moments: TaskMoment[] = []

  /** @param limit events that are remembered; of the oldest, a tenth is forgotten at a time. */
  constructor(limit: number) {
    this.#limit = Math.max(1, limit)
  }

  add(moment: TaskMoment): void {
    const moments = this.#moments
    const last = moments.at(-1)
    if (last === undefined || !isBefore(moment, last)) moments.push(moment)
    else moments.splice(this.#placeOf(moment), 0, moment)
    if (moments.length > this.#limit * 1.1) this.#moments = moments.slice(-this.#limit)
  }

  /** Ids of tasks, once for each of their events. */
  *uuids({
    limit,
    reverse,
  }: {
    readonly limit: number | undefined
    readonly reverse: boolean
  }): Generator<string> {
    const moments = this.#moments
    const count = Math.min(limit ?? moments.length, moments.length)
    for (let index = 0; index < count; index++) {
      const moment = moments[reverse ? moments.length - 1 - index : index]
      if (moment !== undefined) yield moment.uuid
    }
  }

  clear(): void {
    this.#moments = []
  }

  /** The first place whose moment comes after this one. */
  #placeOf(moment: TaskMoment): number {
    const moments = this.#moments
    let low = 0
    let high = moments.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = moments[middle]
      if (other !== undefined && isBefore(moment, other)) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** Celery: `kombu.clocks.timetuple`. */
function isBefore(a: TaskMoment, b: TaskMoment): boolean {
  if (a.clock !== 0 && b.clock !== 0) return a.clock === b.clock ? a.origin < b.origin : a.clock < b.clock
  return a.timestamp < b.timestamp
}
