/**
 * Whether this beat may send, where several share a store.
 *
 * States: **following** (another one leads, or the store cannot be reached) → **leading**, when the store says so →
 * **following**, when the store says so, or when a lease has passed without it saying anything. A process that was
 * stopped for a while therefore finds itself following, before it has asked.
 */
import type { Clock, TimerHandle } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { ScheduleStore } from './schedule-store.ts'

/** What a `Leadership` works with. */
export interface LeadershipOptions {
  readonly store: ScheduleStore
  readonly clock: Clock
  readonly logger: Logger
  /** This beat leads now. */
  readonly gained: () => void
}

/** See the module's description. */
export class Leadership {
  readonly #options: LeadershipOptions
  #until = Number.NEGATIVE_INFINITY
  #timer: TimerHandle | undefined
  #asking: Promise<void> | undefined
  #closed = false
  #said: 'leads' | 'follows' | 'fails' | undefined

  constructor(options: LeadershipOptions) {
    this.#options = options
  }

  /** Whether this beat may send at this moment. */
  get leading(): boolean {
    return this.#options.store.lease === undefined || this.#options.clock.monotonic() < this.#until
  }

  /** Asks for the first time; from then on it is asked again in time. Settles when there is an answer. */
  async start(): Promise<void> {
    if (this.#options.store.lease !== undefined) await this.#ask()
  }

  /** The store has refused: another beat leads. */
  lose(): void {
    this.#until = Number.NEGATIVE_INFINITY
    this.#say('follows', 'beat: Another beat has taken over; this one stands by')
  }

  /** Asks no more. */
  async stop(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#asking
    this.#until = Number.NEGATIVE_INFINITY
  }

  async #ask(): Promise<void> {
    this.#asking = this.#askStore()
    await this.#asking
    if (this.#closed) return
    this.#timer = this.#options.clock.setTimeout(() => void this.#ask(), (this.#options.store.lease ?? 0) / 3)
  }

  async #askStore(): Promise<void> {
    const { store, clock, gained } = this.#options
    // What counts is when it was asked: the store begins to count later.
    const asked = clock.monotonic()
    try {
      const leads = (await store.lead?.()) ?? true
      const led = this.leading
      this.#until = leads ? asked + (store.lease ?? 0) : Number.NEGATIVE_INFINITY
      if (!leads) this.#say('follows', `beat: Another beat leads (${store.label}); this one stands by`)
      else if (!led && this.leading) {
        this.#say('leads', `beat: This beat leads (${store.label})`)
        gained()
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (this.#said !== 'fails')
        this.#options.logger.error(`beat: Connection error: ${reason}. Trying again...`)
      this.#said = 'fails'
    }
  }

  #say(what: 'leads' | 'follows', text: string): void {
    if (this.#said !== what) this.#options.logger.info(text)
    this.#said = what
  }
}
