/**
 * One watch for everybody who waits: whoever asks for results is a listener here, and the backend sees one
 * subscription per task, however many wait for it.
 *
 * A task goes through *unknown* → (first listener) *subscribing* → (the backend confirmed) *followed* → (last listener
 * gone) *leaving* → (many leave, or a moment has gone by) *unknown*. The result is loaded after the subscription is
 * confirmed, so that one stored in between is not missed. Where a subscription takes a trip to a server, a call that is
 * being sent goes first, and its result is loaded a moment later, since it will have been told of as a rule. Backends that
 * cannot push are polled, by one loop for all.
 */
import { BackendError, BackendGetMetaError } from '../errors.ts'
import type { ResultMeta } from '../protocol/result-meta.ts'
import type { Clock, TimerHandle } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import { Deferred } from '../util/deferred.ts'
import type { Backend, ResultWatch } from './backend.ts'

/** Told what is stored of a task. Must not throw. */
export type ResultListener = (meta: ResultMeta) => void

/** How to follow results. */
export interface FollowOptions {
  /** Milliseconds between two looks where the backend has to be asked; default 500. */
  readonly interval?: number | undefined
  /** Told when one of the results, or none any more, can be followed. */
  readonly failed?: ((error: unknown) => void) | undefined
  /** The tasks are only being sent, so that there is nothing to be found yet. Default false. */
  readonly fresh?: boolean | undefined
}

/** What a watcher works with. */
export interface ResultWatcherOptions {
  readonly backend: () => Promise<Backend>
  /** What is loaded in one turn makes one trip. */
  readonly load: (id: string) => Promise<ResultMeta | undefined>
  readonly clock: Clock
}

interface Followed {
  readonly followers: Set<Follower>
  /** Settles when the backend reports changes. */
  readonly subscribed: Promise<void>
  /** Whether it could not be understood when it was last looked at. */
  isUnreadable: boolean
}

interface Follower {
  readonly listener: ResultListener
  readonly interval: number
  readonly failed: ((error: unknown) => void) | undefined
}

const DEFAULT_INTERVAL = 500
const POLLED = Promise.resolve()
/** Milliseconds after which results of calls that were being sent are looked for, if nothing was heard of them. */
const FRESH_LOOK = 2
/** Subscriptions that nobody needs any more end together: when there are so many, or after so many milliseconds. */
const MAX_LEAVING = 16
const LEAVE_AFTER = 100
/** A pushed result can get lost with a connection; so even then everything is looked at now and then. */
const SAFETY_INTERVAL = 10_000

/** See the module's description. */
export class ResultWatcher {
  readonly #options: ResultWatcherOptions
  readonly #followed = new Map<string, Followed>()
  #watch: ResultWatch | undefined
  #subscribing: { readonly ids: string[]; readonly done: Deferred } | undefined
  #leaving = new Set<string>()
  #leaveTimer: TimerHandle | undefined
  #fresh: { readonly id: string; readonly follower: Follower }[] = []
  /** Until the next look; undefined while one is under way. */
  #timer: TimerHandle | undefined
  #due = 0
  #isLooking = false
  #closed = false

  constructor(options: ResultWatcherOptions) {
    this.#options = options
  }

