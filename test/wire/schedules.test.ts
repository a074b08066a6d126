/** The answers of Celery's schedules, and those where ours differ on purpose. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isSolarEvent } from '../../src/schedules/solar.ts'
import type { CrontabFields } from '../../src/schedules.ts'
import { type Crontab, crontab, schedule, solar } from '../../src/schedules.ts'
import { timezone } from '../../src/util/timezone.ts'

interface Check {
  readonly last_run_at: string
  readonly now: string
  readonly remaining_estimate: number
  readonly is_due: boolean
  readonly next: number
}

interface Entry {
  readonly name: string
  readonly call: string
  readonly args?: Readonly<Record<string, number | string | number[] | null>>
  readonly timezone?: string
  readonly beat_cron_starting_deadline?: number
  readonly raises?: string
  readonly repr: string
  readonly human_seconds: string
  readonly expanded?: Readonly<Record<string, string>>
  readonly start: string
  readonly runs?: readonly string[]
  readonly checks?: readonly Check[]
}

interface Golden {
  readonly entries: readonly Entry[]
  readonly intervals: readonly Entry[]
  readonly solar: readonly Entry[]
}

const golden: Golden = JSON.parse(
  readFileSync(new URL('vectors/crontab-schedules.json', import.meta.url), 'utf8'),
)
/** A `Date` knows no microseconds. */
const PRECISION = 0.0011

function crontabOf({ call, args = {} }: Entry): Crontab {
  const [, line] = /from_string\('(.*)'\)/.exec(call) ?? []
  if (line !== undefined) return crontab.fromString(line)
  const fields = Object.entries(args).map(([name, value]) => [camelCase(name), value] as const)
  const given: Record<string, unknown> = Object.fromEntries(fields)
  const isFields = (value: object): value is CrontabFields => value === given
  assert.ok(isFields(given))
  return crontab(given)
}

function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}

function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === number - 1) last[1] = number
    else ranges.push([number, number])
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}

/** The moments at which it is due, one after the other. */
function runsOf(cron: Crontab, { start, timezone: zone = 'UTC', runs = [] }: Entry): string[] {
  const context = { timezone: timezone(zone) }
  const found: string[] = []
  let last = new Date(start)
  while (found.length < runs.length) {
    const next = new Date(last.getTime() + Math.round(cron.isDue(last, last, context).next * 1000))
    assert.equal(cron.isDue(last, next, context).due, true)
    found.push(next.toISOString())
    last = next
  }
  return found
}

/** What Celery answers wrong, or by accident. */
function isMistaken(
  { beat_cron_starting_deadline: deadline, timezone: zone = 'UTC' }: Entry,
  check: Check,
): boolean {
  const { last_run_at: last, now, remaining_estimate: remaining, is_due: due } = check
  // It takes the wall clock of whatever zone the last run was written in. A Date has none.
  if (zone === 'UTC' && !last.endsWith('+00:00')) return true
  // While it looks for the last run that was missed, it passes over the one of this very moment.
  if (deadline !== undefined && !due && remaining < -deadline && /:00:00\+/.test(now)) return true
  // After a last run in the future (another beat's clock is ahead, say) it forgets the rest of that hour.
  return new Date(last) > new Date(now) && remaining > 0
}

const CRON = golden.entries.filter(({ name }) => !name.startsWith('dst-'))

test('crontab expands and shows every notation as Celery does [8-003] [8-004] [8-005] [8-006] [8-007] [8-008] [8-009] [8-010] [8-011] [8-020]', () => {
  for (const entry of golden.entries) {
    if (entry.expanded === undefined || entry.raises !== undefined) continue
    const cron = crontabOf(entry)
    const ranges = Object.fromEntries(
      Object.keys(entry.expanded).map((name) => {
        const numbers: Readonly<Record<string, readonly number[]>> = { ...cron.numbers }
        return [name, rangesOf(numbers[camelCase(name)] ?? [])]
      }),
    )
    assert.deepEqual(ranges, entry.expanded, entry.call)
    // The order of Python's sets is Python's own.
    if (!entry.call.includes('{')) assert.equal(String(cron), entry.repr)
  }
})

test('crontab refuses what Celery refuses [8-012] [8-013] [8-015] [12-007]', () => {
  const refused = golden.entries.filter(({ raises }) => raises !== undefined)
  assert.ok(refused.length > 30)
  for (const entry of refused) {
    assert.throws(() => crontabOf(entry), /^(?:RangeError|TypeError): (?:crontab|<crontab)/, entry.call)
  }
})

