import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ScheduleStore, StoredSchedule } from '../../../src/beat.ts'
import { MemoryStore, Scheduler } from '../../../src/beat.ts'
import { ConnectionError, EncodeError } from '../../../src/errors.ts'
import { crontab } from '../../../src/schedules.ts'
import { timezone } from '../../../src/util/timezone.ts'
import { createTestApp } from '../app/test-app.ts'
import { beatBench, NotingScheduler } from './beat-bench.ts'

test('a new interval runs after its first interval, a crontab at its time; one task per tick [8-001] [8-022] [8-023] [8-024] [8-028] [8-031] [1-008] [11-009]', async () => {
  const { runUntil, scheduler } = await beatBench({
    beatSchedule: {
      often: { task: 'tasks.often', schedule: 25 },
      full: { task: 'tasks.full', schedule: crontab({ minute: '*/1' }) },
    },
  })
  assert.deepEqual(await runUntil('2026-01-01T00:01:20Z'), [
    'often 00:00:25',
    'often 00:00:50',
    'full 00:01:00',
    'often 00:01:15',
  ])
  assert.deepEqual(scheduler.schedule.get('often')?.state, {
    lastRunAt: Date.UTC(2026, 0, 1, 0, 1, 15),
    totalRunCount: 3,
  })
})

for (const zone of ['Europe/London', 'America/New_York', 'Australia/Lord_Howe']) {
  test(`a year of beat loses and doubles nothing where clocks are set: ${zone} [8-047] [8-048] [8-046] [1-006]`, async () => {
    const { runUntil, scheduler } = await beatBench({
      timezone: zone,
      beatSchedule: {
        hourly: { task: 'a', schedule: crontab({ minute: 0 }) },
        nightly: { task: 'b', schedule: crontab({ hour: 2, minute: 10 }) },
        early: { task: 'c', schedule: crontab({ hour: 1, minute: 40 }) },
        steady: { task: 'd', schedule: { hours: 4 } },
      },
    })
    await runUntil('2027-01-01T00:00:00Z')
    const days = (name: string): Set<string> => {
      const runs = scheduler.sent.filter((each) => each.name === name)
      const shown = runs.map(({ at }) => timezone(zone).toWallTime(new Date(at).getTime()))
      assert.equal(runs.length, 365)
      return new Set(shown.map(({ month, day }) => `${month}-${day}`))
    }
    assert.equal(days('nightly').size, 365)
    assert.equal(days('early').size, 365)
    const count = (name: string): number => scheduler.sent.filter((each) => each.name === name).length
    assert.equal(count('hourly'), 365 * 24)
    assert.equal(count('steady'), 365 * 6)
  })
}

