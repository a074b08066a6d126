import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prefetchCount } from '../../../src/worker/prefetch.ts'

test('prefetch is concurrency times multiplier [7-044]', () => {
  assert.equal(prefetchCount({ concurrency: 8, appetite: 8, multiplier: 4, held: 0, limit: undefined }), 32)
  assert.equal(prefetchCount({ concurrency: 8, appetite: 8, multiplier: 0, held: 3, limit: undefined }), 0)
})

test('every task that waits for its ETA makes room for one more, up to the limit [7-046]', () => {
  assert.equal(prefetchCount({ concurrency: 2, appetite: 2, multiplier: 4, held: 5, limit: undefined }), 13)
  assert.equal(prefetchCount({ concurrency: 2, appetite: 2, multiplier: 4, held: 5, limit: 10 }), 10)
  assert.equal(prefetchCount({ concurrency: 2, appetite: 2, multiplier: 0, held: 5, limit: 10 }), 10)
})

test('prefetch is at least 1, and unlimited beyond what AMQP can say [7-045]', () => {
  assert.equal(prefetchCount({ concurrency: 0, appetite: 0, multiplier: 1, held: 0, limit: undefined }), 1)
  assert.equal(
    prefetchCount({ concurrency: 65_535, appetite: 65_535, multiplier: 1, held: 0, limit: undefined }),
    65_535,
  )
  assert.equal(
    prefetchCount({ concurrency: 65_536, appetite: 65_536, multiplier: 1, held: 0, limit: undefined }),
    0,
  )
})

test('short tasks are fetched further ahead, unless only what runs is to be reserved [7-049]', () => {
  assert.equal(prefetchCount({ concurrency: 2, appetite: 66, multiplier: 4, held: 1, limit: undefined }), 67)
  assert.equal(prefetchCount({ concurrency: 2, appetite: 66, multiplier: 1, held: 1, limit: undefined }), 3)
})