  /** See `ResultStore.follow`. */
  async follow(
    ids: readonly string[],
    listener: ResultListener,
    { interval = DEFAULT_INTERVAL, failed, fresh = false }: FollowOptions = {},
  ): Promise<() => void> {
    const backend = await this.#options.backend()
    if (this.#closed) throw closed()
    const follower: Follower = { listener, interval, failed }
    const stop = (): void => this.#remove(ids, follower)
    try {
      const isLate = fresh && backend.watch !== undefined && backend.features.remoteWatch === true
      await this.#add(ids, follower, backend, isLate)
      const polled = backend.watch === undefined
      this.#schedule(polled, polled ? interval : SAFETY_INTERVAL)
      if (isLate) this.#lookLater(ids, follower)
      else {
        const { load } = this.#options
        for (const meta of await Promise.all(ids.map(load))) this.#tell(meta, follower)
      }
    } catch (error) {
      stop()
      throw error
    }
    return stop
  }

  /** Tells those who still wait that it is over, and nobody anything any more. */
  async close(): Promise<void> {
    this.#closed = true
    const left = new Set([...this.#followed.values()].flatMap(({ followers }) => [...followers]))
    this.#timer?.cancel()
    this.#timer = undefined
    this.#leaveTimer?.cancel()
    this.#leaveTimer = undefined
    this.#leaving.clear()
    this.#followed.clear()
    for (const { failed } of left) failed?.(closed())
    await this.#watch?.close()
  }

  /** Settles when changes of all these are reported. */
  async #add(ids: readonly string[], follower: Follower, backend: Backend, isLate: boolean): Promise<void> {
    const waits = new Set<Promise<void>>()
    for (const id of ids) {
      let followed = this.#followed.get(id)
      if (followed === undefined) {
        const subscribed = this.#subscribe(id, backend, isLate)
        followed = { followers: new Set(), subscribed, isUnreadable: false }
        this.#followed.set(id, followed)
      }
      followed.followers.add(follower)
      waits.add(followed.subscribed)
    }
    await Promise.all(waits)
  }

  /** Collects what is asked for in one turn into one subscription. Calls that are being sent go before it. */
  #subscribe(id: string, backend: Backend, isLate: boolean): Promise<void> {
    if (backend.watch === undefined) return POLLED
    this.#watch ??= backend.watch(
      (meta) => this.#deliver(meta),
      (each, error) => this.#fail(each, error),
    )
    const watch = this.#watch
    if (this.#subscribing === undefined) {
      const batch = { ids: [], done: new Deferred() }
      this.#subscribing = batch
      const subscribe = (): void => {
        this.#subscribing = undefined
        const wanted = batch.ids.filter((each) => this.#followed.has(each))
        for (const each of wanted) this.#leaving.delete(each)
        watch.add(wanted).then(() => batch.done.resolve(), batch.done.reject.bind(batch.done))
      }
      // Messages leave at the end of the turn.
      if (isLate) setImmediate(() => setImmediate(subscribe))
      else queueMicrotask(subscribe)
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
    if (this.#watch !== undefined) this.#leave(unused)
  }

  /** What isn't followed is not delivered, so there is time for it, and a failure to unsubscribe is without consequence. */
  #leave(ids: readonly string[]): void {
    if (this.#closed || ids.length === 0) return
    for (const id of ids) this.#leaving.add(id)
    // Not now: whoever has got a result has better things to do with this turn.
    if (this.#leaving.size === MAX_LEAVING) setImmediate(this.#unsubscribe)
    if (this.#leaveTimer === undefined) {
      this.#leaveTimer = this.#options.clock.setTimeout(this.#unsubscribe, LEAVE_AFTER)
      this.#leaveTimer.unref()
    }
  }

  readonly #unsubscribe = (): void => {
    this.#leaveTimer?.cancel()
    this.#leaveTimer = undefined
    const ids = [...this.#leaving]
    this.#leaving.clear()
    if (ids.length > 0) this.#watch?.remove(ids).catch(() => undefined)
  }

  /** Looks, for all that are sent now, a moment later: most results are there by then, and were told of. */
  #lookLater(ids: readonly string[], follower: Follower): void {
    if (this.#fresh.length === 0) {
      // How long a trip to a server takes is no matter of the app's time.
      systemClock.setTimeout(() => void this.#lookForFresh(), FRESH_LOOK).unref()
    }
    for (const id of ids) this.#fresh.push({ id, follower })
  }

  async #lookForFresh(): Promise<void> {
    const fresh = this.#fresh.filter(({ id, follower }) => this.#followed.get(id)?.followers.has(follower))
    this.#fresh = []
    const looks = await Promise.allSettled(fresh.map(({ id }) => this.#options.load(id)))
    for (const [index, { follower }] of fresh.entries()) {
      const look = looks[index]
      if (look?.status === 'fulfilled') this.#tell(look.value, follower)
      else follower.failed?.(look?.reason)
    }
  }

  #tell(meta: ResultMeta | undefined, follower: Follower): void {
    if (meta !== undefined && this.#followed.get(meta.task_id)?.followers.has(follower))
      follower.listener(meta)
  }

  #deliver(meta: ResultMeta): void {
    const followed = this.#followed.get(meta.task_id)
    if (followed === undefined) return
    for (const { listener } of [...followed.followers]) listener(meta)
  }

  /** Sets the time of the next look, unless one is near enough or under way. @param interval milliseconds. */
  #schedule(polled: boolean, interval: number): void {
    if (this.#closed || this.#isLooking || this.#followed.size === 0) return
    const { clock } = this.#options
    const due = clock.monotonic() + interval
    if (this.#timer !== undefined && this.#due <= due) return
    this.#timer?.cancel()
    this.#due = due
    this.#timer = clock.setTimeout(() => void this.#look(polled), interval)
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
    this.#timer = undefined
    this.#isLooking = true
    const ids = [...this.#followed.keys()]
    const looks = await Promise.allSettled(ids.map(this.#options.load))
    for (const [index, look] of looks.entries()) {
      const id = ids[index] ?? ''
      const isUnreadable = look.status === 'rejected' && concernsOne(look.reason)
      if (look.status === 'fulfilled') {
        if (look.value !== undefined) this.#deliver(look.value)
      } else if (polled || (isUnreadable && this.#followed.get(id)?.isUnreadable === true)) {
        // With a watch there is hope yet; without one nobody would ever hear of it.
        this.#fail(id, look.reason)
      }
      const followed = this.#followed.get(id)
      if (followed !== undefined) followed.isUnreadable = isUnreadable
    }
    this.#isLooking = false
    this.#schedule(polled, polled ? this.#shortestInterval() : SAFETY_INTERVAL)
  }

  #fail(id: string, error: unknown): void {
    for (const { failed } of [...(this.#followed.get(id)?.followers ?? [])]) failed?.(error)
  }
}

function closed(): BackendError {
  return new BackendError('The result backend was closed')
}

/** Whether one result is unreadable, and not the backend out of reach. */
function concernsOne(error: unknown): boolean {
  return error instanceof BackendGetMetaError && error.taskId !== undefined
}
