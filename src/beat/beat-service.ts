/**
 * Beat: asks a scheduler over and over, and sleeps in between. Celery: `celery.beat.Service`.
 *
 * States: **new** → `run()` → **running** → `stop()` → **stopping** (what is being sent is finished, for some seconds) →
 * **stopped**, when what ran is recorded.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { anySignal, sleep } from '../util/abort.ts'
import { Deferred } from '../util/deferred.ts'
import { humanizeSeconds } from '../util/humanize-seconds.ts'
import type { Logger } from '../util/logger.ts'
import type { BeatApp } from './beat-app.ts'
import type { BeatScheduler } from './create-scheduler.ts'
import { createScheduler } from './create-scheduler.ts'

/** How beat runs. What is left out comes from the settings. */
export interface BeatServiceOptions {
  /** Seconds to sleep at most. */
  readonly maxInterval?: number | undefined
  /** File of the schedule, or the URL of a Redis. */
  readonly scheduleFilename?: string | undefined
  /** A class, or its name: `file`, `redis`, `memory`, `module#Class`. */
  readonly scheduler?: string | object | undefined
  /** Default: that of the app. */
  readonly logger?: Logger | undefined
  /** Whether it is part of a worker. */
  readonly embedded?: boolean
}

/** How long a stop waits for what is being sent; the broker may be away. */
const PATIENCE_MS = 5000

/** See the module's description. */
export class BeatService implements AsyncDisposable {
  readonly app: BeatApp
  readonly #options: BeatServiceOptions
  readonly #logger: Logger
  readonly #stopping = new AbortController()
  readonly #stopped = new Deferred()
  #scheduler: Promise<BeatScheduler> | undefined
  #running = false

  constructor(app: BeatApp, options: BeatServiceOptions = {}) {
    this.app = app
    this.#options = options
    this.#logger = options.logger ?? app.logger.child('beat')
  }

  /** The scheduler, which is made when it is first asked for. @throws ImproperlyConfigured */
  scheduler(): Promise<BeatScheduler> {
    const { settings } = this.app
    const { maxInterval, scheduler = settings.beatScheduler, scheduleFilename } = this.#options
    this.#scheduler ??= createScheduler(this.app, scheduler, {
      scheduleFilename: scheduleFilename ?? settings.beatScheduleFilename,
      maxInterval,
      logger: this.#logger,
    })
    return this.#scheduler
  }

  /**
   * Runs until `stop`; settles when it has stopped. Can be called once.
   * @throws ImproperlyConfigured, ConnectionError when scheduler, schedule or store cannot be used.
   */
  async run(): Promise<void> {
    if (this.#running) throw new Error('This beat runs, or ran, already: make another one')
    this.#running = true
    try {
      const scheduler = await this.scheduler()
      try {
        await this.#begin(scheduler)
        await this.#loop(scheduler)
      } finally {
        await scheduler.close()
      }
    } finally {
      this.#stopped.resolve()
    }
  }

  /** Records what ran. */
  async sync(): Promise<void> {
    await (await this.scheduler()).sync()
  }

  /** Ends `run`, and waits for its end. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#logger.info('beat: Shutting down...')
      this.#stopping.abort()
    }
    if (this.#running) await this.#stopped.promise
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #begin(scheduler: BeatScheduler): Promise<void> {
    this.#logger.info('beat: Starting...')
    await scheduler.setup()
    this.#logger.debug(`beat: Ticking with max interval->${humanizeSeconds(scheduler.maxInterval)}`)
    const { beatInit, beatEmbeddedInit } = this.app.signals
    await beatInit.send({ sender: this })
    if (this.#options.embedded) await beatEmbeddedInit.send({ sender: this })
  }

  async #loop(scheduler: BeatScheduler): Promise<void> {
    const { signal } = this.#stopping
    const gaveUp = new Deferred<undefined>()
    const { clock } = this.app
    signal.addEventListener('abort', () =>
      clock.setTimeout(() => gaveUp.resolve(undefined), PATIENCE_MS).unref(),
    )
    while (!signal.aborted) {
      const wake = new AbortController()
      const forget = scheduler.onChange?.(() => wake.abort())
      const seconds = await Promise.race([scheduler.tick(), gaveUp.promise])
      if (seconds !== undefined && seconds > 0) {
        this.#logger.debug(`beat: Waking up ${humanizeSeconds(seconds, { prefix: 'in ' })}.`)
        using either = anySignal([signal, wake.signal])
        await sleep(seconds * 1000, { signal: either.signal, clock }).catch((error: unknown) => {
          if (!either.signal.aborted) throw error
        })
      } else await nextTurn()
      forget?.()
    }
  }
}
