import type { Pool, PoolOptions, RowDataPacket } from 'mysql2/promise'
import { importOptional } from '../../util/modules.ts'
import { parseUrl } from '../../util/url.ts'
import type { SqlDialect } from './sql-dialect.ts'
import { mariadbDialect, mysqlDialect } from './sql-dialect.ts'
import type { SqlDriver, SqlDriverOptions, SqlRow, SqlValue } from './sql-driver.ts'

type Client = Awaited<typeof import('mysql2/promise')>

/** Errors after which trying again can help: connection lost, deadlock, lock not granted in time. */
const TRANSIENT: ReadonlySet<unknown> = new Set([
  ...['PROTOCOL_CONNECTION_LOST', 'ECONNRESET', 'EPIPE', 'ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT'],
  ...['ER_SERVER_SHUTDOWN', 'ER_CHECKREAD'],
])

/** Class of SQLSTATE of values that a column does not take, and one such error that has no class. */
const VALUE_STATE = /^22/
const WRONG_VALUE = 'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD'

interface Kind {
  readonly dialect: SqlDialect
  readonly shortLived: boolean
}

/** MySQL and MariaDB by the package `mysql2`. */
export class MysqlDriver implements SqlDriver {
  readonly dialect: SqlDialect
  readonly #client: Client
  readonly #pool: Pool
  readonly #options: PoolOptions
  readonly #shortLived: boolean

  private constructor(client: Client, pool: Pool, options: PoolOptions, { dialect, shortLived }: Kind) {
    this.#client = client
    this.#pool = pool
    this.#options = options
    this.dialect = dialect
    this.#shortLived = shortLived
  }

  /** @throws ImproperlyConfigured when `mysql2` is not installed. */
  static async open({
    url,
    poolSize,
    recycle,
    connectTimeout,
    shortLived,
  }: SqlDriverOptions): Promise<SqlDriver> {
    const client = await importOptional('mysql2', {
      neededFor: 'The result backend db+mysql://…',
      load: () => import('mysql2/promise'),
    })
    const { hostname = 'localhost', port = 3306, username, password, path, query } = parseUrl(url)
    const { unix_socket: socketPath, charset } = query
    const options: PoolOptions = {
      ...(socketPath === undefined ? { host: hostname, port } : { socketPath }),
      ...(username === undefined ? {} : { user: username }),
      ...(password === undefined ? {} : { password }),
      ...(path === undefined ? {} : { database: path }),
      charset: charset ?? 'utf8mb4',
      connectionLimit: poolSize,
      connectTimeout,
      ...(recycle === undefined ? {} : { idleTimeout: recycle }),
      enableKeepAlive: true,
      dateStrings: true,
    }
    const pool = client.createPool(options)
    try {
      const [rows] = await pool.query<RowDataPacket[]>('SELECT VERSION() AS version')
      const isMariadb = /mariadb/i.test(String(rows[0]?.['version']))
      const dialect = isMariadb ? mariadbDialect : mysqlDialect
      return new MysqlDriver(client, pool, options, { dialect, shortLived })
    } catch (error) {
      await pool.end()
      throw error
    }
  }

  get engine(): unknown {
    return this.#pool
  }

  async run(sql: string, values: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    if (!this.#shortLived) return rowsOf(await this.#pool.query<RowDataPacket[]>(sql, [...values]))
    const connection = await this.#client.createConnection(this.#options)
    try {
      return rowsOf(await connection.query<RowDataPacket[]>(sql, [...values]))
    } finally {
      await connection.end()
    }
  }

  isTransient(error: unknown): boolean {
    return error instanceof Error && 'code' in error && TRANSIENT.has(error.code)
  }

  refusesValue(error: unknown): boolean {
    if (!(error instanceof Error)) return false
    return (
      ('code' in error && error.code === WRONG_VALUE) ||
      ('sqlState' in error && VALUE_STATE.test(String(error.sqlState)))
    )
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}

/** Statements that select nothing answer something else than rows. */
function rowsOf([rows]: readonly [unknown, ...unknown[]]): readonly SqlRow[] {
  return Array.isArray(rows) ? rows : []
}