suite('what goes wrong', () => {
  test('an entry that cannot be sent, or asked, is logged and leaves the others alone [8-034]', async () => {
    const broken = {
      isDue: () => {
        throw new RangeError('no idea')
      },
    }
    const { runUntil, scheduler, messages } = await beatBench({
      beatSchedule: {
        broken: { task: 'a', schedule: broken },
        odd: { task: 'b', schedule: { isDue: () => ({ due: 'yes' }) } },
        unfit: { task: 'c', schedule: 10 },
        good: { task: 'd', schedule: 10 },
      },
    })
    scheduler.failure = ({ name }) => (name === 'unfit' ? new EncodeError('a function') : undefined)
    assert.deepEqual(await runUntil('2026-01-01T00:00:20Z'), ['good 00:00:10', 'good 00:00:20'])
    assert.ok(messages.includes("Message Error: Couldn't apply scheduled task unfit: a function"))
    assert.ok(messages.some((text) => text.startsWith('The schedule of broken failed')))
    assert.equal(scheduler.schedule.get('unfit')?.totalRunCount, 2)
  })

  test('while the broker is away nothing is lost; once it is back each entry is sent once [8-044] [8-050]', async () => {
    const { runUntil, scheduler, messages } = await beatBench({
      beatSchedule: {
        often: { task: 'a', schedule: 10 },
        full: { task: 'b', schedule: crontab() },
        rare: { task: 'c', schedule: crontab({ minute: 3 }) },
      },
    })
    scheduler.failure = () => new ConnectionError('ECONNREFUSED')
    assert.deepEqual(await runUntil('2026-01-01T00:04:30Z'), [])
    assert.match(
      messages.join('\n'),
      /beat: Connection error: ECONNREFUSED\. Trying again in 1 seconds\.\.\./,
    )
    assert.match(messages.join('\n'), /Trying again in 15 seconds/)
    scheduler.failure = undefined
    const sent = await runUntil('2026-01-01T00:05:00Z')
    const first = sent.slice(0, 3).map((text) => text.split(' ')[0])
    assert.deepEqual(first.sort(), ['full', 'often', 'rare'])
    assert.deepEqual(sent.filter((text) => !text.startsWith('often')).length, 3)
    assert.ok(sent.filter((text) => text.startsWith('often')).length <= 4)
  })

  test('an impatient schedule does not keep the others from work', async () => {
    const { runUntil } = await beatBench({
      beatSchedule: {
        impatient: { task: 'a', schedule: { isDue: () => ({ due: false, next: 0 }) } },
        good: { task: 'b', schedule: 1 },
      },
    })
    assert.deepEqual(await runUntil('2026-01-01T00:00:02Z'), ['good 00:00:01', 'good 00:00:02'])
  })

  test('a wrong entry is a clear error at the start, and left out later [8-022]', async () => {
    const wrong = (entry: unknown): Promise<void> => {
      const app = createTestApp()
      app.conf.set('beatSchedule', { nightly: entry })
      return new Scheduler(app).setup()
    }
    await assert.rejects(wrong({ task: 'a', schedule: 'soon' }), {
      name: 'ImproperlyConfigured',
      message: /beatSchedule\['nightly'\]: schedule: 'soon' is no duration/,
    })
    await assert.rejects(wrong({ task: 'a', shedule: 1 }), {
      message: /there is no 'shedule' \(did you mean "schedule"\?\)/,
    })
    await assert.rejects(wrong({ schedule: 1 }), {
      message: /task must be the name of a task, or a signature, not None/,
    })
    await assert.rejects(wrong({ task: 'a', schedule: 1, args: 5 }), {
      message: /args must be a list, not 5/,
    })
    await assert.rejects(wrong({ task: 'a', schedule: { crontab: '0 0 31 2 *' } }), {
      message: /would never run/,
    })
    const { app, runUntil, messages } = await beatBench({
      beatSchedule: { good: { task: 'a', schedule: 10 } },
    })
    await runUntil('2026-01-01T00:00:05Z')
    app.conf.set('beatSchedule', {
      good: { task: 'a', schedule: 'soon' },
      better: { task: 'b', schedule: 10 },
    })
    assert.deepEqual(await runUntil('2026-01-01T00:00:15Z'), ['good 00:00:10', 'better 00:00:15'])
    assert.match(messages.join('\n'), /'soon' is no duration.*\. It stays as it was/)
  })
})

suite('changes at run time', () => {
  test('a changed setting counts at once; what stays keeps its time [8-029] [8-032] [8-036]', async () => {
    const { app, scheduler, runUntil, messages } = await beatBench({
      beatSchedule: { stays: { task: 'a', schedule: 30 }, goes: { task: 'b', schedule: 7 } },
    })
    await runUntil('2026-01-01T00:00:20Z')
    let woken = 0
    scheduler.onChange(() => woken++)
    app.conf.beatSchedule = { stays: { task: 'a', schedule: 30 }, comes: { task: 'c', schedule: 15 } }
    assert.equal(woken, 1)
    assert.deepEqual(await runUntil('2026-01-01T00:00:50Z'), [
      'stays 00:00:30',
      'comes 00:00:35',
      'comes 00:00:50',
    ])
    assert.ok(messages.includes('beat: Schedule changed: added comes; removed goes'))
    scheduler.add('mine', { task: 'd', schedule: '5s' })
    assert.deepEqual(await runUntil('2026-01-01T00:00:55Z'), ['mine 00:00:55'])
  })

  test('an entry that rests makes up for nothing when it begins again', async () => {
    const entry = { task: 'a', schedule: crontab({ minute: '*/10' }) }
    const { app, runUntil } = await beatBench({ beatSchedule: { a: entry } })
    assert.deepEqual(await runUntil('2026-01-01T00:15:00Z'), ['a 00:10:00'])
    app.conf.beatSchedule = { a: { ...entry, enabled: false } }
    assert.deepEqual(await runUntil('2026-01-01T00:55:00Z'), [])
    app.conf.beatSchedule = { a: entry }
    assert.deepEqual(await runUntil('2026-01-01T01:05:00Z'), ['a 01:00:00'])
  })
})

