/**
 * `sqlite://`: results in the file of the embedded broker, for all processes of one machine. They are pushed, not polled
 * for. The URL and its options are described at `parseSqliteUrl`.
 */
import { systemClock } from '../util/clock.ts'
import { openSqliteFile } from '../util/sqlite-file.ts'
import { parseSqliteUrl } from '../util/sqlite-url.ts'
import type { Backend, BackendOptions } from './backend.ts'
import { RESULT_TABLES } from './sqlite/schema.ts'
import { SqliteBackend } from './sqlite/sqlite-backend.ts'

/** Opens the backend. @throws ConnectionError, naming the file and a remedy, when the file cannot be used. */
export async function createSqliteBackend({
  url,
  transportOptions,
  codec,
}: BackendOptions): Promise<Backend> {
  const location = parseSqliteUrl(url, transportOptions)
  const file = await openSqliteFile(location.path, { ...location, tables: RESULT_TABLES })
  return new SqliteBackend({ file, codec, clock: systemClock })
}
