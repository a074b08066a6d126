/**
 * Long polls: SQS is asked for one queue at a time, and hides what it hands out.
 *
 * States of a poll: **asking** (its answer is awaited; it counts as taken what it may bring) → gone; what it brought
 * is **at hand** until a `take` fetches it. A poll is never cut off, since SQS might hand messages to nobody and hide
 * them: when its queue is left, its end is awaited, and what it brings is given back.
 *
 * Where answers are full, a queue is asked several times at once.
 */
import { Deferred } from '../../../util/deferred.ts'
import type { Taken } from '../../virtual/queue-store.ts'
import { BATCH } from './batches.ts'

/** Polls of one queue at a time. */
const MOST_POLLS = 8
/** How often a question is asked that SQS does not answer; the AWS SDK has tried several times by then each time. */
const ATTEMPTS = 5
/** While there is not room enough to ask for all queues, one is asked for no longer than that, in milliseconds. */
const SHORT_WAIT = 1000

/** What a `Poller` works with. */
export interface PollerOptions {
  /** Milliseconds that SQS may take to answer when there is nothing. */
  readonly waitTime: number
  /** Asks once. */
  readonly receive: (
    queue: string,
    limits: { readonly max: number; readonly wait: number },
  ) => Promise<readonly Taken[]>
  /** Gives back what nobody wants any more. */
  readonly restore: (taken: readonly Taken[]) => Promise<void>
  /** Whether asking again can help. */
  readonly passing: (error: unknown) => boolean
  /** Rests after an answer that was empty at once, and before asking again. */
  readonly rest: (signal: AbortSignal) => Promise<void>
  /** Whether messages of a queue come one after the other. */
  readonly ordered: (queue: string) => boolean
}

interface Line {
  /** What each poll under way may bring. */
  readonly polls: Set<{ readonly max: number; readonly done: Promise<void> }>
  readonly atHand: Taken[]
  /** How many polls are worth while. */
  width: number
}

/** See the module's description. */
export class Poller {
  readonly #options: PollerOptions
  readonly #lines = new Map<string, Line>()
  readonly #stopping = new AbortController()
  #news = new Deferred()
  #failure: { readonly error: unknown } | undefined
  /** The place of the queue that is asked first. */
  #nextAsked = 0
  /** The place of the queue whose messages are fetched first. */
  #nextFetched = 0

  constructor(options: PollerOptions) {
    this.#options = options
  }

