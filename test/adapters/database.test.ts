import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'
import type { Backend, BackendOptions } from '../../src/backends/backend.ts'
import { createBackend } from '../../src/backends/create-backend.ts'
import {
  BackendGetMetaError,
  BackendStoreError,
  ImproperlyConfigured,
  OperationalError,
} from '../../src/errors.ts'
import { JsonSerializer } from '../../src/messaging/serialization/json.ts'
import { decodePickle } from '../../src/messaging/serialization/pickle/pickle.ts'
import { backendOptions, KEEP, resultMeta } from '../../src/testing/conformance/backend-session.ts'
import { isRecord } from '../../src/util/is-record.ts'
import { needsMariadb, startMariadb } from '../support/servers/mariadb.ts'
import type { SqlServer } from '../support/servers/postgresql.ts'
import { needsPostgresql, startPostgresql } from '../support/servers/postgresql.ts'
import { tempDir } from '../support/temp-dir.ts'
import { onEnd } from './fixtures/on-end.ts'

const codec = new JsonSerializer()

async function open(t: TestContext, url: string, overrides: Partial<BackendOptions> = {}): Promise<Backend> {
  const backend = await createBackend(backendOptions(url, { codec, ...overrides }))
  onEnd(t, () => backend.close())
  return backend
}

/** A file, its URL, and a look into it from outside. */
function file(t: TestContext): {
  path: string
  url: string
  look: (sql: string) => readonly Record<string, unknown>[]
} {
  const path = join(tempDir(t), 'results.db')
  return {
    path,
    url: `db+sqlite:///${path}`,
    look(sql) {
      const database = new DatabaseSync(path)
      const rows = database.prepare(sql).all()
      database.close()
      return rows
    },
  }
}

interface GoldenRow {
  readonly [column: string]: string | number | null
}

interface GoldenEntry {
  readonly name: string
  readonly settings?: Readonly<Record<string, unknown>>
  readonly ddl?: readonly string[]
  readonly rows?: Readonly<Record<string, readonly GoldenRow[]>>
}

function golden(): readonly GoldenEntry[] {
  const path = new URL('../wire/vectors/results-database.json', import.meta.url)
  const document: unknown = JSON.parse(readFileSync(path, 'utf8'))
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  return document['entries']
}

/** Columns as the database has them: those ending in `_b64` are bytes. */
function columnsOf(row: GoldenRow): Record<string, string | number | null | Uint8Array> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) =>
      column.endsWith('_b64') ? [column.slice(0, -4), Buffer.from(String(value), 'base64')] : [column, value],
    ),
  )
}

const entries = golden()
const [ddl = []] = entries.flatMap((entry) => (entry.ddl === undefined ? [] : [entry.ddl]))

/** Rows that differ only in how the same value is pickled are the same. */
function comparable(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { id: _, result, args, kwargs, ...rest } = row
  const value = result instanceof Uint8Array ? decodePickle(result) : result
  const texts = [args, kwargs].map((bytes) => (bytes instanceof Uint8Array ? codec.decode(bytes) : bytes))
  return { ...rest, value, texts }
}

