import { loadavg, type as systemName } from 'node:os'
import type { EventDispatcher } from '../events/event-dispatcher.ts'
import type { EventFields } from '../protocol/events.ts'
import type { Clock, TimerHandle } from '../util/clock.ts'
import { Float } from '../util/float.ts'
import { packageVersion } from '../util/version.ts'

/** What heartbeats tell of the worker. */
export interface WorkerLoad {
  /** Tasks that run now. */
  readonly active: number
  /** Tasks that were run so far. */
  readonly processed: number
}

/** What a `Heartbeat` works with. */
export interface HeartbeatOptions {
  readonly dispatcher: EventDispatcher
  /** Milliseconds between two of them. */
  readonly interval: number
  readonly load: () => WorkerLoad
  /** Called after each of them. */
  readonly sent: (() => unknown) | undefined
  readonly clock: Clock
}

const SOFTWARE: EventFields = { sw_ident: 'celeriac', sw_ver: packageVersion(), sw_sys: systemName() }

/** Tells monitors that the worker is there: `worker-online`, `worker-heartbeat`, `worker-offline`. Celery: `Heart`. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  #timer: TimerHandle | undefined

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  start(): void {
    this.send('worker-online')
    this.#schedule()
  }

  stop(): void {
    if (this.#timer === undefined) return
    this.#timer.cancel()
    this.#timer = undefined
    this.send('worker-offline')
  }

  /** Sends such an event now. */
  send(type: string): void {
    const { dispatcher, interval, load } = this.#options
    const { active, processed } = load()
    dispatcher.send(type, {
      freq: new Float(interval / 1000),
      active,
      processed,
      loadavg: loadavg().map((each) => Math.ceil(each * 100) / 100),
      ...SOFTWARE,
    })
    this.#options.sent?.()
  }

  #schedule(): void {
    const { clock, dispatcher, interval } = this.#options
    this.#timer = clock.setTimeout(() => {
      // While the broker is gone one is enough: nobody needs to hear afterwards how often the heart has beaten.
      if (dispatcher.waiting === 0) this.send('worker-heartbeat')
      this.#schedule()
    }, interval)
    this.#timer.unref()
  }
}
