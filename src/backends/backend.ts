/**
 * The port for where results live. `backends/result-store.ts` is the shell around every backend (retry, caching,
 * waiting), so backends stay naive. Most stores should implement the smaller `KeyValueStore` instead.
 */
import type { Channel } from '../messaging/transport.ts'
import type { ResultMeta } from '../protocol/result-meta.ts'

/** What a backend can do. */
export interface BackendFeatures {
  /** Results survive and can be read many times, by anybody (rpc: no). */
  readonly persistent: boolean
  /** Results expire by themselves after `expires`. */
  readonly autoExpire: boolean
  /** Several results are read in one trip. */
  readonly nativeJoin: boolean
  /** Groups can be saved and restored. */
  readonly groups: boolean
  /** To watch takes a trip to a server, for which a call that is being sent does not wait. Default false. */
  readonly remoteWatch?: boolean
}

/** Options of `Backend.save`. */
export interface SaveOptions {
  /** Milliseconds to keep the result; undefined = for ever. */
  readonly expires: number | undefined
  /** Queue of the caller (the message's `reply_to`); only `rpc://` needs it. */
  readonly replyTo: string | undefined
}

/** Tells of results as they come. */
export interface ResultWatch {
  /** From when it settles on, every change of these results is reported. A result may already be there: load it after. */
  add(ids: readonly string[]): Promise<void>
  remove(ids: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** One finished member of a chord's header. */
export interface ChordPart {
  /** Place in the header; the body gets results in this order. */
  readonly index: number
  readonly id: string
  readonly state: string
  /** Encoded as in a result: for failures the exception triple. */
  readonly result: unknown
}

/**
 * Counting and collecting of chord headers. Backends without it use Celery's polling task `celery.chord_unlock`.
 *
 * The body runs at least once: exactly once unless a worker dies while it starts the body. The parts stay until the
 * body was sent and `forget` is called, and the part that completed the chord completes it again when it is added again
 * (the message of its task comes a second time). Should its worker only have been slow, the body runs twice.
 */
export interface ChordStore {
  /**
   * Told before the header is sent, by those who have also saved its group: for stores in which Celery's workers need
   * both. Celery: `apply_chord`.
   */
  begin?(groupId: string, options: { readonly expires: number | undefined }): Promise<void>
  /** How many parts must come before the body runs; may be told after the first parts came. */
  setSize(groupId: string, size: number, options: { readonly expires: number | undefined }): Promise<void>
  /**
   * Records a part once (a repeated id counts once). `complete` is true for exactly one part, the last; for that one
   * also when it is added again before the chord is forgotten.
   */
  add(
    groupId: string,
    part: ChordPart,
    options: { readonly expires: number | undefined; readonly size: number | undefined },
  ): Promise<{ readonly complete: boolean; readonly count: number; readonly size: number | undefined }>
  /** So many more parts must come; told before the chord is complete. Celery: `add_to_chord`. */
  grow?(groupId: string, by: number, options: { readonly expires: number | undefined }): Promise<void>
  /** All parts, in order of index. */
  collect(groupId: string): Promise<readonly ChordPart[]>
  forget(groupId: string): Promise<void>
}

/** A saved group: `[[group id, parent], [children]]`, Celery's result tuple. */
export type GroupTuple = readonly unknown[]

/** Groups, saved under their id. Celery: `save_group`, `restore_group`, `delete_group`. */
export interface GroupStore {
  save(groupId: string, group: GroupTuple, options: { readonly expires: number | undefined }): Promise<void>
  load(groupId: string): Promise<GroupTuple | undefined>
  forget(groupId: string): Promise<void>
}

/** A result backend. */
export interface Backend {
  readonly features: BackendFeatures
  /**
   * Stores what is known of a task. A stored SUCCESS is never overwritten by another state (Celery keeps this, too).
   * Settles when the store has it. Rejects with `BackendStoreError`.
   */
  save(meta: ResultMeta, options: SaveOptions): Promise<void>
  /**
   * In the order of `ids`; undefined for unknown ones. Rejects with `BackendGetMetaError`; when only some cannot be
   * understood, with the `UnreadableResults` of `readEach`, so that the others are there all the same.
   */
  load(ids: readonly string[]): Promise<readonly (ResultMeta | undefined)[]>
  forget(ids: readonly string[]): Promise<void>
  /** Before a task is sent whose result somebody may want: `rpc://` opens its reply queue here. */
  beforeSend?(id: string): Promise<void>
  /** Name of the queue in which this client awaits results (`rpc://`); others need none. */
  readonly replyTo?: string
  /**
   * Pushed results. Backends without it are polled. `unreadable` is told of what was pushed and cannot be understood;
   * who waits for it finds that by loading, too, but later. Neither may throw.
   */
  watch?(deliver: (meta: ResultMeta) => void, unreadable?: (id: string, error: Error) => void): ResultWatch
  readonly groups?: GroupStore
  readonly chords?: ChordStore
  /** Removes expired results, for stores without expiry of their own. Celery: `backend_cleanup`. */
  cleanup?(): Promise<void>
  /** Settles what is still being written, then closes. Idempotent. */
  close(): Promise<void>
}

/** What every backend's factory gets. */
export interface BackendOptions {
  /** The URL as configured. */
  readonly url: string
  /** `resultBackendTransportOptions` in Celery's snake_case. */
  readonly transportOptions: Readonly<Record<string, unknown>>
  /** Encodes and decodes documents with `resultSerializer` and `resultAcceptContent`. */
  readonly codec: ResultCodec
  /** Milliseconds results are kept, for what the backend itself expires. */
  readonly expires: number | undefined
  /** Opens a channel on a connection to the broker; only `rpc://` needs it. */
  readonly openChannel: () => Promise<Channel>
  /** Settings under a backend's own prefix (e.g. `redis_socket_timeout`), snake_case, only those that were set. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Told what somebody should know although it works, such as a lost connection. Default: nobody is told. */
  readonly warn?: ((message: string) => void) | undefined
}

/** Encodes documents; synchronous once ready. */
export interface ResultCodec {
  readonly contentType: string
  readonly contentEncoding: string
  encode(value: unknown): Uint8Array
  /**
   * @param contentType what the bytes say they are, where the store knows (`rpc://`): another worker may write another
   *   format than we do. Default: our own.
   */
  decode(bytes: Uint8Array, contentType?: string, contentEncoding?: string): unknown
}
