import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { RESULT_TABLES } from '../../src/backends/sqlite/schema.ts'
import { SqliteBackend } from '../../src/backends/sqlite/sqlite-backend.ts'
import { createSqliteBackend } from '../../src/backends/sqlite.ts'
import { UnreadableResults } from '../../src/backends/unreadable-results.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import {
  backendOptions,
  jsonResultCodec,
  KEEP,
  resultMeta,
} from '../../src/testing/conformance/backend-session.ts'
import { openSqliteFile } from '../../src/util/sqlite-file.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { onEnd } from './fixtures/on-end.ts'

const url = `sqlite:///${join(tempDir(), 'results.sqlite3')}`

exerciseBackend({
  name: 'sqlite',
  features: { persistent: true, autoExpire: true, nativeJoin: true, groups: true },
  create: (_t, overrides) => createSqliteBackend(backendOptions(url, overrides)),
})

// The worker is another process: its result is pushed, not polled for.
test('a result that another process saves is reported', async (t) => {
  const own = `sqlite:///${join(tempDir(t), 'results.sqlite3')}`
  const backend = await createSqliteBackend(backendOptions(own))
  onEnd(t, () => backend.close())
  const meta = resultMeta({ result: 'from afar' })
  const reported = Promise.withResolvers<unknown>()
  const watch = backend.watch?.(reported.resolve)
  await watch?.add([meta.task_id])
  const script = `
    const { createSqliteBackend } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/backends/sqlite.ts'))})
    const { backendOptions, KEEP } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/testing/conformance/backend-session.ts'))})
    const backend = await createSqliteBackend(backendOptions(${JSON.stringify(own)}))
    await backend.save(${JSON.stringify(meta)}, KEEP)
    await backend.close()`
  startProcess(process.execPath, ['--input-type=module', '-e', script], { t })
  assert.deepEqual(await reported.promise, meta)
})

// One program that stores what nobody understands keeps nobody else from results.
test('a result that cannot be read is told of, and those after it are reported', async (t) => {
  const own = `sqlite:///${join(tempDir(t), 'results.sqlite3')}`
  const backend = await createSqliteBackend(backendOptions(own))
  const strange = await createSqliteBackend(
    backendOptions(own, { codec: { ...jsonResultCodec, encode: () => Buffer.from('no json') } }),
  )
  onEnd(t, () => Promise.all([backend.close(), strange.close()]))
  const told: string[] = []
  const done = Promise.withResolvers<void>()
  const watch = backend.watch?.(
    ({ task_id }) => {
      told.push(task_id)
      done.resolve()
    },
    (id) => told.push(`${id} is unreadable`),
  )
  await watch?.add(['a', 'b'])
  await strange.save(resultMeta({ task_id: 'a' }), KEEP)
  await backend.save(resultMeta({ task_id: 'b' }), KEEP)
  await done.promise
  assert.deepEqual(told, ['a is unreadable', 'b'])
  await assert.rejects(backend.load(['a', 'b']), (error: unknown) => {
    assert.ok(error instanceof UnreadableResults)
    return error.metas[1]?.task_id === 'b' && error.errors.size === 1
  })
})

// Nobody has to start a clean-up: what has expired goes by itself, also what hung on it.
test('expired results, groups and chords are removed from the file [4-061]', async (t) => {
  const path = join(tempDir(t), 'results.sqlite3')
  const options = { tables: RESULT_TABLES, busyTimeout: 1000, synchronous: 'normal' } as const
  const clock = new VirtualClock()
  const file = await openSqliteFile(path, options)
  const backend = new SqliteBackend({
    file: await openSqliteFile(path, options),
    codec: jsonResultCodec,
    clock,
  })
  onEnd(t, () => Promise.all([file.close(), backend.close()]))
  const kept = resultMeta()
  const short = { expires: 5000, replyTo: undefined, size: 2 }
  const old = resultMeta()
  await backend.save(old, short)
  await backend.save(kept, KEEP)
  await backend.groups.save('g', [['g', null], []], short)
  await backend.chords.add('c', { index: 0, id: 'a', state: 'SUCCESS', result: 1 }, short)
  await clock.advance(5000)
  assert.deepEqual(await backend.load([old.task_id, kept.task_id]), [undefined, kept])
  assert.equal(await backend.groups.load('g'), undefined)
  const again = resultMeta({ task_id: old.task_id, status: 'STARTED' })
  await backend.save(again, KEEP)
  assert.deepEqual(await backend.load([old.task_id]), [again])
  await backend.cleanup()
  const rows = ['results', 'groups', 'chords', 'chord_parts'].map((table) => {
    return file.read(() => file.prepare(`SELECT count(*) AS n FROM celeriac_${table}`).get())?.['n']
  })
  assert.deepEqual(rows, [2, 0, 0, 0])
})
