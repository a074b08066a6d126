import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { LamportClock } from '../../../src/util/lamport-clock.ts'

suite('LamportClock', () => {
  test('goes forward by one, and beyond whatever arrives', () => {
    const clock = new LamportClock()
    assert.equal(clock.forward(), 1)
    assert.equal(clock.adjust(10), 11)
    assert.equal(clock.adjust(3), 12)
    assert.equal(clock.value, 12)
  })

  test('what is no number moves it by one', () => {
    const clock = new LamportClock(5)
    for (const value of [undefined, null, 'x', Number.NaN, Number.POSITIVE_INFINITY]) clock.adjust(value)
    assert.equal(clock.value, 10)
  })
})
