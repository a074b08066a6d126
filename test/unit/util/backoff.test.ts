import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exponentialBackoff, intervals } from '../../../src/util/backoff.ts'

test('intervals grow by a step up to start + max, then stay', () => {
  const policy = { start: 0, step: 200, max: 500, maxRetries: 5 }
  assert.deepEqual([...intervals(policy)], [0, 200, 400, 400, 400])
})

test('intervals without a maximum grow on, without maxRetries they never end', () => {
  const waits = intervals({ start: 10, step: 10, max: 0 })
  assert.deepEqual(
    Array.from({ length: 4 }, () => waits.next().value),
    [10, 20, 30, 40],
  )
  assert.deepEqual([...intervals({ start: 10, step: 0, max: 10, maxRetries: 2 })], [10, 10])
  assert.deepEqual([...intervals({ start: 10, step: 0, max: 10, maxRetries: 0 })], [])
})

test('exponentialBackoff doubles up to its maximum', () => {
  const waits = [0, 1, 2, 3, 4].map((retries) => exponentialBackoff({ factor: 1000, retries, maximum: 6000 }))
  assert.deepEqual(waits, [1000, 2000, 4000, 6000, 6000])
  assert.equal(exponentialBackoff({ factor: 0, retries: 40, maximum: 6000 }), 0)
  assert.equal(exponentialBackoff({ factor: 1000, retries: 3, maximum: -5 }), 0)
  assert.equal(exponentialBackoff({ factor: 1000, retries: 2000, maximum: 6000 }), 6000)
})

test('full jitter takes any moment up to the wait', () => {
  const options = { factor: 1000, retries: 1, maximum: 6000, fullJitter: true }
  assert.equal(exponentialBackoff({ ...options, random: () => 0 }), 0)
  assert.equal(exponentialBackoff({ ...options, random: () => 0.5 }), 1000)
  assert.equal(exponentialBackoff({ ...options, random: () => 0.999999 }), 2000)
})
