import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDatabaseBackend } from '../../src/backends/database.ts'
import { BackendStoreError } from '../../src/errors.ts'
import type { ResultMeta } from '../../src/protocol/result-meta.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import { backendOptions, KEEP, resultMeta } from '../../src/testing/conformance/backend-session.ts'
import { needsMariadb, startMariadb } from '../support/servers/mariadb.ts'
import { needsPostgresql, startPostgresql } from '../support/servers/postgresql.ts'
import { tempDir } from '../support/temp-dir.ts'
import { onEnd } from './fixtures/on-end.ts'

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

  // The columns are as narrow as Celery makes them; results of one turn are one statement.
  test(`database ${name}: a row that is refused keeps no others from being stored [4-071]`, async (t) => {
    const backend = await createDatabaseBackend(backendOptions(url))
    onEnd(t, () => backend.close())
    const [before, wide, after] = [
      resultMeta(),
      resultMeta({ status: 'A STATE OF '.repeat(10) }),
      resultMeta(),
    ]
    const [one, two, three] = await Promise.allSettled(
      [before, wide, after].map((meta) => backend.save(meta, KEEP)),
    )
    assert.deepEqual([one?.status, three?.status], ['fulfilled', 'fulfilled'])
    // SQLite does not look at widths.
    if (name === 'sqlite') assert.equal(two?.status, 'fulfilled')
    else assert.ok(two?.status === 'rejected' && two.reason instanceof BackendStoreError)
    const loaded = await backend.load([before.task_id, after.task_id])
    assert.deepEqual(
      loaded.map((meta) => meta?.status),
      ['SUCCESS', 'SUCCESS'],
    )
  })
}