  /** Waits for messages; [] when `signal` aborts. Rejects when SQS cannot be asked. */
  async take(queues: readonly string[], max: number, signal: AbortSignal): Promise<readonly Taken[]> {
    const aborted = new Deferred()
    const onAbort = (): void => aborted.resolve()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      while (!signal.aborted && !this.#stopping.signal.aborted) {
        const taken = this.#fetch(queues, max)
        if (taken.length > 0) return taken
        if (this.#failure !== undefined) throw this.#failure.error
        this.#ask(queues, max)
        await Promise.race([this.#news.promise, aborted.promise])
      }
      return []
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** What has been received and not been fetched. */
  get atHand(): readonly Taken[] {
    return [...this.#lines.values()].flatMap((line) => line.atHand)
  }

  /** Only these queues are still wanted: the polls of others are awaited, and what they bring is given back. */
  async leaveAllBut(queues: readonly string[]): Promise<void> {
    const wanted = new Set(queues)
    await Promise.all(
      [...this.#lines.keys()].filter((queue) => !wanted.has(queue)).map((queue) => this.#leave(queue)),
    )
  }

  /** Asks for nothing any more, and gives back what comes. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#tell()
    await this.leaveAllBut([])
  }

  async #leave(queue: string): Promise<void> {
    const line = this.#lines.get(queue)
    if (line === undefined) return
    await Promise.all([...line.polls].map(({ done }) => done))
    const taken = line.atHand.splice(0)
    if (line.polls.size === 0) this.#lines.delete(queue)
    if (taken.length > 0) await this.#options.restore(taken)
  }

  /** In turn, so that no queue is always last. */
  #fetch(queues: readonly string[], max: number): readonly Taken[] {
    const taken: Taken[] = []
    for (const queue of rotated(queues, this.#nextFetched)) {
      const atHand = this.#lines.get(queue)?.atHand
      if (atHand === undefined || atHand.length === 0) continue
      taken.push(...atHand.splice(0, max - taken.length))
      if (taken.length >= max) break
    }
    if (taken.length > 0) this.#nextFetched += 1
    return taken
  }

  #ask(queues: readonly string[], max: number): void {
    let room = max
    for (const queue of queues) {
      for (const poll of this.#lines.get(queue)?.polls ?? []) room -= poll.max
    }
    const inTurn = rotated(queues, this.#nextAsked)
    const unasked = inTurn.filter((queue) => this.#lineOf(queue).polls.size === 0)
    // Those for whom there is no room now are to get their turn soon.
    const wait = unasked.length > room ? Math.min(this.#options.waitTime, SHORT_WAIT) : this.#options.waitTime
    for (const [index, queue] of unasked.entries()) {
      if (room <= 0) break
      // No queue takes the room of the others: one that is empty would keep it for as long as it is asked.
      const size = Math.min(BATCH, Math.max(1, Math.floor(room / (unasked.length - index))))
      room -= size
      this.#poll(queue, this.#lineOf(queue), { max: size, wait })
      this.#nextAsked = queues.indexOf(queue) + 1
    }
    for (const queue of inTurn) {
      const line = this.#lineOf(queue)
      while (room > 0 && line.polls.size < line.width) {
        const size = Math.min(BATCH, room)
        room -= size
        // More polls than one are for queues that are full: they do not wait.
        this.#poll(queue, line, { max: size, wait: 0 })
      }
    }
  }

  #poll(queue: string, line: Line, limits: { readonly max: number; readonly wait: number }): void {
    const done = Promise.withResolvers<void>()
    const poll = { max: limits.max, done: done.promise }
    line.polls.add(poll)
    const ended = (): void => {
      line.polls.delete(poll)
      done.resolve()
      this.#tell()
    }
    this.#receive(queue, line, limits).then(ended, (error: unknown) => {
      this.#failure ??= { error }
      ended()
    })
  }

  async #receive(
    queue: string,
    line: Line,
    { max, wait }: { readonly max: number; readonly wait: number },
  ): Promise<void> {
    const taken = await this.#persist(queue, { max, wait })
    line.atHand.push(...taken)
    const widest = this.#options.ordered(queue) ? 1 : MOST_POLLS
    line.width = taken.length === BATCH ? Math.min(widest, line.width + 1) : Math.max(1, line.width - 1)
    if (taken.length === 0 && this.#options.waitTime === 0) await this.#options.rest(this.#stopping.signal)
  }

  /** There is no connection that breaks: what fails for a moment must not cost all that is held. */
  async #persist(
    queue: string,
    limits: { readonly max: number; readonly wait: number },
  ): Promise<readonly Taken[]> {
    const { receive, passing, rest } = this.#options
    for (let attempt = 1; ; attempt++) {
      try {
        return await receive(queue, limits)
      } catch (error) {
        if (attempt === ATTEMPTS || !passing(error)) throw error
      }
      await rest(this.#stopping.signal)
      if (this.#stopping.signal.aborted) return []
    }
  }

  #lineOf(queue: string): Line {
    const known = this.#lines.get(queue)
    if (known !== undefined) return known
    const line: Line = { polls: new Set(), atHand: [], width: 1 }
    this.#lines.set(queue, line)
    return line
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = new Deferred()
  }
}

/** The queues in turn, beginning with that at a place. */
function rotated(queues: readonly string[], first: number): readonly string[] {
  const start = queues.length === 0 ? 0 : first % queues.length
  return [...queues.slice(start), ...queues.slice(0, start)]
}
