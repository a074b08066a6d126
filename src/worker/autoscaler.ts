import { ImproperlyConfigured } from '../errors.ts'
import type { Pool } from '../pool/pool.ts'
import type { Clock, TimerHandle } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'

/** How often, in milliseconds, an autoscaler looks even if no task comes. */
const LOOK_MS = 1000

/** What an autoscaler works with. */
export interface AutoscalerOptions {
  readonly pool: Pool
  /** Tasks at once, at most and at least. */
  readonly max: number
  readonly min: number
  /** Milliseconds after growing before which the pool does not shrink. Environment: `AUTOSCALE_KEEPALIVE`, in seconds. */
  readonly keepalive: number
  /** How many tasks there are to run, running ones included. */
  readonly quantity: () => number
  /** Told when `max` is another. */
  readonly changed: () => void
  readonly clock: Clock
  readonly logger: Logger
}

/** What `inspect stats` shows. */
export interface AutoscalerInfo {
  readonly max: number
  readonly min: number
  readonly current: number
  readonly qty: number
}

/**
 * Grows the pool at once when tasks wait, up to `max`, and shrinks it to what is needed, down to `min`, when it has not
 * grown for a while. Celery: `celery.worker.autoscale.Autoscaler`.
 *
 * For another policy extend it, override `maybeScale`, and name the class in the setting `workerAutoscaler`.
 */
export class Autoscaler {
  protected readonly options: AutoscalerOptions
  #max: number
  #min: number
  #lastScaleUp: number | undefined
  #timer: TimerHandle | undefined

  constructor(options: AutoscalerOptions) {
    if (options.max < options.min || options.max < 1) {
      const { max, min } = options
      throw new ImproperlyConfigured(`autoscale: cannot keep the pool between ${min} and ${max}`)
    }
    this.options = options
    this.#max = options.max
    this.#min = options.min
  }

  /** Tasks at once, at most. */
  get max(): number {
    return this.#max
  }

  /** Tasks at once, at least. */
  get min(): number {
    return this.#min
  }

  /** Begins to look once a second. */
  start(): void {
    this.#timer = this.options.clock.setTimeout(() => {
      this.maybeScale()
      this.start()
    }, LOOK_MS)
    this.#timer.unref()
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** Grows or shrinks if it is time to. Called for each task that comes, too. */
  maybeScale(): void {
    const { pool, quantity } = this.options
    const { size } = pool
    const wanted = Math.min(quantity(), this.#max)
    if (wanted > size) this.scaleUp(wanted - size)
    else {
      const needed = Math.max(quantity(), this.#min)
      if (needed < size) this.scaleDown(size - needed)
    }
  }

  /**
   * Sets other bounds; the pool is brought between them at once. Celery: `update`, the remote command `autoscale`.
   * @throws RangeError when they cannot be.
   */
  update({
    max = this.#max,
    min = this.#min,
  }: {
    readonly max?: number | undefined
    readonly min?: number | undefined
  }): {
    readonly max: number
    readonly min: number
  } {
    if (!Number.isInteger(max) || !Number.isInteger(min) || max < 1 || min < 0 || max < min) {
      throw new RangeError(`autoscale: cannot keep the pool between ${min} and ${max}`)
    }
    const { pool } = this.options
    this.#max = max
    this.#min = min
    if (max < pool.size) this.#shrink(pool.size - max)
    if (min > pool.size) this.#grow(min - pool.size)
    this.options.changed()
    return { max, min }
  }

  info(): AutoscalerInfo {
    const { pool, quantity } = this.options
    return { max: this.#max, min: this.#min, current: pool.size, qty: quantity() }
  }

  /** Lets `count` tasks more run at once. */
  protected scaleUp(count: number): void {
    this.#lastScaleUp = this.options.clock.monotonic()
    this.#grow(count)
  }

  /** Lets `count` tasks fewer run at once, unless the pool has grown a short time ago. */
  protected scaleDown(count: number): void {
    const { clock, keepalive } = this.options
    if (this.#lastScaleUp !== undefined && clock.monotonic() - this.#lastScaleUp > keepalive)
      this.#shrink(count)
  }

  #grow(count: number): void {
    this.options.logger.info(`Scaling up ${count} processes.`)
    this.#resize(this.options.pool.size + count, 'scale_up')
  }

  #shrink(count: number): void {
    this.options.logger.info(`Scaling down ${count} processes.`)
    this.#resize(this.options.pool.size - count, 'scale_down')
  }

  #resize(size: number, what: string): void {
    this.options.pool.resize?.(size).catch((error: unknown) => {
      this.options.logger.error(`Autoscaler: ${what}: ${String(error)}`, { error })
    })
  }
}
