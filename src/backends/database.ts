/**
 * `db+postgresql://user:password@host/database`, `db+mysql://…`, `db+sqlite:///file.db`: results in Celery's tables
 * `celery_taskmeta` and `celery_tasksetmeta`. The name of a driver of Python's (`db+postgresql+psycopg://`) may stay in
 * the URL. Celery: `DatabaseBackend`.
 *
 * Values lie there as Python's pickles. They are read without anything being run, so only plain values are: see
 * `messaging/serialization/pickle/pickle.ts`.
 */
import { CeleryError, ImproperlyConfigured, OperationalError } from '../errors.ts'
import { systemClock } from '../util/clock.ts'
import { importReference } from '../util/modules.ts'
import { sanitizeUrl } from '../util/url.ts'
import type { Backend, BackendOptions } from './backend.ts'
import { DatabaseBackend } from './database/database-backend.ts'
import { readDatabaseOptions } from './database/database-options.ts'
import type { SqlDriver, SqlDriverOptions } from './database/sql-driver.ts'
import { TableStore } from './database/table-store.ts'

type OpenDriver = (options: SqlDriverOptions) => Promise<SqlDriver>

const openMysql: OpenDriver = async (options) =>
  (await import('./database/mysql-driver.ts')).MysqlDriver.open(options)

const DRIVERS: ReadonlyMap<string, OpenDriver> = new Map([
  ['sqlite', async (options) => new (await import('./database/sqlite-driver.ts')).SqliteDriver(options)],
  [
    'postgresql',
    async (options) => (await import('./database/postgresql-driver.ts')).PostgresqlDriver.open(options),
  ],
  ['mysql', openMysql],
  ['mariadb', openMysql],
])

/**
 * Opens the backend, and makes the tables unless `databaseCreateTablesAtSetup` puts that off.
 * @throws ImproperlyConfigured; OperationalError when the database cannot be reached.
 */
export async function createDatabaseBackend({
  url,
  settings,
  codec,
  expires,
  warn,
}: BackendOptions): Promise<Backend> {
  const options = readDatabaseOptions(settings)
  if (options.ignored.length > 0) {
    warn?.(`databaseEngineOptions: ${options.ignored.join(', ')} mean nothing here and are ignored`)
  }
  const [, name = '', rest = ''] = /^(?:db|database)\+([a-z]+)(?:\+[^:]*)?(:.*)$/is.exec(url) ?? []
  const openDriver = DRIVERS.get(name.toLowerCase())
  if (openDriver === undefined) {
    throw new ImproperlyConfigured(
      `No database is called ${JSON.stringify(name)} in ${JSON.stringify(sanitizeUrl(url))}: the result backend URL ` +
        `must begin with one of ${[...DRIVERS.keys()].map((each) => `db+${each}://`).join(', ')}`,
    )
  }
  const opening: Promise<SqlDriver> = openDriver({ ...options, url: `${name.toLowerCase()}${rest}` })
  const driver = await opening.catch((cause: unknown) => {
    throw unusable(url, cause)
  })
  const tables = new TableStore(driver, options.tables)
  try {
    await callBack(settings['database_engine_callback'], driver.engine)
    if (options.createAtSetup) await tables.prepare()
  } catch (cause) {
    await driver.close()
    throw unusable(url, cause)
  }
  return new DatabaseBackend({ tables, codec, extended: options.extended, expires, clock: systemClock })
}

/** The client's errors do not say which database it was. */
function unusable(url: string, cause: unknown): unknown {
  if (cause instanceof CeleryError) return cause
  const reason = cause instanceof Error ? cause.message || String(Reflect.get(cause, 'code')) : String(cause)
  return new OperationalError(`The database ${sanitizeUrl(url)} cannot be used for results: ${reason}`, {
    cause,
  })
}

/** The setting `databaseEngineCallback`: a function, or where it is exported. */
async function callBack(callback: unknown, engine: unknown): Promise<void> {
  if (callback === undefined || callback === null) return
  const option = 'databaseEngineCallback'
  const own = typeof callback === 'string' ? await importReference(callback, { option }) : callback
  if (typeof own !== 'function') throw new ImproperlyConfigured(`${option} must be a function`)
  await Reflect.apply(own, undefined, [engine])
}
