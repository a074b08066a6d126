import type { Delivery, OutgoingMessage } from '../messaging/message.ts'
import { waitOrAbort } from '../util/abort.ts'
import type { Clock, TimerHandle } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { Session } from './session.ts'

/** Milliseconds between two tries: doubled from time to time, up to the last. */
const PAUSES = [1000, 2000, 4000, 8000, 16_000, 30_000] as const
/** Letters that are kept at most: without the broker there is no other place for them than memory. */
const MOST_LETTERS = 1000

/** A message that could not be moved to the dead-letter queue. */
export interface Letter {
  readonly copy: OutgoingMessage
  readonly delivery: Delivery
  /** The one that delivered it. */
  readonly session: Session
  /** The broker has forgotten it: the copy is all there is. Otherwise it brings it again on the next connection. */
  readonly acknowledged: boolean
}

/** What `Unburied` works with. */
export interface UnburiedOptions {
  /** Stores a letter, and settles its message if that is still to be done. Rejects when it cannot be stored. */
  readonly store: (letter: Letter, session: Session) => Promise<void>
  /** Where to, when the session that delivered it is gone; undefined: nowhere for now. */
  readonly session: () => Session | undefined
  readonly logger: Logger
  readonly clock?: Clock
}

/**
 * Letters for which the dead-letter queue had no place (it is full, the broker is short of memory): stored as soon as it has
 * one. Otherwise each would take a place among the prefetched messages for as long as the connection lives, or
 * be lost if its message was acknowledged early.
 */
export class Unburied {
  readonly #options: UnburiedOptions
  readonly #letters = new Set<Letter>()
  #failures = 0
  #timer: TimerHandle | undefined
  #storing: Promise<void> = Promise.resolve()

  constructor(options: UnburiedOptions) {
    this.#options = options
  }

  /** Keeps a letter until it can be stored. */
  add(letter: Letter): void {
    this.#letters.add(letter)
    const [oldest] = this.#letters
    if (this.#letters.size > MOST_LETTERS && oldest !== undefined) this.#giveUp(oldest)
    this.#schedule()
  }

  /** Tries for the last time, for so many milliseconds at most. What cannot be stored then and is known to nobody else is lost. */
  async close(patience: number): Promise<void> {
    this.#timer?.cancel()
    if (this.#letters.size === 0) return
    const { logger } = this.#options
    await waitOrAbort(this.#storeAll(), { timeout: patience }, 'the dead-letter queue').catch(
      (error: unknown) => logger.warn(`What could not be run is not kept: ${String(error)}`),
    )
    this.#timer?.cancel()
    for (const letter of this.#letters) this.#giveUp(letter)
  }

  #schedule(): void {
    if (this.#timer !== undefined) return
    const pause = PAUSES[Math.min(this.#failures, PAUSES.length - 1)] ?? 0
    this.#timer = (this.#options.clock ?? systemClock).setTimeout(() => {
      this.#timer = undefined
      void this.#storeAll()
    }, pause)
    this.#timer.unref()
  }

  #storeAll(): Promise<void> {
    this.#storing = this.#storing.then(() => this.#storeInOrder())
    return this.#storing
  }

  /** As far as that goes: what refuses one may refuse all. If not, the others come first the next time. */
  async #storeInOrder(): Promise<void> {
    for (const letter of this.#letters) {
      const session = letter.session.lost ? this.#options.session() : letter.session
      if (letter.session.lost && !letter.acknowledged) this.#letters.delete(letter)
      else if (session !== undefined) {
        try {
          await this.#options.store(letter, session)
        } catch {
          // That it is refused was told when it was refused for the first time.
          this.#failures += 1
          this.#letters.delete(letter)
          this.#letters.add(letter)
          break
        }
        this.#failures = 0
        this.#letters.delete(letter)
      }
    }
    if (this.#letters.size > 0) this.#schedule()
  }

  #giveUp(letter: Letter): void {
    this.#letters.delete(letter)
    if (!letter.acknowledged) return
    const { queue, properties } = letter.delivery
    this.#options.logger.critical(
      `A message of ${queue} that cannot be run was acknowledged and cannot be kept: it is lost`,
      { data: { queue, correlationId: properties.correlationId } },
    )
  }
}
