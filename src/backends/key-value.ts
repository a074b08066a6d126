/**
 * The port for result backends that are plain key/value stores, as most are: `KeyValueBackend` makes a `Backend` out of
 * one, with Celery's keys and documents. Stores stay naive: they neither retry nor encode.
 *
 * A store rejects with `OperationalError` (or its kin) of `errors.ts`; a client library's error is its `cause`.
 */

/** What a store can do. */
export interface KeyValueFeatures {
  /** Values survive a restart of the store. */
  readonly persistent: boolean
  /** Values vanish by themselves when their time to live is over. */
  readonly autoExpire: boolean
  /** `getMany` is one trip. */
  readonly nativeJoin: boolean
}

/** Tells of values as they are set. */
export interface KeyWatch {
  /** From when it settles on, every `set` of these keys is reported. */
  add(keys: readonly string[]): Promise<void>
  remove(keys: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** How long to keep a value. */
export interface KeepOptions {
  /** Milliseconds; undefined = for ever. */
  readonly ttl: number | undefined
}

/** A key/value store. Celery: what a `KeyValueStoreBackend` subclass has to implement. */
export interface KeyValueStore {
  readonly features: KeyValueFeatures
  /** Throws for a key that cannot be here, so that it fails alone and not with all that are read in the same trip. */
  checkKey?(key: string): void
  get(key: string): Promise<Uint8Array | undefined>
  /** In the order of `keys`; undefined for what is not there. */
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>
  set(key: string, value: Uint8Array, options: KeepOptions): Promise<void>
  delete(keys: readonly string[]): Promise<void>
  /**
   * Adds one to a counter, which begins at 0, and settles with what it is now: no two callers get the same number.
   * `get` reads it as decimal text. Stores without it have no chords of their own.
   */
  increment?(key: string, options: KeepOptions): Promise<number>
  /**
   * Sets a counter to 0, for stores in which Celery's workers count only what is there; they also look for the group of
   * a chord, which is then saved.
   */
  startCounter?(key: string, options: KeepOptions): Promise<void>
  /** Stores without it are polled. `deliver` must not throw. */
  watch?(deliver: (key: string, value: Uint8Array) => void): KeyWatch
  /** Removes what has expired, for stores that do not by themselves. */
  cleanup?(): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}
