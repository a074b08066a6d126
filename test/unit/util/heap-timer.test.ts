import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeapTimer } from '../../../src/util/heap-timer.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

test('timers fire in the order of their times, ties in the order in which they were made', async () => {
  const clock = new VirtualClock(0)
  const timer = new HeapTimer(clock)
  const fired: string[] = []
  for (const [name, at] of Object.entries({ c: 300, a: 100, b1: 200, b2: 200, a2: 100 })) {
    timer.schedule(at, () => fired.push(`${name}@${clock.now()}`))
  }
  assert.equal(clock.pending, 1)
  await clock.advance(1000)
  assert.deepEqual(fired, ['a@100', 'a2@100', 'b1@200', 'b2@200', 'c@300'])
  assert.equal(timer.size, 0)
  assert.equal(clock.pending, 0)
})

test('a cancelled timer leaves at once and does not fire', async () => {
  const clock = new VirtualClock(0)
  const timer = new HeapTimer(clock)
  const fired: number[] = []
  const handles = Array.from({ length: 100 }, (_, i) =>
    timer.schedule((i * 37) % 100, () => fired.push((i * 37) % 100)),
  )
  for (const [i, handle] of handles.entries()) {
    if (i % 2 === 1) assert.equal(handle.cancel(), true)
  }
  assert.equal(timer.size, 50)
  assert.equal(handles[1]?.cancel(), false)
  await clock.advance(200)
  const expected = Array.from({ length: 50 }, (_, i) => (2 * i * 37) % 100).sort((a, b) => a - b)
  assert.deepEqual(fired, expected)
  assert.equal(handles[0]?.cancel(), false)
})

test('past times fire on the next turn, not at once', async () => {
  const clock = new VirtualClock(10_000)
  const timer = new HeapTimer(clock)
  let fired = false
  timer.schedule(5000, () => {
    fired = true
  })
  assert.equal(fired, false)
  await clock.advance(0)
  assert.equal(fired, true)
})

test('what a callback schedules waits for the next turn', async () => {
  const clock = new VirtualClock(0)
  const timer = new HeapTimer(clock)
  let rounds = 0
  const again = (): void => {
    rounds++
    if (rounds < 5) timer.schedule(0, again)
  }
  timer.schedule(0, again)
  await clock.advance(0)
  assert.equal(rounds, 5)
})

test('a jump of the wall clock is noticed within a minute', async () => {
  const clock = new VirtualClock(0)
  const timer = new HeapTimer(clock)
  let firedAt: number | undefined
  timer.schedule(3_600_000, () => {
    firedAt = clock.monotonic()
  })
  await clock.advance(1000)
  clock.setWallClock(3_600_000)
  await clock.advance(60_000)
  assert.ok(firedAt !== undefined && firedAt <= 61_000, `fired at ${firedAt}`)
})

test('a sooner timer takes over the real one', async () => {
  const clock = new VirtualClock(0)
  const timer = new HeapTimer(clock)
  const fired: number[] = []
  timer.schedule(50_000, () => fired.push(50_000))
  timer.schedule(10, () => fired.push(10))
  await clock.advance(10)
  assert.deepEqual(fired, [10])
  await clock.advance(49_990)
  assert.deepEqual(fired, [10, 50_000])
})

test('a closed timer forgets everything and takes nothing more', async () => {
  const clock = new VirtualClock(0)
  const timer = new HeapTimer(clock)
  const handle = timer.schedule(10, () => assert.fail('it was closed'))
  timer.close()
  await clock.advance(100)
  assert.equal(handle.cancel(), false)
  assert.equal(timer.size, 0)
  assert.throws(() => timer.schedule(1, () => undefined), /closed/)
})