test('crontab is due when Celery says so [8-002] [8-014] [12-008] [8-021] [1-012] [8-046]', () => {
  let count = 0
  for (const entry of CRON) {
    if (entry.runs === undefined) continue
    const cron = crontabOf(entry)
    const wanted = entry.runs.map((run) => new Date(run).toISOString())
    assert.deepEqual(runsOf(cron, entry), wanted, `${entry.name}: ${entry.call}`)
    const context = {
      timezone: timezone(entry.timezone ?? 'UTC'),
      cronStartingDeadline: entry.beat_cron_starting_deadline,
    }
    for (const check of entry.checks ?? []) {
      if (isMistaken(entry, check)) continue
      count++
      const [last, now] = [new Date(check.last_run_at), new Date(check.now)]
      const place = `${entry.name}: ${entry.call} ${JSON.stringify(check)}`
      const { due, next } = cron.isDue(last, now, context)
      assert.equal(due, check.is_due, place)
      assert.ok(Math.abs(next - check.next) < PRECISION, place)
      const remaining = cron.remainingEstimate(last, now, context)
      assert.ok(Math.abs(remaining - check.remaining_estimate) < PRECISION, place)
    }
  }
  assert.ok(count > 1400, String(count))
})

/**
 * Where clocks are set Celery is wrong in three ways: it forgets the repeated hour of what runs in every hour, and what
 * follows a time that was left out.
 */
const DST_MISTAKES: ReadonlyMap<string, readonly string[]> = new Map([
  ["Europe/London 2024-10-26 crontab(minute='*/30')", ['2024-10-27T01:00:00.000Z']],
  ["America/New_York 2024-11-02 crontab(minute='*/30')", ['2024-11-03T06:00:00.000Z']],
  ["Australia/Lord_Howe 2024-04-06 crontab(minute='*/30')", ['2024-04-06T15:00:00.000Z']],
  [
    "America/New_York 2024-03-09 crontab(minute='*/20', hour='1-2')",
    ['2024-03-10T07:20:00.000Z', '2024-03-10T07:40:00.000Z'],
  ],
  ["Australia/Lord_Howe 2024-10-05 crontab(minute='*/20', hour='1-2')", ['2024-10-05T15:50:00.000Z']],
])

test('where clocks are set crontab does as Celery does when that is right [8-047]', () => {
  const mistaken = new Set<string>()
  for (const entry of golden.entries.filter(({ name }) => name.startsWith('dst-'))) {
    const wanted = (entry.runs ?? []).map((run) => new Date(run).toISOString())
    const key = `${entry.timezone} ${entry.start.slice(0, 10)} ${entry.call}`
    const missing = DST_MISTAKES.get(key) ?? []
    if (missing.length > 0) mistaken.add(key)
    const all = [...new Set([...wanted, ...missing])].sort().slice(0, wanted.length)
    assert.deepEqual(runsOf(crontabOf(entry), entry), all, key)
  }
  assert.deepEqual(mistaken, new Set(DST_MISTAKES.keys()))
})

test('intervals are due when Celery says so [8-001] [8-002] [8-020] [8-027]', () => {
  for (const entry of golden.intervals) {
    const [, seconds, relative] = /seconds=([\d.]+)\), relative=(\w+)/.exec(entry.call) ?? []
    // Those with a zone: see test/unit/schedules.
    if (seconds === undefined) continue
    const interval = schedule(Number(seconds), { relative: relative === 'True' })
    assert.equal(String(interval), entry.repr)
    assert.equal(interval.humanSeconds, entry.human_seconds)
    for (const check of entry.checks ?? []) {
      const [last, now] = [new Date(check.last_run_at), new Date(check.now)]
      const { due, next } = interval.isDue(last, now)
      assert.equal(due, check.is_due)
      assert.ok(Math.abs(next - check.next) < PRECISION)
      assert.ok(Math.abs(interval.remainingEstimate(last, now) - check.remaining_estimate) < PRECISION)
    }
  }
})

test('the sun does what ephem says, to some seconds [8-016]', () => {
  let count = 0
  for (const entry of golden.solar) {
    const [, event, latitude, longitude] = /'(.*)', ([-\d.]+), ([-\d.]+)/.exec(entry.call) ?? []
    if (entry.runs === undefined || !isSolarEvent(event)) continue
    const sun = solar(event, Number(latitude), Number(longitude))
    assert.equal(String(sun), entry.repr)
    // Celery looks for the sun 18 degrees above the horizon instead of below it.
    if (event === 'dusk_astronomical') continue
    let last = new Date(entry.start)
    for (const run of entry.runs) {
      const time = sun.nextTime(last)?.getTime() ?? Number.NaN
      assert.ok(Math.abs(time - new Date(run).getTime()) < 10_000, `${entry.name}: ${run}`)
      last = new Date(new Date(run).getTime() + 60_000)
      count++
    }
  }
  assert.ok(count > 80, String(count))
})
