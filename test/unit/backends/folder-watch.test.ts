import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FolderWatch } from '../../../src/backends/filesystem/folder-watch.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

// Whoever waits for one short task after another comes and goes while files are being looked at.
test('files are looked at by one loop, even when all leave and others come while it looks', async () => {
  const clock = new VirtualClock()
  const looks: string[] = []
  let gate: Promise<void> | undefined
  const watch = new FolderWatch({
    folder: '/nowhere',
    pollingInterval: 100,
    clock,
    read: async () => undefined,
    stampOf: async (key) => {
      looks.push(key)
      await gate
      return undefined
    },
    deliver: () => undefined,
  })
  await watch.add(['a'])
  const look = Promise.withResolvers<void>()
  gate = look.promise
  await clock.advance(100)
  await watch.remove(['a'])
  gate = undefined
  await watch.add(['b'])
  look.resolve()
  await clock.advance(0)
  assert.equal(clock.pending, 1)
  await clock.advance(100)
  assert.deepEqual(looks, ['a', 'b'])
  await watch.close()
  assert.equal(clock.pending, 0)
})
