/**
 * What can be started and stopped, any number of times and from anywhere.
 *
 * States: **idle** → `start()` → **starting** → **running** → `stop()` → **stopping** → **idle**.
 * A second `start()` or `stop()` joins the one under way. `stop()` while starting waits for the start and then stops;
 * `start()` while stopping waits for the stop and then starts. A start that fails leads back to **idle**.
 */

/** Where a `Service` is in its life. */
export type ServiceState = 'idle' | 'starting' | 'running' | 'stopping'

/** See the module's description. */
export class Service implements AsyncDisposable {
  readonly #begin: () => Promise<void> | void
  readonly #end: () => Promise<void> | void
  #state: ServiceState = 'idle'
  #current: Promise<void> = Promise.resolve()

  /** @param hooks what happens on start and on stop; each runs only when it is its turn. */
  constructor(hooks: {
    readonly start: () => Promise<void> | void
    readonly stop: () => Promise<void> | void
  }) {
    this.#begin = hooks.start
    this.#end = hooks.stop
  }

  get state(): ServiceState {
    return this.#state
  }

  get running(): boolean {
    return this.#state === 'running'
  }

  /** @throws what the start hook throws. */
  async start(): Promise<void> {
    while (this.#state === 'stopping') await settled(this.#current)
    if (this.#state === 'idle') this.#current = this.#run('starting', this.#begin, 'running')
    await this.#current
  }

  /** @throws what the stop hook throws; the service is idle nevertheless. */
  async stop(): Promise<void> {
    while (this.#state === 'starting') await settled(this.#current)
    if (this.#state === 'idle') return
    if (this.#state === 'running') this.#current = this.#run('stopping', this.#end, 'idle')
    await this.#current
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #run(during: ServiceState, hook: () => Promise<void> | void, after: ServiceState): Promise<void> {
    this.#state = during
    let next: ServiceState = 'idle'
    try {
      await hook()
      next = after
    } finally {
      this.#state = next
    }
  }
}

/** Waits for the end of a promise whose outcome concerns somebody else. */
async function settled(promise: Promise<void>): Promise<void> {
  await promise.catch(() => undefined)
}
