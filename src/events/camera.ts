import type { Clock, TimerHandle } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import { type Duration, toMilliseconds } from '../util/duration.ts'
import type { Logger } from '../util/logger.ts'
import { silentLogger } from '../util/logger.ts'
import { parseRate } from '../util/rate.ts'
import { Signal } from '../util/signal.ts'
import { TokenBucket } from '../util/token-bucket.ts'
import type { State } from './state.ts'

/** Options of a `Camera`; `celery events --camera` makes them of its own. */
export interface CameraOptions {
  /** Time between two pictures. Default 1 second. Celery: `freq`. */
  readonly freq?: Duration
  /** Most pictures: `'10/m'`. Default: no limit. */
  readonly maxrate?: string | number | undefined
  /** Time between two calls of `onCleanup`. Default 1 hour. Celery: `cleanup_freq`. */
  readonly cleanupFreq?: Duration
  readonly logger?: Logger
  readonly clock?: Clock
}

/**
 * Takes pictures of the state of the cluster at intervals, to store them somewhere. Celery: `Polaroid`.
 *
 * ```ts
 * export class DumpCam extends Camera {
 *   override clearAfter = true
 *   override async onShutter(state: State) {
 *     await store([...state.tasks.values()].map((task) => task.asDict()))
 *   }
 * }
 * ```
 * ```console
 * $ celery -A tasks events --camera ./cam.ts#DumpCam --frequency 2.0
 * ```
 */
export class Camera {
  readonly state: State
  /** Forget finished tasks, and all workers, after each picture. Default false. Celery: `clear_after`. */
  clearAfter = false
  /** Sent for each picture, before `onShutter`. */
  readonly shutterSignal: Signal<{ readonly sender: State }>
  /** Sent before `onCleanup`. */
  readonly cleanupSignal: Signal<{ readonly sender: State }>
  readonly #options: CameraOptions
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #limit: TokenBucket | undefined
  readonly #timers = new Map<string, TimerHandle>()
  #shooting: Promise<void> | undefined

  constructor(state: State, options: CameraOptions = {}) {
    this.state = state
    this.#options = options
    this.#logger = options.logger ?? silentLogger
    this.#clock = options.clock ?? systemClock
    const rate = parseRate(options.maxrate, 'maxrate')
    this.#limit = rate === 0 ? undefined : new TokenBucket(rate, 1, this.#clock)
    this.shutterSignal = new Signal('shutter_signal', this.#logger)
    this.cleanupSignal = new Signal('cleanup_signal', this.#logger)
  }

  /** What to do with a picture. The state does not change until it has settled. */
  onShutter(_state: State): unknown {
    return undefined
  }

  /** What to do now and then: remove what is old, say. */
  onCleanup(): unknown {
    return undefined
  }

  /** Begins to take pictures. */
  install(): void {
    this.#repeat('freq', this.#options.freq ?? 1, () => this.capture())
    this.#repeat('cleanupFreq', this.#options.cleanupFreq ?? 3600, () => this.cleanup())
  }

  /** Takes a last picture, and then no more. */
  async cancel(): Promise<void> {
    if (this.#timers.size === 0) return
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    await this.#shooting
    await this.capture()
  }

  /** Takes a picture, if the rate allows. An error of `onShutter` is logged. */
  async capture(): Promise<void> {
    this.#shooting ??= this.#capture().finally(() => {
      this.#shooting = undefined
    })
    await this.#shooting
  }

  /** Takes the picture; the state must not change meanwhile. */
  async shutter(): Promise<void> {
    if (this.#limit?.take() === false) return
    this.#logger.debug(`Shutter: ${this.state}`)
    await this.shutterSignal.send({ sender: this.state })
    await this.onShutter(this.state)
  }

  async cleanup(): Promise<void> {
    this.#logger.debug('Cleanup: Running...')
    await this.cleanupSignal.send({ sender: this.state })
    await this.onCleanup()
  }

  async #capture(): Promise<void> {
    try {
      await this.state.freezeWhile(() => this.shutter(), { clearAfter: this.clearAfter })
    } catch (error) {
      this.#logger.error('A picture could not be taken', { error })
    }
  }

  #repeat(name: 'freq' | 'cleanupFreq', every: Duration, deed: () => Promise<void>): void {
    const interval = toMilliseconds(every, name)
    const next = (): void => {
      const timer = this.#clock.setTimeout(() => {
        deed()
          .catch((error: unknown) => this.#logger.error('The camera failed', { error }))
          .finally(() => {
            if (this.#timers.get(name) === timer) next()
          })
      }, interval)
      this.#timers.set(name, timer)
    }
    next()
  }
}
