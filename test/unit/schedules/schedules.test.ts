import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Schedule } from '../../../src/schedules.ts'
import { crontab, schedule, solar, toSchedule } from '../../../src/schedules.ts'
import { timezone } from '../../../src/util/timezone.ts'

const HOUR = 3_600_000

/** All runs in a span of time, by a beat that is never late. */
function runs(of: Schedule, zone: string, from: string, to: string): Date[] {
  const context = { timezone: timezone(zone) }
  const end = new Date(to)
  const found: Date[] = []
  let last = new Date(from)
  for (;;) {
    const { due, next } = of.isDue(last, last, context)
    assert.equal(due, false)
    const run = new Date(Math.round(last.getTime() + next * 1000))
    if (run > end) return found
    assert.equal(of.isDue(last, run, context).due, true)
    found.push(run)
    last = run
  }
}

function local(date: Date, zone: string): string {
  const { month, day, hour, minute } = timezone(zone).toWallTime(date.getTime())
  const two = (number: number): string => String(number).padStart(2, '0')
  return `${two(month)}-${two(day)} ${two(hour)}:${two(minute)}`
}

const ZONES = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']

suite('where clocks are set', () => {
  for (const zone of ZONES) {
    test(`an entry of every hour runs once in each hour of a year: ${zone} [8-047]`, () => {
      const year = runs(crontab({ minute: 0 }), zone, '2026-01-01T00:30:00Z', '2027-01-01T00:30:00Z')
      assert.equal(year.length, 365 * 24)
      const gaps = new Set(year.slice(1).map((run, index) => run.getTime() - Number(year[index])))
      // Half an hour is set there, so hours are cut in two, or joined.
      const wanted = zone === 'Australia/Lord_Howe' ? [HOUR, 1.5 * HOUR, HOUR / 2] : [HOUR]
      assert.deepEqual([...gaps].sort(), wanted.sort())
    })

    test(`daily entries run once a day, also those at a time that is left out or comes twice: ${zone} [8-047]`, () => {
      for (const [hour, minute] of [
        [1, 30],
        [1, 45],
        [2, 0],
        [2, 15],
        [2, 30],
        [3, 0],
      ] as const) {
        const year = runs(crontab({ hour, minute }), zone, '2026-01-01T12:00:00Z', '2027-01-01T12:00:00Z')
        const days = year.map((run) => local(run, zone).slice(0, 5))
        assert.equal(new Set(days).size, 365)
        assert.equal(days.length, 365)
      }
    })

    test(`intervals do not notice: ${zone} [8-048]`, () => {
      const year = runs(schedule('4h'), zone, '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z')
      assert.equal(year.length, 365 * 6)
      for (const [index, run] of year.entries()) {
        assert.equal(run.getTime() - Date.UTC(2026, 0, 1), (index + 1) * 4 * HOUR)
      }
    })
  }

  test('a time that is left out is moved on by the gap, and runs once if that is another time of the entry [8-047]', () => {
    const zone = 'Europe/Berlin'
    const night = (fields: object): string[] =>
      runs(crontab(fields), zone, '2026-03-28T23:30:00Z', '2026-03-29T03:00:00Z').map((run) =>
        local(run, zone),
      )
    assert.deepEqual(night({ hour: 2, minute: 30 }), ['03-29 03:30'])
    assert.deepEqual(night({ hour: '2,3', minute: 30 }), ['03-29 03:30'])
    assert.deepEqual(night({ hour: '1-3', minute: '0,30' }), [
      '03-29 01:00',
      '03-29 01:30',
      '03-29 03:00',
      '03-29 03:30',
    ])
  })

  test('a time that comes twice runs the first time, unless every hour is meant [8-047]', () => {
    const zone = 'Europe/Berlin'
    const night = (fields: object): string[] =>
      runs(crontab(fields), zone, '2026-10-24T23:30:00Z', '2026-10-25T02:30:00Z').map((run) =>
        run.toISOString().slice(11, 16),
      )
    assert.deepEqual(night({ hour: 2, minute: 30 }), ['00:30'])
    assert.deepEqual(night({ hour: '2-3', minute: 0 }), ['00:00', '02:00'])
    assert.deepEqual(night({ minute: 15 }), ['00:15', '01:15', '02:15'])
    // A beat that starts in between doesn't run it a second time.
    const late = crontab({ hour: 2, minute: 30 }).isDue(
      new Date('2026-10-25T00:31:00Z'),
      new Date('2026-10-25T02:00:00Z'),
      {
        timezone: timezone(zone),
      },
    )
    assert.equal(late.due, false)
  })

  test('a whole day may be left out', () => {
    const zone = 'Pacific/Apia'
    const found = runs(crontab({ hour: 12, minute: 0 }), zone, '2011-12-29T12:00:00Z', '2012-01-02T12:00:00Z')
    assert.deepEqual(
      found.map((run) => local(run, zone)),
      ['12-29 12:00', '12-31 12:00', '01-01 12:00', '01-02 12:00'],
    )
  })
})

