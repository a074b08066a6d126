import type { Delivery } from '../messaging/message.ts'
import type { RequestSubject } from './request-subject.ts'
import type { Unrunnable } from './strategy.ts'

/** A task in the worker, as its observers see it: `Request` is one. */
export interface ObservedTask {
  readonly id: string
  readonly name: string
  readonly subject: RequestSubject
  /** It runs now, as far as the worker knows. */
  readonly running: boolean
}

/** Why a task that failed is no ordinary failure. `expected`: the task `throws` such errors. */
export type Severity = 'unexpected' | 'expected' | 'internal'

/** Why a task is not run, or not any more. */
export type Discard =
  | { readonly reason: 'expired' }
  /**
   * `signal`: its process, or its abort signal, was told so while it ran. Undefined: it had not started. `stamp`: name
   * and value of the stamp by which it is revoked, if not by its id.
   */
  | {
      readonly reason: 'revoked'
      readonly signal: string | undefined
      readonly stamp?: readonly [name: string, value: unknown] | undefined
    }

/**
 * Somebody who watches what becomes of the tasks of a worker: its log, its events, its signals. An observer says only
 * what it cares about, and must not throw. It is called before the message is settled.
 */
export interface TaskObserver {
  /** Wants the representation of results, which must be made where the task runs. May change at any time. */
  readonly wantsResults?: boolean
  /** A worker has it. It may have to wait for its ETA, its rate limit and a slot. */
  received?(task: ObservedTask): void
  /** It runs, in the process (or thread) `pid`. */
  accepted?(task: ObservedTask, pid: number): void
  /** `runtime` in milliseconds; `result` its representation, undefined when nobody wanted it as it started. */
  succeeded?(task: ObservedTask, runtime: number, result: string | undefined): void
  /** `error` is its representation. */
  failed?(task: ObservedTask, error: string, traceback: string, severity: Severity): void
  /** A message for the next attempt is with the broker. `error`: representation of what made it try again. */
  retried?(task: ObservedTask, reason: string, traceback: string, error: string): void
  ignored?(task: ObservedTask): void
  rejected?(task: ObservedTask, reason: string, requeue: boolean): void
  /** It is expired or revoked. */
  discarded?(task: ObservedTask, discard: Discard): void
  /** Its hard time limit, in milliseconds, is over; it has failed. */
  timedOut?(task: ObservedTask, limit: number): void
  /** A message that is no task which this worker could run. */
  refused?(delivery: Delivery, problem: Unrunnable): void
}

/** All observers of a worker, as one. Loops without iterators: they run several times per task. */
export class TaskObservers implements Required<TaskObserver> {
  readonly #all: TaskObserver[] = []

  get wantsResults(): boolean {
    for (let i = 0; i < this.#all.length; i += 1) if (this.#all[i]?.wantsResults === true) return true
    return false
  }

  add(observer: TaskObserver): void {
    if (!this.#all.includes(observer)) this.#all.push(observer)
  }

  remove(observer: TaskObserver): void {
    const place = this.#all.indexOf(observer)
    if (place >= 0) this.#all.splice(place, 1)
  }

  received(task: ObservedTask): void {
    for (let i = 0; i < this.#all.length; i += 1) this.#all[i]?.received?.(task)
  }

  accepted(task: ObservedTask, pid: number): void {
    for (let i = 0; i < this.#all.length; i += 1) this.#all[i]?.accepted?.(task, pid)
  }

  succeeded(task: ObservedTask, runtime: number, result: string | undefined): void {
    for (let i = 0; i < this.#all.length; i += 1) this.#all[i]?.succeeded?.(task, runtime, result)
  }

  failed(task: ObservedTask, error: string, traceback: string, severity: Severity): void {
    for (let i = 0; i < this.#all.length; i += 1) this.#all[i]?.failed?.(task, error, traceback, severity)
  }

  retried(task: ObservedTask, reason: string, traceback: string, error: string): void {
    for (let i = 0; i < this.#all.length; i += 1) this.#all[i]?.retried?.(task, reason, traceback, error)
  }

  ignored(task: ObservedTask): void {
    for (let i = 0; i < this.#all.length; i += 1) this.#all[i]?.ignored?.(task)
  }

  rejected(task: ObservedTask, reason: string, requeue: boolean): void {
    for (let i = 0; i < this.#all.length; i += 1) this.#all[i]?.rejected?.(task, reason, requeue)
  }

  discarded(task: ObservedTask, discard: Discard): void {
    for (let i = 0; i < this.#all.length; i += 1) this.#all[i]?.discarded?.(task, discard)
  }

  timedOut(task: ObservedTask, limit: number): void {
    for (let i = 0; i < this.#all.length; i += 1) this.#all[i]?.timedOut?.(task, limit)
  }

  refused(delivery: Delivery, problem: Unrunnable): void {
    for (let i = 0; i < this.#all.length; i += 1) this.#all[i]?.refused?.(delivery, problem)
  }
}
