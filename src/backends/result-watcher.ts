/**
 * One watch for everybody who waits: whoever asks for results is a listener here, and the backend sees one
 * subscription per task, however many wait for it.
 *
 * A task goes through *unknown* → (first listener) *subscribing* → (the backend confirmed) *followed* → (last listener
 * gone) *unknown*. The result is loaded after the subscription is confirmed, so that one stored in between is not
 * missed. Backends that cannot push are polled, by one loop for all.
 */
import type { ResultMeta } from '../protocol/result-meta.ts'
import type { Clock, TimerHandle } from '../util/clock.ts'
import { Deferred } from '../util/deferred.ts'
import type { Backend, ResultWatch } from './backend.ts'

/** Told what is stored of a task. Must not throw. */
export type ResultListener = (meta: ResultMeta) => void

/** How to follow results. */
export interface FollowOptions {
  /** Milliseconds between two looks where the backend has to be asked; default 500. */
  readonly interval?: number | undefined
  /** Told once when the results can no longer be followed. */
  readonly failed?: ((error: unknown) => void) | undefined
}

/** What a watcher works with. */
export interface ResultWatcherOptions {
  readonly backend: () => Promise<Backend>
  readonly load: (ids: readonly string[]) => Promise<readonly (ResultMeta | undefined)[]>
  readonly clock: Clock
}

interface Followed {
  readonly followers: Set<Follower>
  /** Settles when the backend reports changes. */
  readonly subscribed: Promise<void>
}

interface Follower {
  readonly listener: ResultListener
  readonly interval: number
  readonly failed: ((error: unknown) => void) | undefined
}

const DEFAULT_INTERVAL = 500
const POLLED = Promise.resolve()
/** A pushed result can get lost with a connection; so even then everything is looked at now and then. */
const SAFETY_INTERVAL = 10_000

/** See the module's description. */
export class ResultWatcher {
  readonly #options: ResultWatcherOptions
  readonly #followed = new Map<string, Followed>()
  #watch: ResultWatch | undefined
  #subscribing: { readonly ids: string[]; readonly done: Deferred } | undefined
  #timer: TimerHandle | undefined
  #closed = false

  constructor(options: ResultWatcherOptions) {
    this.#options = options
  }

  /** See `ResultStore.follow`. */
  async follow(
    ids: readonly string[],
    listener: ResultListener,
    { interval = DEFAULT_INTERVAL, failed }: FollowOptions = {},
  ): Promise<() => void> {
    const backend = await this.#options.backend()
    const follower: Follower = { listener, interval, failed }
    const stop = (): void => this.#remove(ids, follower)
    try {
      await this.#add(ids, follower, backend)
      this.#schedule(backend.watch === undefined)
      for (const meta of await this.#options.load(ids)) {
        if (meta !== undefined && this.#followed.get(meta.task_id)?.followers.has(follower)) listener(meta)
      }
    } catch (error) {
      stop()
      throw error
    }
    return stop
  }

  /** Tells nobody anything any more. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#followed.clear()
    await this.#watch?.close()
  }

  /** Settles when changes of all these are reported. */
  async #add(ids: readonly string[], follower: Follower, backend: Backend): Promise<void> {
    const waits = new Set<Promise<void>>()
    for (const id of ids) {
      let followed = this.#followed.get(id)
      if (followed === undefined) {
        followed = { followers: new Set(), subscribed: this.#subscribe(id, backend) }
        this.#followed.set(id, followed)
      }
      followed.followers.add(follower)
      waits.add(followed.subscribed)
    }
    await Promise.all(waits)
  }

  /** Collects what is asked for in one turn into one subscription. */
  #subscribe(id: string, backend: Backend): Promise<void> {
    if (backend.watch === undefined) return POLLED
    this.#watch ??= backend.watch((meta) => this.#deliver(meta))
    const watch = this.#watch
    if (this.#subscribing === undefined) {
      const batch = { ids: [], done: new Deferred() }
      this.#subscribing = batch
      queueMicrotask(() => {
        this.#subscribing = undefined
        const wanted = batch.ids.filter((each) => this.#followed.has(each))
        watch.add(wanted).then(() => batch.done.resolve(), batch.done.reject.bind(batch.done))
      })
    }
    this.#subscribing.ids.push(id)
    return this.#subscribing.done.promise
  }

  #remove(ids: readonly string[], follower: Follower): void {
    const unused: string[] = []
    for (const id of ids) {
      const followers = this.#followed.get(id)?.followers
      if (followers?.delete(follower) && followers.size === 0) {
        this.#followed.delete(id)
        unused.push(id)
      }
    }
    if (this.#followed.size === 0) {
      this.#timer?.cancel()
      this.#timer = undefined
    }
    if (unused.length > 0 && this.#watch !== undefined) {
      // What isn't followed is not delivered, so a failure to unsubscribe is without consequence.
      this.#watch.remove(unused).catch(() => undefined)
    }
  }

  #deliver(meta: ResultMeta): void {
    const followed = this.#followed.get(meta.task_id)
    if (followed === undefined) return
    for (const { listener } of [...followed.followers]) listener(meta)
  }

  #schedule(polled: boolean): void {
    if (this.#closed || this.#timer !== undefined || this.#followed.size === 0) return
    const interval = polled ? this.#shortestInterval() : SAFETY_INTERVAL
    this.#timer = this.#options.clock.setTimeout(() => void this.#look(polled), interval)
    if (!polled) this.#timer.unref()
  }

  #shortestInterval(): number {
    let shortest = Number.POSITIVE_INFINITY
    for (const { followers } of this.#followed.values()) {
      for (const { interval } of followers) shortest = Math.min(shortest, interval)
    }
    return shortest
  }

  async #look(polled: boolean): Promise<void> {
    try {
      for (const meta of await this.#options.load([...this.#followed.keys()])) {
        if (meta !== undefined) this.#deliver(meta)
      }
    } catch (error) {
      // With a watch there is hope yet; without one nobody would ever hear of it.
      if (polled) this.#fail(error)
    }
    this.#timer = undefined
    this.#schedule(polled)
  }

  #fail(error: unknown): void {
    const failed = new Set([...this.#followed.values()].flatMap(({ followers }) => [...followers]))
    this.#followed.clear()
    for (const follower of failed) follower.failed?.(error)
  }
}
