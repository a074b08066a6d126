/**
 * The shell around every result backend: opens it on first use, retries, caches, reads many results in one trip, and
 * tells of results as they come. Everybody above talks to this and never to a `Backend` alone.
 */
import { BackendError, BackendNotConfigured, OperationalError } from '../errors.ts'
import type { ResultMeta } from '../protocol/result-meta.ts'
import { SUCCESS } from '../protocol/states.ts'
import { sleep } from '../util/abort.ts'
import { exponentialBackoff } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import { Deferred } from '../util/deferred.ts'
import { LruMap } from '../util/lru-map.ts'
import { sanitizeUrl } from '../util/url.ts'
import type { Backend, ChordStore, GroupStore, GroupTuple } from './backend.ts'
import type { FollowOptions, ResultListener } from './result-watcher.ts'
import { ResultWatcher } from './result-watcher.ts'
import { UnreadableResults } from './unreadable-results.ts'

/** When operations that failed are tried again, with exponential backoff and full jitter. */
export interface ResultRetryOptions {
  /** How often at most; Infinity: for ever. Celery: `result_backend_max_retries`. */
  readonly maxRetries: number
  /** Milliseconds of the first pause at most. Celery: `result_backend_base_sleep_between_retries_ms`. */
  readonly base: number
  /** Milliseconds of any pause at most. Celery: `result_backend_max_sleep_between_retries_ms`. */
  readonly max: number
}

/** What a store works with. */
export interface ResultStoreOptions {
  /** Makes the backend; called once, on first use. Undefined: there is none, and results are dropped. */
  readonly open: (() => Promise<Backend>) | undefined
  /** Milliseconds results are kept; undefined: for ever. Celery: `result_expires`. */
  readonly expires: number | undefined
  /** Undefined: a failure is final. Celery: `result_backend_always_retry`. */
  readonly retry: ResultRetryOptions | undefined
  /** How many successful results are kept in memory; -1: none, 0: all. Celery: `result_cache_max`. */
  readonly cacheMax: number
  readonly clock: Clock
  /** Where the results are, if that can be told in a URL. */
  readonly url?: string
}

const NOT_CONFIGURED =
  'No result backend is configured: set resultBackend (or the environment variable CELERY_RESULT_BACKEND), ' +
  "e.g. 'redis://localhost'"

/** See the module's description. */
export class ResultStore implements AsyncDisposable {
  readonly #options: ResultStoreOptions
  readonly #cache: LruMap<string, ResultMeta> | undefined
  readonly #closing = new AbortController()
  readonly #watcher: ResultWatcher
  #opening: Promise<Backend> | undefined
  #backend: Backend | undefined
  #loads: Map<string, Deferred<ResultMeta | undefined>> | undefined

