import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LimitedSet } from '../../../src/util/limited-set.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

test('the oldest members leave when the set gets too long', () => {
  const set = new LimitedSet<number>({ maxLength: 3, clock: new VirtualClock() })
  for (let i = 1; i <= 5; i++) set.add(i)
  assert.deepEqual([...set], [3, 4, 5])
  set.add(3).add(6)
  assert.deepEqual([...set], [5, 3, 6])
})

test('members expire, but minLength of them stay', async () => {
  const clock = new VirtualClock()
  const set = new LimitedSet<string>({ expires: 1000, minLength: 1, clock })
  set.add('a').add('b')
  await clock.advance(999)
  assert.equal(set.has('a'), true)
  set.add('c')
  await clock.advance(1)
  assert.equal(set.has('a'), false)
  assert.equal(set.has('c'), true)
  await clock.advance(10_000)
  set.purge()
  assert.deepEqual([...set], ['c'])
  assert.equal(set.has('c'), true)
})

test('members that come from elsewhere take their place by age', () => {
  const clock = new VirtualClock(1_000_000)
  const set = new LimitedSet<string>({ maxLength: 3, clock })
  set.add('now')
  set.merge([
    ['newer', 1_000_500],
    ['older', 999_000],
    ['oldest', 998_000],
  ])
  assert.deepEqual(
    [...set.entries()],
    [
      ['older', 999_000],
      ['now', 1_000_000],
      ['newer', 1_000_500],
    ],
  )
  set.add('past', 999_500)
  assert.deepEqual([...set], ['past', 'now', 'newer'])
})

test('delete and clear', () => {
  const set = new LimitedSet<string>()
  set.add('a').add('b')
  assert.equal(set.delete('a'), true)
  assert.equal(set.delete('a'), false)
  assert.equal(set.size, 1)
  set.clear()
  assert.equal(set.has('b'), false)
})

test('limits that contradict each other are refused', () => {
  assert.throws(() => new LimitedSet({ maxLength: 1, minLength: 2 }), RangeError)
  assert.throws(() => new LimitedSet({ expires: -1 }), RangeError)
})
