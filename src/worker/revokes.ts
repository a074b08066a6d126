import type { Clock } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import { LimitedSet } from '../util/limited-set.ts'
import { positiveNumber } from '../util/positive-number.ts'

/** Limits of what is remembered; Celery's variables `CELERY_WORKER_REVOKES_MAX`, `CELERY_WORKER_REVOKE_EXPIRES`. */
const MOST = 50_000
/** In seconds. */
const EXPIRES = 10_800

/** What `Revokes` works with. */
export interface RevokesOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly clock?: Clock
}

/** What can be revoked: a task by its id or by its stamps. `TaskHeaders` fits. */
export interface Revocable {
  readonly id: string
  readonly stampedHeaders: readonly string[] | undefined
  readonly stamps: Readonly<Record<string, unknown>> | undefined
}

/**
 * Which tasks are not to be run, by id and by stamps. Celery: `state.revoked`, `state.revoked_stamps`.
 *
 * They are forgotten when there are too many, the oldest first. Old ones are not told to other workers any more, but
 * they still count here: the task may be one that is due in a week.
 */
export class Revokes {
  readonly #ids: LimitedSet<string>
  readonly #stamps = new Map<string, LimitedSet<unknown>>()
  readonly #most: number
  readonly #clock: Clock
  /** Milliseconds after which other workers are not told of an id any more. */
  readonly expires: number
  /** Called after each change. */
  changed: () => void = () => {}

  constructor({ environment = process.env, clock = systemClock }: RevokesOptions = {}) {
    this.#most = positiveNumber(environment['CELERY_WORKER_REVOKES_MAX']) ?? MOST
    this.expires = (positiveNumber(environment['CELERY_WORKER_REVOKE_EXPIRES']) ?? EXPIRES) * 1000
    this.#clock = clock
    this.#ids = new LimitedSet({ maxLength: this.#most, clock })
  }

  get ids(): readonly string[] {
    return [...this.#ids]
  }

  /** Ids with the times, in milliseconds since 1970, at which they were revoked. Oldest first. */
  get entries(): readonly (readonly [id: string, at: number])[] {
    return [...this.#ids.entries()]
  }

  /** Those of the entries that other workers should know. */
  get recent(): readonly (readonly [id: string, at: number])[] {
    const since = this.#clock.now() - this.expires
    return this.entries.filter(([, at]) => at > since)
  }

  /** Values of the stamps by their names. */
  get stamps(): Readonly<Record<string, readonly unknown[]>> {
    return Object.fromEntries([...this.#stamps].map(([name, values]) => [name, [...values]]))
  }

  add(ids: Iterable<string>): void {
    for (const id of ids) this.#ids.add(id)
    this.changed()
  }

  /** Takes over ids with their times, from another worker or from a file. */
  merge(entries: Iterable<readonly [id: string, at: number]>): void {
    const fresh = [...entries].filter(([id]) => !this.#ids.has(id))
    if (fresh.length === 0) return
    this.#ids.merge(fresh)
    this.changed()
  }

  /** Tasks with one of these values of a stamp. */
  addStamps(name: string, values: Iterable<unknown>): void {
    let known = this.#stamps.get(name)
    if (known === undefined) {
      known = new LimitedSet({ maxLength: this.#most, clock: this.#clock })
      this.#stamps.set(name, known)
    }
    for (const value of values) known.add(value)
    this.changed()
  }

  /** Whether the task is revoked. */
  includes(task: Revocable): boolean {
    return this.#ids.has(task.id) || (this.#stamps.size > 0 && this.revokingStamp(task) !== undefined)
  }

  /** The stamp by which the task is revoked: its name and value. */
  revokingStamp(task: Revocable): readonly [name: string, value: unknown] | undefined {
    for (const name of task.stampedHeaders ?? []) {
      const revoked = this.#stamps.get(name)
      const value = revoked && stampValues(task.stamps?.[name]).find((one) => revoked.has(one))
      if (value !== undefined) return [name, value]
    }
    return undefined
  }
}

/** A stamp is one value or a list of them. */
export function stampValues(stamp: unknown): readonly unknown[] {
  if (stamp === undefined || stamp === null) return []
  return Array.isArray(stamp) ? stamp : [stamp]
}
