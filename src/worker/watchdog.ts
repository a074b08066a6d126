import { TimeoutError } from '../errors.ts'
import { waitOrAbort } from '../util/abort.ts'
import type { Logger } from '../util/logger.ts'

/** What a watchdog looks at; wired by the worker. */
export interface WatchdogOptions {
  /** Milliseconds without a delivery after which it looks closer. */
  readonly patience: number
  /** Whether another message could be taken now: connected, and fewer unsettled ones than the prefetch count. */
  readonly hungry: () => boolean
  /** How many messages were delivered so far. */
  readonly delivered: () => number
  /** Asks the broker how many messages wait, on a channel of its own. */
  readonly waiting: () => Promise<number>
  /** Drops the connection so that it is made again. */
  readonly rebuild: () => void
  readonly logger: Logger
}

/**
 * Sees to it that a worker always consumes again: when messages wait, slots are free, and yet nothing has come for a
 * while, the consumer is stuck, whatever the reason. So it is when the broker does not even answer how many wait. The
 * connection is then made anew, which is logged and counted.
 */
export class Watchdog {
  readonly #options: WatchdogOptions
  #timer: NodeJS.Timeout | undefined
  #seen = 0
  /** How often it had to step in. */
  rebuilds = 0

  constructor(options: WatchdogOptions) {
    this.#options = options
  }

  start(): void {
    this.#seen = this.#options.delivered()
    this.#arm()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(): void {
    this.#timer = setTimeout(
      () => void this.check().finally(() => this.#timer && this.#arm()),
      this.#options.patience,
    )
    this.#timer.unref()
  }

  /** Looks once. */
  async check(): Promise<void> {
    const { hungry, delivered, waiting, rebuild, logger, patience } = this.#options
    const seen = this.#seen
    this.#seen = delivered()
    if (this.#seen !== seen || !hungry()) return
    let messages: number
    try {
      messages = await waitOrAbort(waiting(), { timeout: patience }, 'the broker')
    } catch (error) {
      if (error instanceof TimeoutError && delivered() === seen && hungry()) {
        this.rebuilds += 1
        logger.error(`consumer: no answer from the broker for ${patience / 1000} seconds: connecting anew`)
        rebuild()
        return
      }
      // Not to be able to ask is a sign of its own, but the consumer notices a lost connection itself.
      logger.debug(`watchdog: cannot ask the broker for the length of the queues: ${String(error)}`)
      return
    }
    if (messages === 0 || delivered() !== seen || !hungry()) return
    this.rebuilds += 1
    logger.error(
      `consumer: ${messages} messages wait and nothing was delivered for ${patience / 1000} seconds: connecting anew`,
    )
    rebuild()
  }
}
