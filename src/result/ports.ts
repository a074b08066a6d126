/** What the kinds of results have in common, and what they need of the app. */
import type { ResultStore } from '../backends/result-store.ts'
import type { ErrorClasses } from '../protocol/error-classes.ts'
import type { ResultMeta, ResultTuple } from '../protocol/result-meta.ts'
import type { Clock } from '../util/clock.ts'
import type { Duration } from '../util/duration.ts'

/** How to wait for a result. */
export interface GetOptions {
  /** Seconds (or a text with a unit) to wait; then `TimeoutError`. Default: for ever. */
  readonly timeout?: Duration | undefined
  /** Gives up waiting with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Throw the error of a task that failed; false: give the error back. Default true. */
  readonly propagate?: boolean | undefined
  /** Seconds between two looks at backends that cannot push. Default 0.5. */
  readonly interval?: Duration | undefined
  /** Told of every state that is seen while waiting, e.g. progress. Must not throw. */
  readonly onMessage?: ((meta: ResultMeta) => void) | undefined
  /** Told of the value when it is there, before `get` settles. */
  readonly callback?: ((id: string, value: unknown) => void) | undefined
  /** Throw the error of a task earlier in the chain as soon as it is known. Default true. */
  readonly followParents?: boolean | undefined
  /**
   * Refuse to wait inside a task, because tasks that wait for tasks can block each other for ever. Default true.
   * Celery: `disable_sync_subtasks`.
   */
  readonly disableSyncSubtasks?: boolean | undefined
}

/** How to revoke the calls of results. */
export interface RevokeResultOptions {
  /** End the task if it runs. Default false. */
  readonly terminate?: boolean | undefined
  /** With which signal. Default: the worker's choice, `SIGTERM`. */
  readonly signal?: string | undefined
  /** Wait for workers to reply. Default false: it is over when the broker has the command. */
  readonly wait?: boolean | undefined
  /** With `wait`: seconds without a reply after which no more are expected. Default 1. */
  readonly timeout?: Duration | undefined
}

/** What results need of remote control. */
export interface ResultControl {
  revoke(ids: string | readonly string[], options: RevokeRequest): Promise<unknown>
  revokeByStampedHeaders(headers: StampedHeaders, options: RevokeRequest): Promise<unknown>
}

/** Stamps by which calls are revoked. */
export type StampedHeaders = Readonly<Record<string, string | readonly string[]>>

/** A command to revoke, as remote control takes it. */
export interface RevokeRequest {
  readonly terminate: boolean
  readonly signal: string | null
  readonly reply: boolean
  /** Null: it never expires. */
  readonly timeout: Duration | null | undefined
}

/** A result, or a group of results: a node in the tree that calls make. */
export interface ResultNode {
  readonly id: string
  /** What had to finish before: the previous task of a chain, the header of a chord. */
  parent: ResultNode | undefined
  /** The single results below this node, itself included. */
  leaves(): readonly ResultLeaf[]
  /**
   * The value, when all leaves are settled.
   * @throws the stored error when `propagate` is set.
   */
  settledValue(propagate: boolean): unknown
  get(options?: GetOptions): Promise<unknown>
  ready(): Promise<boolean>
  successful(): Promise<boolean>
  failed(): Promise<boolean>
  /** What it caused. */
  children(): Promise<readonly ResultNode[] | undefined>
  forget(): Promise<void>
  asTuple(): ResultTuple
}

/** A single result. */
export interface ResultLeaf extends ResultNode {
  /** Where it is stored. */
  readonly backend: ResultStore
  /** No result is stored for this call, so there is nothing to wait for. */
  readonly ignored: boolean
  /** The final document if it is known here. */
  readonly settled: ResultMeta | undefined
  /** Takes a document in, and keeps it if it is final. */
  accept(meta: ResultMeta): void
}

/** What results need of the app. */
export interface ResultContext {
  readonly store: ResultStore
  readonly clock: Clock
  /** The user's own classes of errors. */
  readonly errorClasses: ErrorClasses | undefined
  /** Undefined where there is none to be had, as in tests of results alone. */
  readonly control: ResultControl | undefined
  /** Whether the running code is a task that must not wait for others. */
  joinDenied(): boolean
  /** The result that a tuple names. Celery: `result_from_tuple`. */
  fromTuple(tuple: unknown): ResultNode
}
