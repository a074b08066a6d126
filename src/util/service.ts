/**
 * What can be started and stopped, any number of times and from anywhere.
 *
 * States: **idle** → `start()` → **starting** → **running** → `stop()` → **stopping** → **idle**.
 * Requests are carried out in the order in which they come: `stop()` while starting waits for the start, `start()` while
 * stopping waits for the stop, and a second `start()` or `stop()` joins the one before. A start that fails leads back
 * to **idle** and can be tried again.
 */

/** Where a `Service` is in its life. */
export type ServiceState = 'idle' | 'starting' | 'running' | 'stopping'

/** What happens on start and on stop; each runs only when it is its turn. */
export interface ServiceHooks {
  start(): Promise<void> | void
  stop(): Promise<void> | void
}

/** See the module's description. */
export class Service implements AsyncDisposable {
  readonly #hooks: ServiceHooks
  #state: ServiceState = 'idle'
  #requested: 'start' | 'stop' = 'stop'
  #latest: Promise<void> = Promise.resolve()
  #pending = 0

  constructor(hooks: ServiceHooks) {
    this.#hooks = hooks
  }

  get state(): ServiceState {
    return this.#state
  }

  get running(): boolean {
    return this.#state === 'running'
  }

  /** @throws what the start hook throws. */
  start(): Promise<void> {
    return this.#request('start')
  }

  /** @throws what the stop hook throws; the service is idle nevertheless. */
  stop(): Promise<void> {
    return this.#request('stop')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #request(request: 'start' | 'stop'): Promise<void> {
    if (request !== this.#requested) {
      this.#requested = request
      const earlier = this.#pending++ > 0 ? this.#latest : undefined
      this.#latest = request === 'start' ? this.#begin(earlier) : this.#end(earlier)
    }
    return this.#latest
  }

  async #begin(earlier: Promise<void> | undefined): Promise<void> {
    if (earlier !== undefined) await settled(earlier)
    this.#state = 'starting'
    try {
      await this.#hooks.start()
      this.#state = 'running'
    } catch (error) {
      this.#state = 'idle'
      // Unless somebody asked for a stop meanwhile, the next start is a new attempt.
      if (this.#pending === 1) this.#requested = 'stop'
      throw error
    } finally {
      this.#pending--
    }
  }

  async #end(earlier: Promise<void> | undefined): Promise<void> {
    if (earlier !== undefined) await settled(earlier)
    try {
      if (this.#state === 'running') {
        this.#state = 'stopping'
        await this.#hooks.stop()
      }
    } finally {
      this.#state = 'idle'
      this.#pending--
    }
  }
}

/** Waits for the end of a promise whose outcome concerns somebody else. */
async function settled(promise: Promise<void>): Promise<void> {
  await promise.catch(() => undefined)
}
