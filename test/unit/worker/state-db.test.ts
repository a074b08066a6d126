import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { LamportClock } from '../../../src/util/lamport-clock.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import { Revokes } from '../../../src/worker/revokes.ts'
import { StateDb } from '../../../src/worker/state-db.ts'
import { tempDir } from '../../support/temp-dir.ts'

function open(path: string) {
  const revokes = new Revokes({ environment: {} })
  const clock = new LamportClock()
  const db = new StateDb({ path, revokes, clock, logger: silentLogger })
  db.load()
  return { db, revokes, clock }
}

const place = (t: TestContext): string => join(tempDir(t), 'state')

test('what is saved is there again: ids with their times, stamps, the clock [7-094 7-095]', async (t) => {
  const path = place(t)
  const first = open(path)
  first.revokes.merge([['a', 1_000]])
  first.revokes.addStamps('tenant', ['red', 2n ** 64n])
  first.clock.adjust(41)
  await first.db.close()
  const second = open(path)
  assert.deepEqual(second.revokes.entries, [['a', 1_000]])
  assert.deepEqual(second.revokes.stamps, { tenant: ['red', 2n ** 64n] })
  assert.ok(second.clock.value > 42)
  await second.db.close()
  assert.deepEqual(readdirSync(join(path, '..')), ['state'])
})

test('a file of somebody else is refused, and left as it is [7-094]', (t) => {
  const path = place(t)
  for (const text of ['\x00\x06\x15\x61', '{"clock": 1}', 'null']) {
    writeFileSync(path, text)
    assert.throws(
      () => open(path),
      (error) => {
        assert.ok(error instanceof ImproperlyConfigured)
        assert.match(error.message, /--statedb .*state is no file of a Celeriac worker .*: name another file/)
        return true
      },
    )
    assert.equal(readFileSync(path, 'utf8'), text)
  }
  writeFileSync(path, '{"format": "celeriac-worker-state", "version": 2}')
  assert.throws(() => open(path), /was written by another version \(2\)/)
  assert.throws(() => open(join(path, '..')), /cannot be read/)
})

test('a file that could never be written is told of at the start [11-032]', (t) => {
  assert.throws(() => open(join(place(t), 'no', 'such', 'folder')), {
    name: 'ImproperlyConfigured',
    message: /folder cannot be written: /,
  })
})

test('a file that cannot be written any more ends nothing', async (t) => {
  const path = join(tempDir(t), 'folder', 'state')
  mkdirSync(dirname(path))
  const { db, revokes } = open(path)
  rmSync(dirname(path), { recursive: true })
  revokes.add(['a'])
  await db.close()
})
