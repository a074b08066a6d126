import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { RESULT_TABLES } from '../../src/backends/sqlite/schema.ts'
import { createSqliteBackend } from '../../src/backends/sqlite.ts'
import { BackendStoreError, ConnectionError, OperationalError, PublishError } from '../../src/errors.ts'
import type { TransportConnection } from '../../src/messaging/transport.ts'
import { sqliteTransport } from '../../src/messaging/transports/sqlite/transport.ts'
import { backendOptions, KEEP, resultMeta } from '../../src/testing/conformance/backend-session.ts'
import {
  Collector,
  drainTexts,
  publishTexts,
  textMessage,
} from '../../src/testing/conformance/transport-session.ts'
import { explainSqliteError } from '../../src/util/sqlite-error.ts'
import { openSqliteFile } from '../../src/util/sqlite-file.ts'
import { tempDir } from '../support/temp-dir.ts'
import { onEnd } from './fixtures/on-end.ts'

async function connect(
  t: TestContext,
  path: string,
  transportOptions: Readonly<Record<string, unknown>> = {},
): Promise<TransportConnection> {
  const connection = await sqliteTransport.connect({
    url: `sqlite:///${path}`,
    transportOptions,
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'test',
  })
  onEnd(t, () => connection.close().catch(() => undefined))
  return connection
}

/** The error must say which file it is about, and match. */
function about(path: string, pattern: RegExp, recoverable: boolean): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ConnectionError, String(error))
    assert.ok(error.message.includes(path), error.message)
    assert.match(error.message, pattern)
    assert.equal(error.recoverable, recoverable)
    return true
  }
}

// A typing mistake in the URL must not fill somebody's database with our tables.
test('the database of another program is left alone', async (t) => {
  const path = join(tempDir(t), 'app.db')
  const database = new DatabaseSync(path)
  database.exec('CREATE TABLE customers (name TEXT)')
  database.close()
  const before = readFileSync(path)
  await assert.rejects(connect(t, path), about(path, /another program.*name another file/, false))
  await assert.rejects(
    createSqliteBackend(backendOptions(`sqlite:///${path}`)),
    about(path, /another program/, false),
  )
  assert.deepEqual(readFileSync(path), before)
})

// Programs that mark their databases are told from us even when these are empty.
test('an empty database that another program has marked is left alone', async (t) => {
  const path = join(tempDir(t), 'app.db')
  const database = new DatabaseSync(path)
  database.exec('PRAGMA application_id = 4711')
  database.close()
  await assert.rejects(connect(t, path), about(path, /another program/, false))
})

// Any other file may be named by mistake, too.
test('a file that is no database is left alone', async (t) => {
  const path = join(tempDir(t), 'notes.txt')
  writeFileSync(path, 'not a database\n'.repeat(1000))
  await assert.rejects(connect(t, path), about(path, /no SQLite database/, false))
  assert.equal(readFileSync(path, 'utf8'), 'not a database\n'.repeat(1000))
})

// Disks fail, and people copy files while they are written.
test('a damaged file is reported', async (t) => {
  const path = join(tempDir(t), 'celery.sqlite3')
  const connection = await connect(t, path)
  await publishTexts(await connection.openChannel(), 'q', ['a'])
  await connection.close()
  const bytes = readFileSync(path)
  bytes.fill(0xff, 4096)
  writeFileSync(path, bytes)
  const again = await (await connect(t, path)).openChannel()
  await assert.rejects(again.get('q'), about(path, /damaged.*backup/, false))
  await assert.rejects(publishTexts(again, 'q', ['b']), about(path, /damaged.*backup/, false))
})

// The usual mistakes with paths.
test('a folder, and a file in a folder that is not there', async (t) => {
  const folder = tempDir(t)
  mkdirSync(join(folder, 'sub'))
  await assert.rejects(connect(t, join(folder, 'sub')), about(join(folder, 'sub'), /is a folder/, false))
  const lost = join(folder, 'nowhere', 'celery.sqlite3')
  await assert.rejects(connect(t, lost), about(lost, /create the folder/, false))
})

// After a downgrade the newer file must not be misread.
test('a file of a newer version is refused', async (t) => {
  const path = join(tempDir(t), 'celery.sqlite3')
  await (await connect(t, path)).close()
  const database = new DatabaseSync(path)
  database.exec('PRAGMA user_version = 99')
  database.close()
  await assert.rejects(connect(t, path), about(path, /newer version.*format 99.*update Celeriac/, false))
})

// The kernel lets root write to everything, so the error is made by SQLite itself.
test('a read-only file is reported', (t) => {
  const path = join(tempDir(t), 'celery.sqlite3')
  new DatabaseSync(path).exec('CREATE TABLE t (a)')
  const database = new DatabaseSync(path, { readOnly: true })
  onEnd(t, () => database.close())
  assert.throws(
    () => {
      try {
        database.exec('INSERT INTO t VALUES (1)')
      } catch (error) {
        throw explainSqliteError(error, path, 0)
      }
    },
    about(path, /read-only.*writable/, false),
  )
})