suite('rows as Celery writes them are read, and written again [4-071] [12-022]', () => {
  for (const { name, settings = {}, rows = {} } of entries) {
    const [row] = rows['celery_taskmeta'] ?? []
    if (row === undefined) continue
    test(name, async (t) => {
      const theirs = file(t)
      const database = new DatabaseSync(theirs.path)
      for (const statement of ddl) database.exec(statement)
      const columns = columnsOf(row)
      const names = Object.keys(columns)
      database
        .prepare(
          `INSERT INTO celery_taskmeta (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
        )
        .run(...Object.values(columns))
      database.close()
      const reader = await open(t, theirs.url, { settings })
      const id = String(row['task_id'])
      if (PICKLED_OBJECTS.test(name)) {
        await assert.rejects(reader.load([id]), BackendGetMetaError)
        return
      }
      const [meta] = await reader.load([id])
      assert.ok(meta)
      const ours = file(t)
      await (await open(t, ours.url, { settings })).save(meta, KEEP)
      const [written] = ours.look('SELECT * FROM celery_taskmeta')
      assert.deepEqual(comparable(written ?? {}), comparable(columns))
    })
  }
})

/** With the serializer pickle, errors are objects of classes; what JSON cannot hold is an object in any case. */
const PICKLED_OBJECTS = /^serializer-pickle\/.*(?:failure|retry|revoked)|unserializable/

/** Results as tuples, by how the names of the recordings end. The parent of a group itself is not in its pickle. */
const MEMBERS: Readonly<Record<string, unknown>> = {
  '': [
    [['r1', null], null],
    [['r2', null], null],
  ],
  '-parent': [
    [['r1', [['p1', null], null]], null],
    [['r2', null], null],
  ],
  '-nested': [
    [['r1', null], null],
    [['inner', null], [[['r2', null], null]]],
  ],
}

test('groups as Celery pickles them are restored, with what is in them [4-071] [4-051]', async (t) => {
  for (const { name, settings = {}, rows = {} } of entries) {
    const [table = '', all = []] =
      Object.entries(rows).find(([, [first]]) => first && 'taskset_id' in first) ?? []
    const [row] = all
    if (row === undefined) continue
    const theirs = file(t)
    const backend = await open(t, theirs.url, { settings })
    const database = new DatabaseSync(theirs.path)
    const { taskset_id: id, result = null } = columnsOf(row)
    database.prepare(`INSERT INTO ${table} (taskset_id, result) VALUES (?, ?)`).run(String(id), result)
    database.close()
    const group = await backend.groups?.load(String(id))
    assert.ok(group, name)
    const [, , kind = ''] = /(^|\/)group-save(.*)/.exec(name) ?? []
    assert.deepEqual(group, [[id, null], MEMBERS[kind]], name)
    await backend.groups?.save('again', group, KEEP)
    assert.deepEqual(await backend.groups?.load('again'), group, name)
  }
})

test('the tables are those that SQLAlchemy makes [4-071]', async (t) => {
  const [ours, theirs] = [file(t), file(t)]
  await open(t, ours.url)
  const database = new DatabaseSync(theirs.path)
  for (const statement of ddl) database.exec(statement)
  database.close()
  for (const table of ['celery_taskmeta', 'celery_tasksetmeta']) {
    const info = `PRAGMA table_info(${table})`
    assert.deepEqual(ours.look(info), theirs.look(info))
  }
})

test('names of tables, and when they are made [1-089] [1-094] [1-095]', async (t) => {
  const own = file(t)
  const settings = {
    database_url: own.url.slice('db+'.length),
    database_table_names: { task: 'My Tasks', group: 'my_groups' },
    database_create_tables_at_setup: false,
  }
  const backend = await open(t, 'database', { settings })
  assert.deepEqual(own.look("SELECT name FROM sqlite_master WHERE name LIKE 'my%'"), [])
  const meta = resultMeta({ children: null })
  await backend.save(meta, KEEP)
  await backend.groups?.save('g', [['g', null], []], KEEP)
  assert.equal(own.look('SELECT * FROM "My Tasks"').length, 1)
  assert.equal(own.look('SELECT * FROM my_groups').length, 1)
  assert.deepEqual(await backend.load([meta.task_id]), [meta])
  const { database_create_tables_at_setup: _, ...atSetup } = settings
  const other = file(t)
  await open(t, other.url, { settings: atSetup })
  assert.equal(
    other.look("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'my%'").length,
    2,
  )
  const wrong = { database_table_names: { tasks: 'x' } }
  await assert.rejects(createBackend(backendOptions(own.url, { settings: wrong })), /did you mean/i)
})

// The rows of yesterday; those of others stay.
test('cleaning up removes what is older than resultExpires [4-061] [4-071]', async (t) => {
  const own = file(t)
  const backend = await open(t, own.url, { expires: 60_000 })
  const old = resultMeta({ date_done: '2020-01-02T03:04:05.678901+00:00' })
  const fresh = resultMeta({ date_done: new Date().toISOString(), children: null })
  const running = resultMeta({ status: 'STARTED', date_done: null, children: null })
  for (const meta of [old, fresh, running]) await backend.save(meta, KEEP)
  await backend.groups?.save('g', [['g', null], []], KEEP)
  await (await open(t, own.url)).cleanup?.()
  assert.equal(own.look('SELECT * FROM celery_taskmeta').length, 3)
  await backend.cleanup?.()
  const loaded = await backend.load([old.task_id, fresh.task_id, running.task_id])
  assert.deepEqual(
    loaded.map((meta) => meta?.status),
    [undefined, 'SUCCESS', 'STARTED'],
  )
  assert.ok(await backend.groups?.load('g'))
})

// Whoever can write into the table cannot make us do anything.
test('a pickle of anything but plain values is an error, and nothing is run [4-071] [4-041]', async (t) => {
  const own = file(t)
  const backend = await open(t, own.url)
  const marker = join(tempDir(t), 'run')
  const database = new DatabaseSync(own.path)
  const program = Buffer.from(
    `\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c${String.fromCharCode(marker.length + 6)}touch ${marker}\x85R.`,
    'latin1',
  )
  database
    .prepare("INSERT INTO celery_taskmeta (task_id, status, result) VALUES ('x', 'SUCCESS', ?)")
    .run(program)
  database.close()
  await assert.rejects(backend.load(['x']), (error: unknown) => {
    return error instanceof BackendGetMetaError && /posix\.system/.test(error.message)
  })
  assert.equal(existsSync(marker), false)
})

test('what cannot be opened says which database and why', async (t) => {
  const damaged = join(tempDir(t), 'no.db')
  writeFileSync(damaged, 'this is no database, however long it is'.repeat(50))
  const urls: readonly (readonly [string, new () => Error])[] = [
    ['db+oracle://me:secret@host/x', ImproperlyConfigured],
    ['db', ImproperlyConfigured],
    [`db+sqlite:///${damaged}`, OperationalError],
    ['db+postgresql://me:secret@127.0.0.1:1/x', OperationalError],
    ['db+mysql://me:secret@127.0.0.1:1/x', OperationalError],
  ]
  for (const [url, kind] of urls) {
    await assert.rejects(createBackend(backendOptions(url)), (error: unknown) => {
      assert.ok(error instanceof kind, `${url}: ${String(error)}`)
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
  }
})

const SERVERS: Readonly<Record<string, readonly [{ skip: string | false }, () => Promise<SqlServer>]>> = {
  PostgreSQL: [needsPostgresql(), startPostgresql],
  MariaDB: [needsMariadb(), startMariadb],
}

for (const [name, [skip, start]] of Object.entries(SERVERS)) {
  test(
    `${name}: schemas, short-lived sessions, the engine, a server that restarts [1-090] [1-091] [1-092] [1-093]`,
    skip,
    async (t) => {
      const server = await start()
      const url = await server.newDatabase()
      const database = url.split('/').at(-1) ?? ''
      await server.sql(database, 'CREATE SCHEMA other')
      const told: string[] = []
      const engines: unknown[] = []
      const overrides = {
        warn: (message: string) => void told.push(message),
        settings: {
          database_short_lived_sessions: true,
          database_table_schemas: { task: 'other', group: 'other' },
          database_engine_options: { pool_size: 2, pool_recycle: 60, pool_pre_ping: true, echo: true },
          database_engine_callback: (engine: unknown) => void engines.push(engine),
        },
      }
      const short = await open(t, `db+${url}`, overrides)
      const long = await open(t, `db+${url.replace(':', '+any_driver:')}`, {
        settings: { database_table_schemas: { task: 'other', group: 'other' } },
      })
      assert.deepEqual(told, ['databaseEngineOptions: echo mean nothing here and are ignored'])
      assert.equal(engines.length, 1)
      const metas = Array.from({ length: 300 }, (_, index) => resultMeta({ result: index, children: null }))
      await Promise.all(metas.map((meta, index) => (index % 2 === 0 ? short : long).save(meta, KEEP)))
      const ids = metas.map(({ task_id }) => task_id)
      assert.deepEqual(await short.load(ids), metas)
      const rows = await server.sql(database, 'SELECT id FROM other.celery_taskmeta')
      assert.equal(new Set(rows.map((row) => JSON.stringify(row))).size, metas.length)

      await server.kill()
      await assert.rejects(long.load(ids), BackendGetMetaError)
      await assert.rejects(short.save(resultMeta(), KEEP), BackendStoreError)
      await server.restart()
      assert.deepEqual(await long.load(ids), metas)
      assert.deepEqual(await short.load(ids), metas)
      // Connections that were broken while nobody used them are not noticed by anybody.
      await server.kill()
      await server.restart()
      assert.deepEqual(await long.load(ids), metas)
    },
  )
}
