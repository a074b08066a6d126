import { ImproperlyConfigured } from '../../errors.ts'
import { OptionReader } from '../../util/option-reader.ts'
import type { ResultTables, TableName } from './sql-dialect.ts'
import type { SqlDriverOptions } from './sql-driver.ts'

/** SQLAlchemy's defaults. */
const POOL_SIZE = 5
const MAX_OVERFLOW = 10
const POOL_TIMEOUT_MS = 30_000
const POOL_RECYCLE_MS = 3_600_000

/** Options of SQLAlchemy's engine that have a meaning here; `pool_pre_ping` is how the pools work anyway. */
const ENGINE_OPTIONS: ReadonlySet<string> = new Set([
  ...['pool_size', 'max_overflow', 'pool_timeout', 'pool_recycle', 'pool_pre_ping'],
])

/** What the settings say, in milliseconds. */
export interface DatabaseOptions extends Omit<SqlDriverOptions, 'url'> {
  readonly tables: ResultTables
  /** Whether the tables are made at the start, or else when they are first used. */
  readonly createAtSetup: boolean
  readonly extended: boolean
  /** Options of the engine without a meaning here. */
  readonly ignored: readonly string[]
}

/** Reads the settings `database_*`. @throws ImproperlyConfigured */
export function readDatabaseOptions(settings: Readonly<Record<string, unknown>>): DatabaseOptions {
  const reader = new OptionReader(settings, 'the settings')
  const given = reader.record('database_engine_options') ?? {}
  const engine = new OptionReader(given, 'databaseEngineOptions')
  const recycle = Number(engine.value('pool_recycle') ?? POOL_RECYCLE_MS / 1000)
  if (Number.isNaN(recycle)) {
    throw new ImproperlyConfigured('databaseEngineOptions: pool_recycle must be a number of seconds')
  }
  const overflow = engine.value('max_overflow') === -1 ? POOL_SIZE : engine.integer('max_overflow')
  return {
    poolSize: Math.max(1, (engine.integer('pool_size') ?? POOL_SIZE) + (overflow ?? MAX_OVERFLOW)),
    recycle: recycle < 0 ? undefined : recycle * 1000,
    connectTimeout: engine.milliseconds('pool_timeout') ?? POOL_TIMEOUT_MS,
    shortLived: reader.flag('database_short_lived_sessions') ?? false,
    tables: tablesOf(reader),
    createAtSetup: reader.flag('database_create_tables_at_setup') ?? true,
    extended: reader.flag('result_extended') ?? false,
    ignored: Object.keys(given).filter((name) => !ENGINE_OPTIONS.has(name)),
  }
}

function tablesOf(reader: OptionReader): ResultTables {
  const names = new OptionReader(reader.record('database_table_names') ?? {}, 'databaseTableNames')
  const schemas = new OptionReader(reader.record('database_table_schemas') ?? {}, 'databaseTableSchemas')
  for (const each of [names, schemas]) each.refuseUnknown(new Set(['task', 'group']))
  const table = (kind: keyof ResultTables, name: string): TableName => ({
    schema: schemas.text(kind),
    name: names.text(kind) ?? name,
  })
  return { task: table('task', 'celery_taskmeta'), group: table('group', 'celery_tasksetmeta') }
}
