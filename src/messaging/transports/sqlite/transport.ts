/**
 * `sqlite://`: the embedded broker, a file for all processes of one machine. Nothing to install, nothing to run; what was
 * published survives the death of every process.
 *
 * The URL and its options are described at `parseSqliteUrl`. Messages of a process that died are delivered again within
 * seconds; those of processes in other containers that share the file, when they gave no sign of life for a minute.
 */
import { systemClock } from '../../../util/clock.ts'
import { openSqliteFile } from '../../../util/sqlite-file.ts'
import { parseSqliteUrl } from '../../../util/sqlite-url.ts'
import type { Transport } from '../../transport.ts'
import { virtualTransport } from '../../virtual/virtual-transport.ts'
import { BROKER_TABLES } from './schema.ts'
import { SQLITE_FEATURES, SqliteQueueStore } from './store.ts'

/** The transport of `sqlite://`. */
export const sqliteTransport: Transport = virtualTransport({
  name: 'sqlite',
  features: { ...SQLITE_FEATURES, exchangeTypes: new Set(['direct', 'topic', 'fanout']), mandatory: true },
  async open({ url, transportOptions }) {
    const location = parseSqliteUrl(url, transportOptions)
    const file = await openSqliteFile(location.path, { ...location, tables: BROKER_TABLES })
    return new SqliteQueueStore(file, systemClock)
  },
})
