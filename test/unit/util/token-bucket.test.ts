import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenBucket } from '../../../src/util/token-bucket.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

test('tokens come at the rate, up to the capacity', async () => {
  const clock = new VirtualClock()
  const bucket = new TokenBucket(10, 2, clock)
  assert.deepEqual([bucket.take(), bucket.take(), bucket.take()], [true, true, false])
  assert.equal(bucket.timeUntil(), 100)
  await clock.advance(60)
  assert.equal(bucket.take(), false)
  await clock.advance(bucket.timeUntil())
  assert.equal(bucket.take(), true)
  await clock.advance(60_000)
  assert.equal(bucket.timeUntil(2), 0)
  assert.equal(bucket.take(3), false)
  assert.deepEqual([bucket.take(2), bucket.take()], [true, false])
})

test('waiting for as long as it says is always enough', async () => {
  const clock = new VirtualClock()
  const bucket = new TokenBucket(7 / 60, 1, clock)
  for (let i = 0; i < 50; i++) {
    await clock.advance(bucket.timeUntil())
    assert.equal(bucket.take(), true)
  }
})
