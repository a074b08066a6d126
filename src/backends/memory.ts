/**
 * `cache+memory://`: results inside this process, for tests and for programs that are client and worker in one.
 *
 * Everybody who opens the same URL in this process meets the same results. Celery: `CacheBackend` with `memory`.
 */
import { BackendError } from '../errors.ts'
import type { Clock } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import type { Backend, BackendOptions } from './backend.ts'
import type { KeepOptions, KeyValueFeatures, KeyValueStore, KeyWatch } from './key-value.ts'
import { KeyValueBackend } from './key-value-backend.ts'

interface Entry {
  readonly value: Uint8Array
  /** Monotonic time. */
  readonly expiresAt: number
}

type Watcher = (key: string, value: Uint8Array) => void

/** The values behind one URL. */
class Cache {
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  readonly #watchers = new Map<string, Set<Watcher>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(key: string): Uint8Array | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry.expiresAt > this.#clock.monotonic()) return entry.value
    this.#entries.delete(key)
    return undefined
  }

  set(key: string, value: Uint8Array, { ttl = Number.POSITIVE_INFINITY }: KeepOptions): void {
    // Behind the others, so that the oldest are always in front.
    this.#entries.delete(key)
    this.#entries.set(key, { value, expiresAt: this.#clock.monotonic() + ttl })
    this.#dropExpired()
    for (const watcher of this.#watchers.get(key) ?? []) watcher(key, value)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  watch(key: string, watcher: Watcher): void {
    const watchers = this.#watchers.get(key)
    if (watchers === undefined) this.#watchers.set(key, new Set([watcher]))
    else watchers.add(watcher)
  }

  unwatch(key: string, watcher: Watcher): void {
    const watchers = this.#watchers.get(key)
    watchers?.delete(watcher)
    if (watchers?.size === 0) this.#watchers.delete(key)
  }

  /** Results that nobody reads must go, too: with each that comes, those that are over at the front. */
  #dropExpired(): void {
    const now = this.#clock.monotonic()
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAt > now) return
      this.#entries.delete(key)
    }
  }
}

class MemoryStore implements KeyValueStore {
  readonly features: KeyValueFeatures = { persistent: true, autoExpire: true, nativeJoin: true }
  readonly #cache: Cache
  #closed = false

  constructor(cache: Cache) {
    this.#cache = cache
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#check()
    return this.#cache.get(key)
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#check()
    return keys.map((key) => this.#cache.get(key))
  }

  async set(key: string, value: Uint8Array, options: KeepOptions): Promise<void> {
    this.#check()
    this.#cache.set(key, value, options)
  }

  async delete(keys: readonly string[]): Promise<void> {
    this.#check()
    for (const key of keys) this.#cache.delete(key)
  }

  async increment(key: string, options: KeepOptions): Promise<number> {
    this.#check()
    const value = this.#cache.get(key)
    const count = (value === undefined ? 0 : Number(new TextDecoder().decode(value))) + 1
    this.#cache.set(key, new TextEncoder().encode(String(count)), options)
    return count
  }

  watch(deliver: Watcher): KeyWatch {
    const keys = new Set<string>()
    const remove = (removed: Iterable<string>): void => {
      for (const key of removed) {
        keys.delete(key)
        this.#cache.unwatch(key, deliver)
      }
    }
    return {
      add: async (added) => {
        for (const key of added) {
          keys.add(key)
          this.#cache.watch(key, deliver)
        }
      },
      remove: async (removed) => remove(removed),
      close: async () => remove([...keys]),
    }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #check(): void {
    if (this.#closed) throw new BackendError('The result backend is closed')
  }
}

/** Makes backends with values of their own, so that a test shares them with nobody. */
export function memoryBackends({
  clock = systemClock,
}: {
  readonly clock?: Clock
} = {}): (options: BackendOptions) => Promise<Backend> {
  const caches = new Map<string, Cache>()
  return async (options) => {
    const name = options.url.replace(/\/+$/, '')
    const cache = caches.get(name) ?? new Cache(clock)
    caches.set(name, cache)
    return new KeyValueBackend(new MemoryStore(cache), options)
  }
}

/** Opens `cache+memory://`. */
export const createMemoryBackend: (options: BackendOptions) => Promise<Backend> = memoryBackends()
