/**
 * How a worker is stopped by signals. Celery: the handlers of `celery.apps.worker`.
 *
 * *Running* → TERM, or INT for the first time → *warm*: running tasks finish. → QUIT, or INT again → *soft*, if
 * `worker_soft_shutdown_timeout` is set and something runs: tasks have that long to finish. → after that time, or at
 * INT or QUIT, or at once without such a time → *cold*: running tasks are ended. INT or QUIT now is heard once more
 * with a word of patience; the next one ends the process at once.
 *
 * The exit code is 0 for TERM alone and 1 when INT or QUIT had a part in it, though a first INT is warm, too.
 */

import type { StopMode } from '../worker/worker.ts'
import { EXIT } from './exit-code.ts'

/** A signal that stops a worker. */
export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGQUIT'

/** What stopping needs. */
export interface ShutdownOptions {
  /** Begins or hurries the stop of the worker. */
  readonly stop: (mode: StopMode, signal: StopSignal | undefined) => void
  /** How many tasks run at this moment. */
  readonly activeTasks: () => number
  /** Milliseconds. Celery: `worker_soft_shutdown_timeout`. */
  readonly softTimeout: number
  /** Whether the soft phase also takes place when nothing runs. Celery: `worker_enable_soft_shutdown_on_idle`. */
  readonly softOnIdle: boolean
  /** Whether TERM means what QUIT means. Celery: `REMAP_SIGTERM=SIGQUIT`. */
  readonly termIsQuit: boolean
  /** Shows a line to whoever sits at the terminal. */
  readonly say: (text: string) => void
  readonly log: (text: string) => void
  /** Ends the process without further ado. */
  readonly exit: (code: number) => void
}

/** See the module's description. */
export class Shutdown {
  readonly #options: ShutdownOptions
  #state: 'running' | 'warm' | 'soft' | 'cold' | 'impatient' = 'running'
  #signal: StopSignal | undefined
  #interrupted = false
  #exitCode: number | undefined
  #softTimer: NodeJS.Timeout | undefined

  constructor(options: ShutdownOptions) {
    this.#options = options
  }

  /** The exit code that the signals ask for; `undefined` as long as none came. */
  get exitCode(): number | undefined {
    return this.#exitCode
  }

  /** What happens when a signal comes. */
  handle(signal: StopSignal): void {
    this.#signal = signal
    const effective = signal === 'SIGTERM' && this.#options.termIsQuit ? 'SIGQUIT' : signal
    if (effective === 'SIGTERM') this.#terminate()
    else if (effective === 'SIGINT' && !this.#interrupted && isGentle(this.#state)) this.#interrupt()
    else this.#quit()
  }

  /** Forgets the timer; the worker has stopped. */
  finish(): void {
    clearTimeout(this.#softTimer)
  }

  #terminate(): void {
    this.#options.say('worker: Warm shutdown (MainProcess)')
    if (this.#state === 'running') this.#warm(EXIT.ok)
  }

  #interrupt(): void {
    this.#interrupted = true
    this.#options.say(
      'worker: Hitting Ctrl+C again will initiate cold shutdown, terminating all running tasks!',
    )
    this.#options.say('worker: Warm shutdown (MainProcess)')
    this.#exitCode = EXIT.failure
    if (this.#state === 'running') this.#warm(EXIT.failure)
  }

  #warm(exitCode: number): void {
    this.#state = 'warm'
    this.#exitCode = exitCode
    this.#options.stop('warm', this.#signal)
  }

  #quit(): void {
    this.#exitCode = EXIT.failure
    if (isGentle(this.#state)) this.#beginCold()
    else if (this.#state === 'soft') this.#cold()
    else if (this.#state === 'cold') {
      this.#state = 'impatient'
      this.#options.say('Waiting gracefully for cold shutdown to complete...')
    } else this.#options.exit(EXIT.failure)
  }

  #beginCold(): void {
    const { softTimeout, softOnIdle, activeTasks, say, log, stop } = this.#options
    say('worker: Cold shutdown (MainProcess)')
    const active = activeTasks()
    if (softTimeout <= 0 || (active === 0 && !softOnIdle)) {
      this.#cold()
      return
    }
    this.#state = 'soft'
    say('worker: Hitting Ctrl+C again will terminate all running tasks!')
    log(`Initiating Soft Shutdown, terminating in ${softTimeout / 1000} seconds`)
    this.#softTimer = setTimeout(() => this.#cold(), softTimeout)
    stop('warm', this.#signal)
  }

  #cold(): void {
    clearTimeout(this.#softTimer)
    this.#state = 'cold'
    this.#options.stop('cold', this.#signal)
  }
}

function isGentle(state: string): boolean {
  return state === 'running' || state === 'warm'
}
