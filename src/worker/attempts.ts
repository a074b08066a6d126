import { LruMap } from '../util/lru-map.ts'
import type { ObservedTask } from './task-observer.ts'

/** Tasks that are remembered at most. */
const MOST_TASKS = 10_000

interface Running {
  readonly task: ObservedTask
  /** What is to be told of the next attempt, once this one has ended. */
  readonly later: (() => void)[]
  /** The next attempt, when it runs already. */
  next: ObservedTask | undefined
}

/**
 * Keeps what is told of the attempts of a task in order. A task that retries sends its next attempt while it runs; that
 * one may be here, or over, before the worker hears how the first ended. Told in that order, monitors would show for ever
 * that the task is to be retried.
 */
export class Attempts {
  readonly #running = new LruMap<string, Running>(MOST_TASKS)

  /** Tells something of an attempt: now, or when the one before has ended. */
  tell(task: ObservedTask, deed: () => void): void {
    const before = this.#before(task)
    if (before === undefined) deed()
    else before.later.push(deed)
  }

  /** An attempt runs. */
  began(task: ObservedTask): void {
    const before = this.#before(task)
    if (before === undefined) this.#running.set(task.id, { task, later: [], next: undefined })
    else before.next = task
  }

  /** An attempt has ended, and that was told. */
  ended(task: ObservedTask): void {
    const running = this.#running.get(task.id)
    if (running === undefined) return
    if (running.task !== task) {
      if (running.next === task) running.next = undefined
      return
    }
    this.#running.delete(task.id)
    if (running.next !== undefined) this.began(running.next)
    for (const deed of running.later) deed()
  }

  /** The attempt before, if it still runs. */
  #before(task: ObservedTask): Running | undefined {
    const running = this.#running.get(task.id)
    if (running === undefined || running.task === task) return undefined
    // One that ended without a word is told of no more.
    return running.task.running ? running : this.#forget(running)
  }

  #forget({ task, later }: Running): undefined {
    this.#running.delete(task.id)
    for (const deed of later) deed()
    return undefined
  }
}
