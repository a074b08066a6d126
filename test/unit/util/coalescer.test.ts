import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Coalescer } from '../../../src/util/coalescer.ts'

test('items of one turn are handed over together, in order', async () => {
  const flushed: number[][] = []
  const coalescer = new Coalescer<number>((items) => flushed.push(items))
  coalescer.add(1)
  queueMicrotask(() => coalescer.add(2))
  await Promise.resolve()
  assert.equal(coalescer.size, 2)
  await nextTurn()
  coalescer.add(3)
  await nextTurn()
  assert.deepEqual(flushed, [[1, 2], [3]])
  assert.equal(coalescer.size, 0)
})

test('with microtasks the batch ends with the running code', async () => {
  const flushed: number[][] = []
  const coalescer = new Coalescer<number>((items) => flushed.push(items), { turn: 'microtask' })
  coalescer.add(1)
  coalescer.add(2)
  await Promise.resolve()
  coalescer.add(3)
  assert.deepEqual(flushed, [[1, 2]])
  coalescer.flushNow()
  assert.deepEqual(flushed, [[1, 2], [3]])
  await Promise.resolve()
  assert.deepEqual(flushed, [[1, 2], [3]])
})
