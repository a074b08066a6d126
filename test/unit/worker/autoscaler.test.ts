import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AsyncPool } from '../../../src/pool/async-pool.ts'
import { StreamLogger } from '../../../src/util/logger.ts'
import { Autoscaler } from '../../../src/worker/autoscaler.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

function setup(bounds: { readonly max: number; readonly min: number }) {
  const clock = new VirtualClock()
  const pool = new AsyncPool({ size: bounds.min })
  const lines: string[] = []
  const load = { quantity: 0, changes: 0 }
  const logger = new StreamLogger('t', {
    level: 'INFO',
    write: (text) => lines.push(text.trimEnd()),
    format: (record) => record.message,
  })
  const autoscaler = new Autoscaler({
    pool,
    ...bounds,
    keepalive: 30_000,
    quantity: () => load.quantity,
    changed: () => {
      load.changes += 1
    },
    clock,
    logger,
  })
  return { clock, pool, lines, load, autoscaler }
}

test('the pool grows at once to what is there to run, up to the maximum [7-038, 7-039]', () => {
  const { pool, lines, load, autoscaler } = setup({ max: 10, min: 0 })
  autoscaler.maybeScale()
  assert.equal(pool.size, 0)
  load.quantity = 4
  autoscaler.maybeScale()
  assert.equal(pool.size, 4)
  load.quantity = 40
  autoscaler.maybeScale()
  assert.equal(pool.size, 10)
  assert.deepEqual(lines, ['Scaling up 4 processes.', 'Scaling up 6 processes.'])
})

test('it shrinks to what is needed when it has not grown for the time of keepalive [7-039, 6-073]', async () => {
  const { clock, pool, lines, load, autoscaler } = setup({ max: 10, min: 2 })
  autoscaler.start()
  load.quantity = 10
  await clock.advance(1000)
  assert.equal(pool.size, 10)
  load.quantity = 5
  await clock.advance(30_000)
  assert.equal(pool.size, 10)
  await clock.advance(1000)
  assert.equal(pool.size, 5)
  load.quantity = 0
  await clock.advance(1000)
  assert.equal(pool.size, 2)
  assert.deepEqual(lines, [
    'Scaling up 8 processes.',
    'Scaling down 5 processes.',
    'Scaling down 3 processes.',
  ])
  autoscaler.stop()
  assert.equal(clock.pending, 0)
})

test('it looks once a second, whether tasks come or not [7-040]', async () => {
  const { clock, pool, load, autoscaler } = setup({ max: 3, min: 1 })
  autoscaler.start()
  load.quantity = 2
  await clock.advance(999)
  assert.equal(pool.size, 1)
  await clock.advance(1)
  assert.equal(pool.size, 2)
  load.quantity = 3
  await clock.advance(1000)
  assert.equal(pool.size, 3)
})

test('other bounds count at once, and are told to whoever prefetches [7-042, 6-122]', () => {
  const { pool, load, autoscaler } = setup({ max: 4, min: 1 })
  load.quantity = 4
  autoscaler.maybeScale()
  assert.deepEqual(autoscaler.update({ max: 2 }), { max: 2, min: 1 })
  assert.equal(pool.size, 2)
  assert.deepEqual(autoscaler.update({ max: 8, min: 6 }), { max: 8, min: 6 })
  assert.deepEqual(autoscaler.info(), { max: 8, min: 6, current: 6, qty: 4 })
  assert.equal(load.changes, 2)
  for (const [max, min] of [
    [3, 4],
    [0, 0],
    [2.5, 1],
  ]) {
    assert.throws(() => autoscaler.update({ max, min }), /cannot keep the pool between/)
  }
  assert.equal(autoscaler.max, 8)
})
