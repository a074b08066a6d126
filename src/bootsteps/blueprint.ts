import type { Logger } from '../util/logger.ts'
import { bootOrder } from './boot-order.ts'
import type { Bootstep, RunningStep } from './bootstep.ts'
import { stepName } from './bootstep.ts'

/** Where a blueprint is in its life; Celery's words. */
export type BlueprintState = 'initializing' | 'running' | 'closing' | 'terminating'

/** What a blueprint is made of. */
export interface BlueprintOptions<Parent> {
  /** For the log: `Worker`, `Consumer`. */
  readonly name: string
  readonly steps: Iterable<Bootstep<Parent>>
  /** Names of what is there without a step, and may be required. */
  readonly given?: readonly string[]
  readonly logger: Logger
}

/**
 * Steps that are started in order and stopped in reverse. Celery: `bootsteps.Blueprint`.
 *
 * *Initializing* → `start()` → *running* → `stop()` → *closing* (or *terminating*, by force) → *initializing*: it may be
 * started again. When a step fails to start, those before it are stopped, and `start` rejects with its error.
 */
export class Blueprint<Parent> {
  readonly name: string
  readonly order: readonly Bootstep<Parent>[]
  readonly #logger: Logger
  readonly #running = new Map<Bootstep<Parent>, RunningStep>()
  #state: BlueprintState = 'initializing'

  /** @throws ImproperlyConfigured when the steps cannot be put in order. */
  constructor({ name, steps, given, logger }: BlueprintOptions<Parent>) {
    this.name = name
    this.order = bootOrder(steps, given)
    this.#logger = logger
  }

  /** Celery: `human_state`. */
  get state(): BlueprintState {
    return this.#state
  }

  /** Starts the steps that are wanted, one after the other. */
  async start(parent: Parent): Promise<void> {
    this.#state = 'running'
    for (const step of this.order) {
      // Somebody may have stopped the whole meanwhile.
      if (this.#state !== 'running') return
      if (step.include?.(parent) === false) continue
      this.#logger.debug(`| ${this.name}: Starting ${stepName(step)}`)
      try {
        this.#running.set(step, (await step.start(parent)) ?? {})
      } catch (error) {
        await this.stop()
        throw error
      }
      if (this.state !== 'running') await this.#stopStep(step, 'stop')
    }
  }

  /** Stops what was started, in reverse. Never rejects: what goes wrong is logged. */
  async stop({ terminate = false }: { readonly terminate?: boolean } = {}): Promise<void> {
    this.#state = terminate ? 'terminating' : 'closing'
    for (const step of this.order.toReversed()) await this.#stopStep(step, terminate ? 'terminate' : 'stop')
    this.#state = 'initializing'
  }

  /** What the running steps say of themselves, merged. */
  info(): Readonly<Record<string, unknown>> {
    return Object.assign({}, ...[...this.#running.values()].map((running) => running.info?.() ?? {}))
  }

  async #stopStep(step: Bootstep<Parent>, method: 'stop' | 'terminate'): Promise<void> {
    const running = this.#running.get(step)
    if (running === undefined) return
    this.#running.delete(step)
    const name = stepName(step)
    this.#logger.debug(`| ${this.name}: ${method === 'stop' ? 'Stopping' : 'Terminating'} ${name}`)
    try {
      if (method === 'terminate' && running.terminate !== undefined) await running.terminate()
      else await running.stop?.()
    } catch (error) {
      this.#logger.error(`Error on stopping ${name}`, { error })
    }
  }
}
