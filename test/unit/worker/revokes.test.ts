import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Revokes } from '../../../src/worker/revokes.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const NO_STAMPS = { stampedHeaders: undefined, stamps: undefined }

test('ids count until there are too many; others hear of the recent ones [6-074, 7-091]', async () => {
  const clock = new VirtualClock()
  const environment = { CELERY_WORKER_REVOKES_MAX: '2', CELERY_WORKER_REVOKE_EXPIRES: '60' }
  const revokes = new Revokes({ environment, clock })
  revokes.add(['a'])
  await clock.advance(61_000)
  revokes.add(['b'])
  assert.deepEqual(revokes.ids, ['a', 'b'])
  assert.deepEqual(
    revokes.recent.map(([id]) => id),
    ['b'],
  )
  assert.equal(revokes.includes({ id: 'a', ...NO_STAMPS }), true)
  revokes.add(['c'])
  assert.deepEqual(revokes.ids, ['b', 'c'])
  assert.equal(revokes.includes({ id: 'a', ...NO_STAMPS }), false)
})

test('the limits are those of Celery when the environment says nothing [7-091]', () => {
  const revokes = new Revokes({ environment: {} })
  assert.equal(revokes.expires, 10_800_000)
  revokes.add(Array.from({ length: 50_001 }, (_, n) => String(n)))
  assert.equal(revokes.ids.length, 50_000)
})

test('what others say is taken over with its time, what is known stays as it is [7-093]', () => {
  const revokes = new Revokes({ environment: {}, clock: new VirtualClock() })
  revokes.add(['a'])
  const [before] = revokes.entries
  let changes = 0
  revokes.changed = () => void changes++
  revokes.merge([['a', 5]])
  assert.equal(changes, 0)
  revokes.merge([
    ['a', 5],
    ['b', 7],
  ])
  assert.equal(changes, 1)
  assert.deepEqual(revokes.entries, [['b', 7], before])
})

test('stamps are one value or several [7-092]', () => {
  const revokes = new Revokes({ environment: {} })
  const stamped = (stamps: Readonly<Record<string, unknown>>) => ({
    ...{ id: 'x', stamps, stampedHeaders: Object.keys(stamps) },
  })
  revokes.addStamps('tenant', ['red', 'blue'])
  assert.deepEqual(revokes.revokingStamp(stamped({ tenant: 'red' })), ['tenant', 'red'])
  assert.deepEqual(revokes.revokingStamp(stamped({ other: 1, tenant: ['green', 'blue'] })), [
    'tenant',
    'blue',
  ])
  assert.equal(revokes.includes(stamped({ tenant: 'green' })), false)
  assert.equal(revokes.includes(stamped({ other: 'red' })), false)
  assert.deepEqual(revokes.stamps, { tenant: ['red', 'blue'] })
})
