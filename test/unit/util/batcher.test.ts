import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Batcher } from '../../../src/util/batcher.ts'
import { Deferred } from '../../../src/util/deferred.ts'

/** A flush whose batches are let go by hand. */
function controlled(): { flushed: number[][]; gates: Deferred[]; flush: (items: number[]) => Promise<void> } {
  const flushed: number[][] = []
  const gates: Deferred[] = []
  const flush = (items: number[]): Promise<void> => {
    flushed.push(items)
    const gate = new Deferred()
    gates.push(gate)
    return gate.promise
  }
  return { flushed, gates, flush }
}

test('one batch is in flight; what comes meanwhile makes the next one', async () => {
  const { flushed, gates, flush } = controlled()
  const batcher = new Batcher(flush)
  const first = Promise.all([batcher.add(1), batcher.add(2)])
  await nextTurn()
  const second = Promise.all([batcher.add(3), batcher.add(4)])
  await nextTurn()
  assert.deepEqual(flushed, [[1, 2]])
  assert.equal(batcher.size, 2)
  gates[0]?.resolve()
  await first
  assert.deepEqual(flushed, [
    [1, 2],
    [3, 4],
  ])
  gates[1]?.resolve()
  await second
})

test('a batch that fails fails its own items only', async () => {
  const { gates, flush } = controlled()
  const batcher = new Batcher(flush, { turn: 'microtask' })
  const first = batcher.add(1)
  await Promise.resolve()
  const second = batcher.add(2)
  gates[0]?.reject(new Error('broken'))
  await assert.rejects(first, /broken/)
  gates[1]?.resolve()
  await second
})

test('a flush that throws at once fails its items, too', async () => {
  const batcher = new Batcher<number>(() => {
    throw new Error('at once')
  })
  await assert.rejects(batcher.add(1), /at once/)
})

test('batches are no larger than maxSize', async () => {
  const { flushed, gates, flush } = controlled()
  const batcher = new Batcher(flush, { maxSize: 2 })
  for (let item = 1; item <= 5; item++) void batcher.add(item)
  const drained = batcher.drain()
  await nextTurn()
  assert.deepEqual(flushed, [[1, 2]])
  for (let batch = 0; batch < 3; batch++) {
    gates[batch]?.resolve()
    await nextTurn()
  }
  assert.deepEqual(flushed, [[1, 2], [3, 4], [5]])
  await drained
})

test('batches are no heavier than maxWeight, but for an item that is by itself', async () => {
  const { flushed, gates, flush } = controlled()
  const batcher = new Batcher(flush, { maxWeight: 10 })
  for (const weight of [4, 6, 1, 11, 10]) void batcher.add(weight, weight)
  const drained = batcher.drain()
  await nextTurn()
  for (let batch = 0; batch < 4; batch++) {
    gates[batch]?.resolve()
    await nextTurn()
  }
  assert.deepEqual(flushed, [[4, 6], [1], [11], [10]])
  await drained
})

test('concurrent batches do not wait for each other', async () => {
  const { flushed, gates, flush } = controlled()
  const batcher = new Batcher(flush, { concurrent: true })
  const first = batcher.add(1)
  await nextTurn()
  const second = batcher.add(2)
  await nextTurn()
  assert.deepEqual(flushed, [[1], [2]])
  gates[1]?.resolve()
  await second
  let drained = false
  const draining = batcher.drain().then(() => {
    drained = true
  })
  await nextTurn()
  assert.equal(drained, false)
  gates[0]?.resolve()
  await first
  await draining
})

test('drain of an idle batcher is done', async () => {
  await new Batcher<number>(async () => undefined).drain()
})