  constructor(options: ResultStoreOptions) {
    this.#options = options
    const { cacheMax } = options
    this.#cache = cacheMax < 0 ? undefined : new LruMap(cacheMax === 0 ? Number.POSITIVE_INFINITY : cacheMax)
    this.#watcher = new ResultWatcher({
      backend: () => this.backend(),
      load: (id) => this.load(id),
      clock: options.clock,
    })
  }

  /** Whether there is a backend at all. */
  get enabled(): boolean {
    return this.#options.open !== undefined
  }

  /**
   * The URL of the backend, without its password unless you want it; `disabled://` without one, empty when it is no URL
   * that names it. Celery: `as_uri`.
   */
  asUri({ includePassword = false }: { readonly includePassword?: boolean } = {}): string {
    if (!this.enabled) return 'disabled://'
    const { url = '' } = this.#options
    return includePassword ? url : sanitizeUrl(url)
  }

  /** The backend, once it is open. */
  get opened(): Backend | undefined {
    return this.#backend
  }

  /**
   * Opens the backend, or gives the one that is open.
   * @throws BackendNotConfigured when there is none.
   */
  async backend(): Promise<Backend> {
    if (this.#backend !== undefined) return this.#backend
    const { open } = this.#options
    if (open === undefined) throw new BackendNotConfigured(NOT_CONFIGURED)
    // Nobody would close what is opened now.
    this.#closing.signal.throwIfAborted()
    this.#opening ??= open().catch((error: unknown) => {
      // The next use tries again: the cause may have gone by then.
      this.#opening = undefined
      throw error
    })
    this.#backend = await this.#opening
    return this.#backend
  }

  /**
   * Must be done before a task is sent whose result may be wanted; undefined when there is nothing to wait for.
   * Celery: `on_task_call`.
   */
  prepareSend(id: string): Promise<void> | undefined {
    if (this.#options.open === undefined) return undefined
    const backend = this.#backend
    if (backend === undefined) return this.#openAndPrepare(id)
    return backend.beforeSend?.(id)
  }

  /** Name of the queue in which results are awaited, where the backend needs one (`rpc://`). */
  get replyTo(): string | undefined {
    return this.#backend?.replyTo
  }

  /**
   * Stores what is known of a task; nothing happens without a backend.
   * @param options `replyTo`: the property of the task's message.
   * @throws BackendStoreError.
   */
  save(meta: ResultMeta, options?: { readonly replyTo?: string | undefined }): Promise<void> {
    const backend = this.#backend
    if (backend === undefined || this.#options.retry !== undefined) return this.#saveWithCare(meta, options)
    this.#cache?.delete(meta.task_id)
    return backend.save(meta, { expires: this.#options.expires, replyTo: options?.replyTo })
  }

  async #saveWithCare(meta: ResultMeta, options?: { readonly replyTo?: string | undefined }): Promise<void> {
    if (this.#options.open === undefined) return
    const save = { expires: this.#options.expires, replyTo: options?.replyTo }
    const backend = this.#backend ?? (await this.backend())
    this.#cache?.delete(meta.task_id)
    await this.#retried(() => backend.save(meta, save))
  }

  /** What is stored of a task; undefined: nothing. Calls of one turn are read in one trip. */
  load(id: string): Promise<ResultMeta | undefined> {
    const cached = this.#cache?.get(id)
    if (cached !== undefined) return Promise.resolve(cached)
    if (this.#loads === undefined) {
      const loads = new Map<string, Deferred<ResultMeta | undefined>>()
      this.#loads = loads
      queueMicrotask(() => {
        this.#loads = undefined
        void this.#loadAll(loads)
      })
    }
    let waiting = this.#loads.get(id)
    if (waiting === undefined) {
      waiting = new Deferred()
      this.#loads.set(id, waiting)
    }
    return waiting.promise
  }

  /** What is stored of several tasks, in the order of `ids`. */
  async loadMany(ids: readonly string[]): Promise<readonly (ResultMeta | undefined)[]> {
    if (ids.length === 0) return []
    const backend = this.#backend ?? (await this.backend())
    const metas = await this.#retried(() => backend.load(ids))
    if (this.#cache !== undefined) {
      for (const meta of metas) if (meta?.status === SUCCESS) this.#cache.set(meta.task_id, meta)
    }
    return metas
  }

  /** Removes results. */
  async forget(ids: readonly string[]): Promise<void> {
    const backend = await this.backend()
    for (const id of ids) this.#cache?.delete(id)
    await this.#retried(() => backend.forget(ids))
  }

  /**
   * Calls `listener` with what is stored of these tasks now and whenever it changes, until the function it gives is
   * called. Nothing that comes after the call is missed. One watch serves all; backends that cannot push are polled.
   */
  follow(ids: readonly string[], listener: ResultListener, options?: FollowOptions): Promise<() => void> {
    return this.#watcher.follow(ids, listener, options)
  }

  /**
   * The store of groups. @throws BackendNotConfigured; BackendError when the backend cannot keep groups.
   */
  async groups(): Promise<GroupStore> {
    const { groups } = await this.backend()
    if (groups === undefined) throw new BackendError('This result backend cannot save groups')
    return groups
  }

  /** Saves a group under its id, kept as long as results. Celery: `save_group`. */
  async saveGroup(id: string, group: GroupTuple): Promise<void> {
    const groups = await this.groups()
    await this.#retried(() => groups.save(id, group, { expires: this.#options.expires }))
  }

  /** The counter of chords; undefined when the backend has none and chords are polled. */
  async chords(): Promise<ChordStore | undefined> {
    return (await this.backend()).chords
  }

  /** Milliseconds results are kept; undefined: for ever. */
  get expires(): number | undefined {
    return this.#options.expires
  }

  /** Removes what has expired, where the backend does not do it by itself. Celery: `cleanup`. */
  async cleanup(): Promise<void> {
    if (this.#options.open !== undefined) await (await this.backend()).cleanup?.()
  }

  /** Settles what is being written, then closes the backend. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new BackendError('The result backend was closed'))
    await this.#watcher.close()
    const backend = this.#backend ?? (await this.#opening?.catch(() => undefined))
    await backend?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #openAndPrepare(id: string): Promise<void> {
    await (await this.backend()).beforeSend?.(id)
  }

  async #loadAll(loads: ReadonlyMap<string, Deferred<ResultMeta | undefined>>): Promise<void> {
    const ids = [...loads.keys()]
    try {
      const metas = await this.loadMany(ids)
      ids.forEach((id, index) => {
        loads.get(id)?.resolve(metas[index])
      })
    } catch (error) {
      if (!(error instanceof UnreadableResults)) {
        for (const waiting of loads.values()) waiting.reject(error)
        return
      }
      ids.forEach((id, index) => {
        const unreadable = error.errors.get(id)
        if (unreadable === undefined) loads.get(id)?.resolve(error.metas[index])
        else loads.get(id)?.reject(unreadable)
      })
    }
  }

  /** Does it until it works, while trying again can help and is wanted. */
  async #retried<T>(operation: () => Promise<T>): Promise<T> {
    const { retry, clock } = this.#options
    for (let retries = 0; ; retries += 1) {
      try {
        return await operation()
      } catch (error) {
        if (retry === undefined || !isTransient(error) || retries >= retry.maxRetries) throw error
        const pause = exponentialBackoff({
          factor: retry.base,
          retries,
          maximum: retry.max,
          fullJitter: true,
        })
        await sleep(pause, { signal: this.#closing.signal, clock })
      }
    }
  }
}

/** What nobody can read stays unreadable. */
function isTransient(error: unknown): boolean {
  if (error instanceof UnreadableResults) return false
  return error instanceof BackendError || error instanceof OperationalError
}
