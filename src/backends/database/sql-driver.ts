/** The port to an SQL database, below Celery's tables: three small adapters implement it. */
import type { SqlDialect } from './sql-dialect.ts'

/** What is sent and comes back in a column. Dates go as texts. */
export type SqlValue = string | number | Uint8Array | null

/** Columns by name. */
export type SqlRow = Readonly<Record<string, unknown>>

/** A client of one database. */
export interface SqlDriver {
  readonly dialect: SqlDialect
  /** The client library's pool (or database), for `databaseEngineCallback`. */
  readonly engine: unknown
  /** Carries out one statement, in a transaction of its own. Rejects with the client library's error. */
  run(sql: string, values: readonly SqlValue[]): Promise<readonly SqlRow[]>
  /** Whether the same statement may work at once if it is tried again: connections that were lost, deadlocks. */
  isTransient(error: unknown): boolean
  /** Whether a statement failed because of a value, such as a text longer than its column; missing: there are no such. */
  refusesValue?(error: unknown): boolean
  close(): Promise<void>
}

/** What a driver is made of. */
export interface SqlDriverOptions {
  /** The URL without `db+` and the name of Python's driver. */
  readonly url: string
  /** Connections at most. SQLAlchemy: `pool_size` and `max_overflow`. */
  readonly poolSize: number
  /** Milliseconds after which a connection is replaced; undefined: never. SQLAlchemy: `pool_recycle`. */
  readonly recycle: number | undefined
  /** Milliseconds to wait for a connection. SQLAlchemy: `pool_timeout`. */
  readonly connectTimeout: number
  /** Each statement has a connection of its own. */
  readonly shortLived: boolean
}