// An open transaction in somebody's sqlite3 shell.
test('a file that stays locked: publishing is refused in time, and works afterwards', async (t) => {
  const path = join(tempDir(t), 'celery.sqlite3')
  const channel = await (await connect(t, path, { busy_timeout: 0.2 })).openChannel()
  const shell = new DatabaseSync(path)
  onEnd(t, () => shell.close())
  shell.exec('BEGIN IMMEDIATE')
  await assert.rejects(publishTexts(channel, 'q', ['a']), about(path, /locked.*0\.2 s.*busy_timeout/, true))
  shell.exec('ROLLBACK')
  await publishTexts(channel, 'q', ['b'])
  assert.deepEqual(await drainTexts(channel, 'q'), ['b'])
})

// Another process's backup takes a moment: nobody notices.
test('a lock that is released in time only delays', async (t) => {
  const path = join(tempDir(t), 'celery.sqlite3')
  const channel = await (await connect(t, path)).openChannel()
  const shell = new DatabaseSync(path)
  onEnd(t, () => shell.close())
  shell.exec('BEGIN IMMEDIATE')
  const published = publishTexts(channel, 'q', ['a', 'b'])
  // The first attempt is made at the end of this turn of the event loop, and refused.
  await nextTurn()
  await nextTurn()
  shell.exec('ROLLBACK')
  await published
  assert.deepEqual(await drainTexts(channel, 'q'), ['a', 'b'])
})

// Consumers that cannot claim anything end, so that their worker connects again and says why.
test('a consumer on a file that stays locked is closed with the reason', async (t) => {
  const path = join(tempDir(t), 'celery.sqlite3')
  const connection = await connect(t, path, { busy_timeout: 0.2 })
  const channel = await connection.openChannel()
  const collector = new Collector()
  await channel.consume('q', collector.deliver)
  const shell = new DatabaseSync(path)
  onEnd(t, () => shell.close())
  shell.exec(`BEGIN IMMEDIATE; INSERT INTO celeriac_messages
    (queue, priority, redelivered, exchange, routing_key, properties, headers, body)
    VALUES ('q', 0, 0, '', 'q', '{}', '{}', x'61'); COMMIT; BEGIN IMMEDIATE`)
  assert.ok(about(path, /locked/, true)(await connection.closed))
  assert.ok(about(path, /locked/, true)(await channel.closed))
  await assert.rejects(channel.publish(textMessage('b'), { exchange: '', routingKey: 'q' }), ConnectionError)
  shell.exec('ROLLBACK')
  const again = await (await connect(t, path)).openChannel()
  assert.deepEqual(await drainTexts(again, 'q'), ['a'])
})

// A full disk loses nothing and heals by itself.
test('a full disk: what does not fit is refused, the rest stays, and later all works again', async (t) => {
  const path = join(tempDir(t), 'celery.sqlite3')
  const channel = await (await connect(t, path)).openChannel()
  const backend = await createSqliteBackend(backendOptions(`sqlite:///${path}`))
  onEnd(t, () => backend.close())
  await publishTexts(channel, 'q', ['before'])
  const file = await openSqliteFile(path, { tables: RESULT_TABLES, busyTimeout: 1000, synchronous: 'normal' })
  onEnd(t, () => file.close())
  const pages = Number(file.read(() => file.prepare('PRAGMA page_count').get())?.['page_count'])
  await file.write(() => void file.prepare(`PRAGMA max_page_count = ${pages + 1}`).get())

  const large = 'x'.repeat(100_000)
  const outcomes = await Promise.allSettled([
    publishTexts(channel, 'q', [large]),
    publishTexts(channel, 'other', ['small']),
    backend.save(resultMeta({ result: large }), KEEP),
  ])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected'],
  )
  const [published, , saved] = outcomes.map((outcome) =>
    outcome.status === 'rejected' ? outcome.reason : null,
  )
  assert.ok(about(path, /cannot grow: the disk is full/, true)(published))
  assert.ok(saved instanceof BackendStoreError && saved.message.includes('disk is full'), String(saved))
  assert.deepEqual(await drainTexts(channel, 'other'), ['small'])

  await file.write(() => void file.prepare('PRAGMA max_page_count = 1000000').get())
  await publishTexts(channel, 'q', [large])
  assert.deepEqual(await drainTexts(channel, 'q'), ['before', large])
})

// `rm celery.sqlite3` while workers run: they must not write into nothing.
test('a file that is deleted while it is in use ends the connection', async (t) => {
  const path = join(tempDir(t), 'celery.sqlite3')
  const connection = await connect(t, path)
  const channel = await connection.openChannel()
  await channel.consume('q', () => undefined)
  rmSync(path)
  const reason = await connection.closed
  assert.ok(about(path, /deleted or replaced/, true)(reason))
  await assert.rejects(publishTexts(channel, 'q', ['a']), OperationalError)
  const again = await (await connect(t, path)).openChannel()
  await publishTexts(again, 'q', ['b'])
  assert.deepEqual(await drainTexts(again, 'q'), ['b'])
})

// Headers come from users.
test('headers that JSON cannot hold are refused, other messages of that moment are not', async (t) => {
  const path = join(tempDir(t), 'celery.sqlite3')
  const channel = await (await connect(t, path)).openChannel()
  const target = { exchange: '', routingKey: 'q' }
  const refused = channel.publish(textMessage('a', {}, { big: 1n }), target)
  const published = channel.publish(textMessage('b'), target)
  await assert.rejects(refused, (error) => {
    return error instanceof PublishError && !error.recoverable && error.message.includes('"q"')
  })
  await published
  assert.deepEqual(await drainTexts(channel, 'q'), ['b'])
})
