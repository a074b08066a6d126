import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { systemClock } from '../../../src/util/clock.ts'

test('a timer beyond what Node can count fires at its time, not at once', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    let fired = 0
    const thirtyDays = 30 * 24 * 3600 * 1000
    systemClock.setTimeout(() => fired++, thirtyDays)
    const cancelled = systemClock.setTimeout(() => fired++, thirtyDays)
    mock.timers.tick(2 ** 31 - 1)
    assert.equal(fired, 0)
    cancelled.cancel()
    mock.timers.tick(thirtyDays - 2 ** 31)
    assert.equal(fired, 0)
    mock.timers.tick(1)
    assert.equal(fired, 1)
  } finally {
    mock.timers.reset()
  }
})

test('now is the time of day, monotonic never goes back', () => {
  const before = systemClock.monotonic()
  assert.ok(systemClock.now() > Date.UTC(2025, 0, 1))
  assert.ok(systemClock.monotonic() >= before)
})