suite('crontab', () => {
  test('written as in Python it is refused, and does not run every minute [8-003]', () => {
    const make =
      (...args: readonly unknown[]) =>
      (): unknown =>
        Reflect.apply(crontab, undefined, args)
    assert.throws(make(0, 7), /^TypeError: crontab takes its fields by name, crontab\(\{ hour: 7, .* not 0$/)
    assert.throws(make('0 7 * * *'), /crontab takes its fields by name.* a line is for crontab\.fromString/)
    assert.throws(make({ day_of_week: 1 }), /there is no field 'day_of_week': minute, hour,/)
  })

  test('a run that was missed at the end of an hour is made up for, even on another day [8-050]', () => {
    const cron = crontab({ hour: 10 })
    const state = cron.isDue(new Date('2026-01-01T10:58:00Z'), new Date('2026-01-02T09:00:00Z'))
    assert.deepEqual(state, { due: true, next: 3600 })
  })

  test('29 February on a given day of the week is found without looking for ever [8-015]', () => {
    const cron = crontab({ minute: 0, hour: 0, dayOfMonth: 29, monthOfYear: 2, dayOfWeek: 'mon' })
    assert.equal(runs(cron, 'UTC', '2072-03-01T00:00:00Z', '2112-03-01T00:00:00Z').length, 1)
  })

  test('a date that never comes is refused at once [8-015]', () => {
    assert.throws(() => crontab({ dayOfMonth: 31, monthOfYear: 'feb,apr' }), {
      name: 'RangeError',
      message:
        '<crontab: * * 31 feb,apr * (m/h/dM/MY/d)>: no month that it names has 31 days, so it would never run',
    })
  })

  test('errors name the field, the value and what it may be [8-012]', () => {
    assert.throws(() => crontab({ dayOfWeek: 7 }), {
      message: 'crontab: dayOfWeek must be from 0 to 6, not 7',
    })
    assert.throws(() => crontab({ minute: '5/20' }), {
      message: /crontab: minute: '5\/20' is not understood; examples are/,
    })
    assert.throws(() => crontab({ hour: [] }), {
      message: 'crontab: hour has no number at all, so it would never run',
    })
    assert.throws(() => crontab.fromString('@daily'), { message: /'@daily' must be five fields/ })
    assert.throws(() => Reflect.apply(crontab, undefined, [{ day_of_week: 1 }]), {
      message: /no field 'day_of_week': minute,/,
    })
  })

  test('nowfun stands for the clock [8-003]', () => {
    const cron = crontab({ minute: 0, nowfun: () => new Date('2026-01-01T01:00:00Z') })
    assert.equal(cron.isDue(new Date('2026-01-01T00:30:00Z'), new Date('2026-01-01T00:31:00Z')).due, true)
  })
})

suite('schedules', () => {
  test('those that mean the same times are equal [8-019]', () => {
    assert.ok(crontab({ minute: '*/30' }).equals(crontab({ minute: [0, 30] })))
    assert.ok(!crontab({ minute: 1 }).equals(crontab({ minute: 2 })))
    assert.ok(schedule(60).equals(schedule('1m')))
    assert.ok(!schedule(60).equals(schedule(60, { relative: true })))
    assert.ok(solar('sunset', 1, 2).equals(solar('sunset', 1, 2)))
    assert.ok(!solar('sunset', 1, 2).equals(crontab()))
  })

  test('what stands for a schedule becomes one, and plain data leads back to it [8-020]', () => {
    for (const each of [
      crontab({ minute: [0, 30], dayOfWeek: 'mon' }),
      schedule('90s', { relative: true }),
      solar('sunset', 1.5, 2),
    ]) {
      assert.ok(toSchedule(JSON.parse(JSON.stringify(each))).equals?.(each))
    }
    assert.equal(String(toSchedule({ minutes: 5 })), '<freq: 5.00 minutes>')
    assert.throws(() => toSchedule('soon'), /schedule: 'soon' is no duration/)
    assert.throws(() => schedule(-1), /lies in the past/)
  })

  test('relative days begin at midnight, where clocks are set too [8-002]', () => {
    const context = { timezone: timezone('Europe/Berlin') }
    const daily = schedule('1d', { relative: true })
    const midnight = new Date('2026-10-24T22:00:00Z')
    assert.equal(daily.isDue(midnight, midnight, context).next, 25 * 3600)
  })

  test('solar refuses events and places that are none [8-016]', () => {
    assert.throws(
      () => Reflect.apply(solar, undefined, ['sunrize', 1, 1]),
      /no event 'sunrize' \(did you mean "sunrise"\?\)/,
    )
    assert.throws(() => solar('sunrise', 91, 0), /latitude must be from -90 to 90 degrees, not 91/)
    assert.throws(() => solar('sunrise', 0, Number.NaN), /longitude/)
  })

  test('where the sun stays up for weeks, its next rise is waited for [8-017]', () => {
    const sunrise = solar('sunrise', 69.6492, 18.9553)
    const solstice = new Date('2024-06-21T12:00:00Z')
    const next = sunrise.nextTime(solstice)
    assert.equal(next?.toISOString().slice(0, 10), '2024-07-25')
    assert.equal(sunrise.isDue(solstice, new Date('2024-07-25T12:00:00Z')).due, false)
    assert.equal(sunrise.isDue(solstice, new Date('2024-07-26T12:00:00Z')).due, true)
    // At the pole it rises once a year.
    assert.equal(solar('sunrise', 90, 0).nextTime(solstice)?.toISOString().slice(0, 7), '2025-03')
  })

  test('astronomical dusk is when the sun is 18 degrees below the horizon [8-016]', () => {
    const noon = new Date('2024-02-27T12:00:00Z')
    const times = (['sunset', 'dusk_civil', 'dusk_nautical', 'dusk_astronomical'] as const).map((event) =>
      solar(event, 51.5074, -0.1278).nextTime(noon)?.toISOString().slice(11, 16),
    )
    assert.deepEqual(times, ['17:36', '18:09', '18:48', '19:27'])
  })
})
