import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import type { WallTime } from '../../../src/util/timezone.ts'
import { systemZone, timezone } from '../../../src/util/timezone.ts'

const MINUTE = 60_000

function wall(year: number, month: number, day: number, hour = 0, minute = 0): WallTime {
  return { year, month, day, hour, minute, second: 0, millisecond: 0 }
}

test('offsets follow summer time', () => {
  const berlin = timezone('Europe/Berlin')
  assert.equal(berlin.offsetAt(Date.UTC(2024, 0, 1)), 60 * MINUTE)
  assert.equal(berlin.offsetAt(Date.UTC(2024, 6, 1)), 120 * MINUTE)
  assert.equal(berlin.offsetAt(Date.UTC(2024, 2, 31, 0, 59, 59)), 60 * MINUTE)
  assert.equal(berlin.offsetAt(Date.UTC(2024, 2, 31, 1)), 120 * MINUTE)
  assert.equal(timezone('Asia/Kolkata').offsetAt(0), 330 * MINUTE)
  assert.equal(timezone('America/St_Johns').offsetAt(Date.UTC(2024, 0, 1)), -210 * MINUTE)
  assert.equal(timezone('UTC').offsetAt(12_345), 0)
})

test('an instant becomes what a wall clock shows, and back', () => {
  const zone = timezone('America/New_York')
  const instant = Date.UTC(2024, 6, 4, 3, 30, 15, 250)
  const shown = zone.toWallTime(instant)
  assert.deepEqual(shown, {
    year: 2024,
    month: 7,
    day: 3,
    hour: 23,
    minute: 30,
    second: 15,
    millisecond: 250,
  })
  assert.equal(zone.toInstant(shown), instant)
  assert.equal(zone.weekdayAt(instant), 3)
})

// Expected instants are Python's: datetime(..., tzinfo=ZoneInfo(zone)).timestamp() with fold=0.
const changes: [zone: string, time: WallTime, utc: number][] = [
  ['Europe/Berlin', wall(2024, 3, 31, 2, 30), Date.UTC(2024, 2, 31, 1, 30)],
  ['Europe/Berlin', wall(2024, 3, 31, 1, 59), Date.UTC(2024, 2, 31, 0, 59)],
  ['Europe/Berlin', wall(2024, 3, 31, 3, 0), Date.UTC(2024, 2, 31, 1)],
  ['Europe/Berlin', wall(2024, 10, 27, 2, 30), Date.UTC(2024, 9, 27, 0, 30)],
  ['Europe/Berlin', wall(2024, 10, 27, 3, 0), Date.UTC(2024, 9, 27, 2)],
  ['America/New_York', wall(2024, 3, 10, 2, 30), Date.UTC(2024, 2, 10, 7, 30)],
  ['America/New_York', wall(2024, 11, 3, 1, 30), Date.UTC(2024, 10, 3, 5, 30)],
  ['Australia/Lord_Howe', wall(2024, 4, 7, 1, 45), Date.UTC(2024, 3, 6, 14, 45)],
  ['Australia/Lord_Howe', wall(2024, 10, 6, 2, 15), Date.UTC(2024, 9, 5, 15, 45)],
  ['Pacific/Apia', wall(2011, 12, 30, 12, 0), Date.UTC(2011, 11, 30, 22)],
]

for (const [name, time, utc] of changes) {
  test(`${name} ${time.year}-${time.month}-${time.day} ${time.hour}:${time.minute}`, () => {
    assert.equal(timezone(name).toInstant(time), utc)
  })
}

test('parts beyond their range carry over', () => {
  assert.equal(timezone('UTC').toInstant(wall(2024, 1, 32)), Date.UTC(2024, 1, 1))
})

test('zones are shared, unknown ones refused', () => {
  assert.equal(timezone('Europe/Berlin'), timezone('Europe/Berlin'))
  assert.throws(
    () => timezone('Europe/Atlantis'),
    (error) => error instanceof ImproperlyConfigured && /Atlantis/.test(error.message),
  )
  assert.ok(timezone(systemZone()))
})
