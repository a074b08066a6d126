import type { Pool } from 'pg'
import { importOptional } from '../../util/modules.ts'
import type { SqlDialect } from './sql-dialect.ts'
import { postgresqlDialect } from './sql-dialect.ts'
import type { SqlDriver, SqlDriverOptions, SqlRow, SqlValue } from './sql-driver.ts'

/** Classes of SQLSTATE after which trying again can help: connection lost, transaction rolled back, server stopping. */
const TRANSIENT_STATE = /^(?:08|40|57P)/
/** Class of SQLSTATE of values that a column does not take. */
const VALUE_STATE = /^22/
/** Errors of the connection, before or instead of an answer. */
const TRANSIENT_CODE = /^E(?:CONNRESET|PIPE|CONNABORTED)$/

/** PostgreSQL by the package `pg`. */
export class PostgresqlDriver implements SqlDriver {
  readonly dialect: SqlDialect = postgresqlDialect
  readonly #pool: Pool

  private constructor(pool: Pool) {
    this.#pool = pool
  }

  /** @throws ImproperlyConfigured when `pg` is not installed. */
  static async open({
    url,
    poolSize,
    recycle,
    connectTimeout,
    shortLived,
  }: SqlDriverOptions): Promise<SqlDriver> {
    const { default: pg } = await importOptional('pg', {
      neededFor: 'The result backend db+postgresql://…',
      load: () => import('pg'),
    })
    const pool = new pg.Pool({
      connectionString: url,
      max: poolSize,
      connectionTimeoutMillis: connectTimeout,
      ...(recycle === undefined ? {} : { maxLifetimeSeconds: Math.max(1, Math.ceil(recycle / 1000)) }),
      ...(shortLived ? { maxUses: 1 } : {}),
      keepAlive: true,
    })
    // A connection that is lost while nobody uses it leaves the pool; the next statement opens another one.
    pool.on('error', () => undefined)
    return new PostgresqlDriver(pool)
  }

  get engine(): unknown {
    return this.#pool
  }

  async run(sql: string, values: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    const { rows } = await this.#pool.query<Record<string, unknown>>(sql, [...values])
    return rows
  }

  isTransient(error: unknown): boolean {
    if (!(error instanceof Error)) return false
    const code = 'code' in error ? String(error.code) : ''
    return (
      TRANSIENT_STATE.test(code) || TRANSIENT_CODE.test(code) || /connection terminated/i.test(error.message)
    )
  }

  refusesValue(error: unknown): boolean {
    return error instanceof Error && 'code' in error && VALUE_STATE.test(String(error.code))
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}