suite('what is remembered', () => {
  const settings = { beatSchedule: { a: { task: 'a', schedule: crontab({ minute: 0 }) } } }

  test('after a restart an entry that was missed is sent once, if it is not too late [8-050] [8-021] [1-012]', async () => {
    const store = new MemoryStore()
    const before = await beatBench(settings, { store })
    await before.runUntil('2026-01-01T01:30:00Z')
    const after = await beatBench(settings, { store, start: '2026-01-01T05:30:00Z' })
    assert.deepEqual(await after.runUntil('2026-01-01T06:00:00Z'), ['a 05:30:00', 'a 06:00:00'])
    const strict = { ...settings, beatCronStartingDeadline: 600 }
    const late = await beatBench(strict, { store, start: '2026-01-01T10:30:00Z' })
    assert.deepEqual(await late.runUntil('2026-01-01T11:00:00Z'), ['a 11:00:00'])
    const soon = await beatBench(strict, { store, start: '2026-01-01T14:05:00Z' })
    assert.deepEqual(await soon.runUntil('2026-01-01T15:00:00Z'), ['a 14:05:00', 'a 15:00:00'])
  })

  test('another time zone, or UTC switched off, begins anew [8-041] [8-049]', async () => {
    const store = new MemoryStore()
    await (await beatBench(settings, { store })).runUntil('2026-01-01T01:30:00Z')
    const moved = await beatBench(
      { ...settings, timezone: 'Asia/Tokyo' },
      { store, start: '2026-01-01T05:30:00Z' },
    )
    assert.deepEqual(await moved.runUntil('2026-01-01T05:50:00Z'), [])
    assert.ok(moved.messages.includes("Reset: Timezone changed from 'UTC' to 'Asia/Tokyo'"))
    const local = await beatBench(
      { ...settings, timezone: 'Asia/Tokyo', enableUtc: false },
      { store, start: '2026-01-01T07:30:00Z' },
    )
    assert.deepEqual(await local.runUntil('2026-01-01T07:50:00Z'), [])
    assert.ok(local.messages.includes('Reset: UTC changed from enabled to disabled'))
  })

  test('entries that are gone are forgotten, new ones begin now [8-036] [8-039]', async () => {
    const store = new MemoryStore()
    await (await beatBench(settings, { store })).runUntil('2026-01-01T00:10:00Z')
    const after = await beatBench({ beatSchedule: { b: { task: 'b', schedule: 60 } } }, { store })
    await after.runUntil('2026-01-01T00:00:30Z')
    const { states }: StoredSchedule = await store.load()
    assert.deepEqual([...states.keys()], ['b'])
  })

  test('what could not be recorded is recorded with the next task; what another beat did counts [8-039] [1-011]', async () => {
    const memory = new MemoryStore()
    let failing = false
    const store: ScheduleStore = {
      label: 'flaky',
      open: () => memory.open(),
      load: () => memory.load(),
      save: (changes) => (failing ? Promise.reject(new Error('disk full')) : memory.save(changes)),
      close: () => memory.close(),
    }
    const { runUntil, messages } = await beatBench(
      { beatSchedule: { a: { task: 'a', schedule: 10 } } },
      { store },
    )
    await runUntil('2026-01-01T00:00:05Z')
    failing = true
    assert.deepEqual(await runUntil('2026-01-01T00:00:25Z'), ['a 00:00:10', 'a 00:00:20'])
    assert.ok(messages.includes('beat: What ran could not be recorded: disk full'))
    failing = false
    await runUntil('2026-01-01T00:00:26Z')
    assert.equal((await memory.load()).states.get('a')?.totalRunCount, 2)
  })
})

test('it sleeps no longer than it is told [8-030] [1-007]', async () => {
  const app = createTestApp({ beatSchedule: { a: { task: 'a', schedule: '1d' } } })
  const usual = new Scheduler(app)
  assert.equal(usual.maxInterval, 300)
  await usual.setup()
  assert.equal(await usual.tick(), 0)
  assert.equal(await usual.tick(), 300)
  app.conf.beatMaxLoopInterval = 7
  assert.equal(new Scheduler(app).maxInterval, 7)
  assert.equal(new Scheduler(app, { maxInterval: 5 }).maxInterval, 5)
  const empty = new NotingScheduler(createTestApp(), { maxInterval: 5 })
  await empty.setup()
  assert.equal(await empty.tick(), 5)
})
