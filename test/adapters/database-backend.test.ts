import { join } from 'node:path'
import { createDatabaseBackend } from '../../src/backends/database.ts'
import type { ResultMeta } from '../../src/protocol/result-meta.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import { backendOptions } from '../../src/testing/conformance/backend-session.ts'
import { needsMariadb, startMariadb } from '../support/servers/mariadb.ts'
import { needsPostgresql, startPostgresql } from '../support/servers/postgresql.ts'
import { tempDir } from '../support/temp-dir.ts'

/** Celery's columns have no room for these. */
function withoutUnkept({
  group_id,
  parent_id,
  stamped_headers,
  monitoring_id,
  ...meta
}: ResultMeta): ResultMeta {
  return { ...meta, children: null }
}

const urls: Record<string, string> = { sqlite: `db+sqlite:///${join(tempDir(), 'results.sqlite')}` }
if (!needsPostgresql().skip) urls['postgresql'] = `db+${await (await startPostgresql()).newDatabase()}`
if (!needsMariadb().skip) urls['mariadb'] = `db+${await (await startMariadb()).newDatabase()}`

for (const [name, url] of Object.entries(urls)) {
  exerciseBackend({
    name: `database ${name}`,
    features: { persistent: true, autoExpire: false, nativeJoin: true, groups: true },
    chords: false,
    watch: false,
    kept: withoutUnkept,
    create: (_t, overrides) =>
      createDatabaseBackend(backendOptions(url, { settings: { result_extended: true }, ...overrides })),
  })
}
