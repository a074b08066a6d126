import type { TimerHandle } from '../../util/clock.ts'
import { systemClock } from '../../util/clock.ts'
import type { RunnerSource } from '../pool.ts'
import type { ChildBody, ChildExit, OpenChild, ToParent } from './frames.ts'

/** What a child tells its pool. */
export interface ChildEvents {
  accepted(id: string): void
  done(id: string, value: unknown, milliseconds: number, aborted: boolean): void
  returned(id: string): void
  broken(id: string, message: string): void
  heavy(bytes: number): void
  crashed(error: unknown): void
  /** It was told to stop, did not, and is killed. */
  stayed(): void
  exited(exit: ChildExit): void
}

/** What a child may do. */
export interface ChildLimits {
  /** Jobs at once. */
  readonly slots: number
  /** Bytes of memory from which on it says `heavy`. */
  readonly maxMemory: number | undefined
  /** Milliseconds in which it must have left once it has nothing more to do. */
  readonly leaveGrace: number
}

/**
 * One child, seen from its pool. Life: *starting* until `ready` settles, *serving* until `retire` or `kill`, *gone*
 * when `exited` was called (always, and once).
 */
export class ChildHandle {
  readonly #body: ChildBody
  readonly #events: ChildEvents
  readonly #up = Promise.withResolvers<void>()
  readonly #started = Promise.withResolvers<void>()
  /** Jobs among them that cannot be expected to end at once: nothing is handed over to wait behind them. */
  slow = 0
  /** Ids of the jobs that were handed over and have not ended. */
  readonly jobs: Set<string> = new Set()
  /** Jobs it ended so far. */
  completed = 0
  /** It gets no more jobs and ends when its last one has. */
  retiring = false
  serving = false
  /** It was there to run jobs, at least for a moment. */
  served = false
  /** Its end will surprise nobody: it was killed, or of what it died was told. */
  explained = false
  readonly #leaveGrace: number
  #patience: TimerHandle | undefined

  constructor(open: OpenChild, source: RunnerSource, limits: ChildLimits, events: ChildEvents) {
    this.#events = events
    this.#leaveGrace = limits.leaveGrace
    this.#started.promise.catch(() => {
      // Whoever waits for `ready` hears of it; one that is given up before, nobody waits for.
    })
    this.#body = open({
      received: (message) => this.#receive(message),
      crashed: (error) => {
        this.explained = true
        events.crashed(error)
      },
      exited: (exit) => {
        this.serving = false
        this.#patience?.cancel()
        this.#started.reject(new Error(`a child of the pool ended while it started (${howOf(exit)})`))
        this.#up.resolve()
        events.exited(exit)
      },
    })
    this.#body.send(['init', source.module, source.init, limits.slots, limits.maxMemory])
  }

  /** For people: `process 123`, `thread 4`. */
  get name(): string {
    return this.#body.name
  }

  /** The process that it runs jobs in. */
  get pid(): number {
    return this.#body.pid
  }

  /** Whether it is there, before it has loaded anything, or gone within so many milliseconds. */
  isUpWithin(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = systemClock.setTimeout(() => resolve(false), milliseconds)
      void this.#up.promise.then(() => {
        timer.cancel()
        resolve(true)
      })
    })
  }

  /** Settles when the runner was made; rejects when that failed or the child died before. */
  get ready(): Promise<void> {
    return this.#started.promise
  }

  /** Hands a job over; see `ToChild` for `announce`. */
  run(id: string, data: unknown, softTimeLimit: number | undefined, announce: boolean): void {
    this.jobs.add(id)
    this.#body.send(['job', id, data, softTimeLimit, announce])
  }

  /** Fires the signal of a running job, or takes back one that waits; see `ToChild`. */
  abort(id: string, reason: 'terminate' | 'shutdown' | 'withdraw'): void {
    this.#body.send(['abort', id, reason])
    this.#body.flush()
  }

  /** Ends the child as soon as its last job has ended. */
  retire(): void {
    if (this.retiring) return
    this.retiring = true
    if (this.jobs.size === 0) this.#dismiss()
  }

  /** Ends the child now. */
  kill(): void {
    this.explained = true
    this.#body.kill()
  }

  /** It has nothing more to do. What its jobs have left behind, or its closing, may keep it from leaving. */
  #dismiss(): void {
    this.#body.send(['stop'])
    this.#patience = systemClock.setTimeout(() => {
      this.#events.stayed()
      this.kill()
    }, this.#leaveGrace)
  }

  #receive(message: ToParent): void {
    const events = this.#events
    switch (message[0]) {
      case 'up':
        this.#up.resolve()
        break
      case 'ready':
        this.serving = true
        this.served = true
        this.#started.resolve()
        break
      case 'failed': {
        const error = new Error(message[1])
        error.stack = message[2]
        this.#started.reject(error)
        break
      }
      case 'accepted':
        events.accepted(message[1])
        break
      case 'done':
        this.#ended(message[1])
        events.done(message[1], message[2], message[3], message[4] ?? false)
        break
      case 'returned':
        this.#left(message[1])
        events.returned(message[1])
        break
      case 'broken':
        this.#ended(message[1])
        events.broken(message[1], message[2])
        break
      case 'heavy':
        events.heavy(message[1])
        break
    }
  }

  #ended(id: string): void {
    this.completed += 1
    this.#left(id)
  }

  #left(id: string): void {
    this.jobs.delete(id)
    if (this.retiring && this.jobs.size === 0) this.#dismiss()
  }
}

/** How a child ended, for people. */
export function howOf({ exitCode, signal }: ChildExit): string {
  return signal ?? `exit code ${exitCode}`
}
