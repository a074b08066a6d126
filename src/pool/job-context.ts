import type { AbortReason, RunContext } from './pool.ts'

/**
 * What a runner sees of the job it runs. The AbortSignal is made when somebody first looks at it: most jobs never do,
 * and making one costs more than the rest of a pool's work for a job.
 */
export class JobContext implements RunContext {
  #controller: AbortController | undefined
  #reason: AbortReason | undefined
  /** Its work is done. */
  isReleased = false
  readonly #released: (() => void) | undefined

  /** @param released told, once or more often, that the slot of the job may be used by another. */
  constructor(released?: () => void) {
    this.#released = released
  }

  get reason(): AbortReason | undefined {
    return this.#reason
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  release(): void {
    this.isReleased = true
    this.#released?.()
  }

  /** Fires the signal. A job that was asked to end (`soft`) can yet be given up; otherwise the first reason stays. */
  abort(reason: AbortReason): void {
    if (this.#reason !== undefined && this.#reason !== 'soft') return
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
