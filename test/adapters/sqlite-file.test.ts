import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { isAlive, ownIdentity } from '../../src/messaging/transports/sqlite/process-identity.ts'
import type { SqliteFile } from '../../src/util/sqlite-file.ts'
import { openSqliteFile } from '../../src/util/sqlite-file.ts'
import { eventually, eventuallyValue } from '../support/eventually.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'
import { onEnd } from './fixtures/on-end.ts'

const OPTIONS = {
  tables: 'CREATE TABLE IF NOT EXISTS t (a INTEGER UNIQUE)',
  busyTimeout: 10_000,
  synchronous: 'normal',
} as const

async function open(t: TestContext, path = join(tempDir(t), 'file.sqlite3')): Promise<SqliteFile> {
  const file = await openSqliteFile(path, OPTIONS)
  onEnd(t, () => file.close())
  return file
}

async function insert(file: SqliteFile, value: number, announce = false): Promise<void> {
  const statement = file.prepare('INSERT INTO t VALUES (?)')
  await file.write(() => void statement.run(value), { announce })
}

function values(file: SqliteFile): readonly unknown[] {
  return file.read(() => file.prepare('SELECT a FROM t ORDER BY a').all()).map((row) => row['a'])
}

// Speed: commits are what costs.
test('writes of one turn are one transaction', async (t) => {
  const file = await open(t)
  const other = new DatabaseSync(file.path)
  onEnd(t, () => other.close())
  const seenByOthers = (): unknown => other.prepare('SELECT count(*) AS n FROM t').get()?.['n']
  const seen = await Promise.all([insert(file, 1), insert(file, 2), file.write(seenByOthers)])
  assert.deepEqual(seen, [undefined, undefined, 0])
  assert.equal(seenByOthers(), 2)
})

// One user's mistake must not undo what others did in the same moment.
test('a write that fails is undone alone, and the others are carried out once', async (t) => {
  const file = await open(t)
  await insert(file, 2)
  const outcomes = await Promise.allSettled([
    insert(file, 1),
    insert(file, 2),
    file.write(() => {
      file.prepare('INSERT INTO t VALUES (4)').run()
      throw new RangeError('mine')
    }),
    insert(file, 3),
  ])
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.name : 'done')),
    ['done', 'ConnectionError', 'RangeError', 'done'],
  )
  assert.deepEqual(values(file), [1, 2, 3])
})

// A failing disk must not keep anybody waiting.
test('when a transaction cannot even be undone, everybody is told, and the file can be opened anew', async (t) => {
  const file = await openSqliteFile(join(tempDir(t), 'file.sqlite3'), OPTIONS)
  const { exec } = DatabaseSync.prototype
  const mock = t.mock.method(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, sql: string) {
    if (sql === 'ROLLBACK') throw Object.assign(new Error('disk I/O error'), { errcode: 10 })
    exec.call(this, sql)
  })
  const fails = file.write(() => {
    throw new RangeError('mine')
  })
  const outcomes = await Promise.allSettled([insert(file, 1), fails, insert(file, 2)])
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.name : 'done')),
    ['ConnectionError', 'RangeError', 'ConnectionError'],
  )
  assert.match(String(await file.closed), /could not be read or written: check the disk/)
  mock.mock.restore()
  const again = await open(t, file.path)
  await insert(again, 3)
  assert.deepEqual(values(again), [3])
})

// A constraint that is checked at the end fails nobody in particular.
test('when a commit fails, each write tries by itself', async (t) => {
  const file = await open(t)
  await file.write(() => {
    file.prepare('PRAGMA foreign_keys = ON').get()
    file.prepare('CREATE TABLE child (a INTEGER REFERENCES t (a) DEFERRABLE INITIALLY DEFERRED)').run()
  })
  await insert(file, 1)
  const child = file.prepare('INSERT INTO child VALUES (?)')
  const outcomes = await Promise.allSettled([
    insert(file, 2),
    file.write(() => void child.run(99)),
    file.write(() => void child.run(1)),
    insert(file, 3),
  ])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
  assert.deepEqual(values(file), [1, 2, 3])
})

// A broker and a backend on one file must not lock each other out, and wake each other at once.
test('a file is opened once per process, and closed by its last user', async (t) => {
  const path = join(tempDir(t), 'file.sqlite3')
  const [one, two] = await Promise.all([openSqliteFile(path, OPTIONS), openSqliteFile(path, OPTIONS)])
  assert.equal(one, two)
  await one.close()
  await insert(two, 1)
  assert.ok(existsSync(`${path}-wal`))
  await two.close()
  assert.equal(await two.closed, undefined)
  assert.ok(!existsSync(`${path}-wal`), 'all of it is in the file itself')
  await assert.rejects(insert(two, 2), /is closed/)
  const again = await open(t, path)
  assert.notEqual(again, one)
  assert.deepEqual(values(again), [1])
})

// Nobody asks all the time: changes are told, in this process at once and from others when they commit.
test('announced writes and commits of others wake those who listen', async (t) => {
  const file = await open(t)
  let changes = 0
  const unlisten = file.onChange(() => changes++)
  await insert(file, 1, false)
  assert.equal(changes, 0)
  await insert(file, 2, true)
  assert.equal(changes, 1)
  const other = new DatabaseSync(file.path)
  onEnd(t, () => other.close())
  other.exec('INSERT INTO t VALUES (3)')
  await eventually(() => changes === 2)
  const { version } = file
  unlisten()
  await insert(file, 4, true)
  assert.deepEqual([changes, file.version], [2, version + 1])
})

// Many processes start at once on a file that is not there yet.
test('a new file is made once, whoever comes first', async (t) => {
  const path = join(tempDir(t), 'file.sqlite3')
  const module = join(import.meta.dirname, '../../src/util/sqlite-file.ts')
  const script = `
    const { openSqliteFile } = await import(${JSON.stringify(module)})
    const file = await openSqliteFile(${JSON.stringify(path)}, ${JSON.stringify(OPTIONS)})
    await file.write(() => file.prepare('INSERT INTO t VALUES (?)').run(process.pid))
    await file.close()`
  const processes = Array.from({ length: 4 }, () =>
    startProcess(process.execPath, ['--input-type=module', '-e', script], { t }),
  )
  const codes = await Promise.all(processes.map((each) => each.wait()))
  assert.deepEqual(codes, [0, 0, 0, 0], processes.map((each) => each.output()).join('\n'))
  assert.deepEqual([...values(await open(t, path))].sort(), processes.map(({ pid }) => pid).sort())
})

// What holds messages is a process that may have died in many ways.
test('processes that live, died, are zombies or belong elsewhere', async (t) => {
  const own = ownIdentity()
  assert.equal(isAlive(own), true)
  assert.equal(isAlive({ ...own, machine: 'elsewhere' }), undefined)
  assert.equal(isAlive({ ...own, started: '1' }), own.started === '')

  const child = startProcess(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { t })
  assert.equal(isAlive({ ...own, pid: child.pid, started: '' }), true)
  await child.kill()
  assert.equal(isAlive({ ...own, pid: child.pid, started: '' }), false)

  // A child that has ended while its parent does not care.
  const parent = startProcess('sh', ['-c', 'true & echo "$!"; exec sleep 60'], { t })
  const zombie = Number(await eventuallyValue(() => /^(\d+)\n/.exec(parent.stdout())?.[1]))
  if (process.platform === 'linux') {
    await eventually(() => isAlive({ ...own, pid: zombie, started: '' }) === false)
  }
})
