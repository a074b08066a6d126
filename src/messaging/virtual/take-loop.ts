/**
 * Takes messages out of the store for all consumers of one channel.
 *
 * States: **idle** (nothing to take from, or no room) → **taking** (one `take` is in flight) → **delivering** (its
 * messages are handed over, one by one, synchronously) → one turn of the event loop later **taking** or **idle** again;
 * **stopped** from any of them, for good. There is never more than one `take` in flight.
 *
 * The turn in between lets acknowledgements gather, and others live, when messages never run out.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Deferred } from '../../util/deferred.ts'
import type { QueueStore, Taken } from './queue-store.ts'

/** What may be taken next. */
export interface TakePlan {
  readonly queues: readonly string[]
  /** At most so many; 0: there is no room. */
  readonly max: number
}

/** What a `TakeLoop` works with. */
export interface TakeLoopOptions {
  readonly store: QueueStore
  /** Asked before each `take`. */
  readonly plan: () => TakePlan
  /** Hands the messages over, and gives those back that nobody wants any more. */
  readonly deliver: (taken: readonly Taken[]) => Promise<void>
  /** The store failed; the loop has stopped. */
  readonly failed: (error: unknown) => void
}

/** See the module's description. */
export class TakeLoop {
  readonly #options: TakeLoopOptions
  #stopped = false
  #taking = new AbortController()
  #woken: Deferred | undefined
  #round: Deferred | undefined
  #running = false

  constructor(options: TakeLoopOptions) {
    this.#options = options
  }

  /** There may be something to do again: a consumer or room for deliveries more. */
  wake(): void {
    if (this.#stopped) return
    if (!this.#running) {
      this.#running = true
      void this.#run()
    }
    this.#woken?.resolve()
  }

  /** The plan has changed: the `take` in flight is called off, and a new one made. */
  replan(): void {
    this.#taking.abort()
    this.#taking = new AbortController()
    this.wake()
  }

  /** Resolves when what is being taken right now has been delivered or given back. */
  async settled(): Promise<void> {
    await this.#round?.promise
  }

  /** Takes nothing any more. Resolves when what was being taken has been given back. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#taking.abort()
    this.#woken?.resolve()
    await this.settled()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const plan = this.#options.plan()
      if (plan.max === 0 || plan.queues.length === 0) await this.#idle()
      else await this.#takeOnce(plan)
      // Acknowledgements of this turn are on their way to the store before the next `take` is.
      await nextTurn()
    }
  }

  async #idle(): Promise<void> {
    this.#woken = new Deferred()
    await this.#woken.promise
    this.#woken = undefined
  }

  async #takeOnce({ queues, max }: TakePlan): Promise<void> {
    this.#round = new Deferred()
    try {
      const taken = await this.#options.store.take(queues, { max, signal: this.#taking.signal, wait: true })
      if (taken.length > 0) await this.#options.deliver(taken)
    } catch (error) {
      if (this.#stopped) return
      this.#stopped = true
      this.#options.failed(error)
    } finally {
      this.#round.resolve()
      this.#round = undefined
    }
  }
}
