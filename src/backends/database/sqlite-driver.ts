import type { StatementSync } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { explainSqliteError, isLocked } from '../../util/sqlite-error.ts'
import { parseSqliteUrl } from '../../util/sqlite-url.ts'
import type { SqlDialect } from './sql-dialect.ts'
import { sqliteDialect } from './sql-dialect.ts'
import type { SqlDriver, SqlDriverOptions, SqlRow, SqlValue } from './sql-driver.ts'

/** How long SQLite itself waits for a lock, blocking the event loop; beyond that we wait without blocking. */
const BLOCKING_WAIT_MS = 20
const PAUSE_MS = 20
/** Statements kept: those for batches of every size would be many. */
const MAX_STATEMENTS = 50

/**
 * SQLite by Node's own module. Statements run on the event loop, so they wait for other processes, up to `connectTimeout`
 * or the URL's `busy_timeout`, without blocking it. Paths are written as in SQLAlchemy: see `parseSqliteUrl`.
 */
export class SqliteDriver implements SqlDriver {
  readonly dialect: SqlDialect = sqliteDialect
  readonly #path: string
  readonly #timeout: number
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor({ url, connectTimeout }: SqlDriverOptions) {
    const { path, busyTimeout } = parseSqliteUrl(url, { busy_timeout: connectTimeout / 1000 })
    this.#path = path
    this.#timeout = busyTimeout
    try {
      this.#database = new DatabaseSync(path, { timeout: BLOCKING_WAIT_MS })
    } catch (error) {
      throw explainSqliteError(error, path, busyTimeout)
    }
  }

  get engine(): unknown {
    return this.#database
  }

  async run(sql: string, values: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    const deadline = performance.now() + this.#timeout
    for (;;) {
      try {
        return this.#prepare(sql).all(...values)
      } catch (error) {
        if (!isLocked(error) || performance.now() > deadline) {
          throw explainSqliteError(error, this.#path, this.#timeout)
        }
      }
      await pause(PAUSE_MS)
    }
  }

  isTransient(): boolean {
    return false
  }

  async close(): Promise<void> {
    this.#statements.clear()
    if (this.#database.isOpen) this.#database.close()
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear()
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
