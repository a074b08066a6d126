/** `celery beat` as a process: its start and end, its file, several of them, and one inside a worker. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { openStore } from '../../src/beat.ts'
import { Celery } from '../../src/index.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually, eventuallyValue } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'
import type { RunningProcess } from '../support/spawn.ts'
import type { CliPlace } from './cli-process.ts'
import { cliPlace } from './cli-process.ts'

/** The setting as a word for the command line. */
function schedule(entries: Readonly<Record<string, unknown>>): string {
  return `beat.schedule=${JSON.stringify(entries)}`
}

function every(seconds: number): object {
  return { task: 'cli.add', schedule: { every: seconds }, args: [1, 2] }
}

function startBeat(place: CliPlace, ...words: string[]): RunningProcess {
  return place.start('beat', '-l', 'DEBUG', ...words)
}

/** Ids of what a beat has sent. */
function idsOf(...beats: RunningProcess[]): string[] {
  return beats.flatMap((beat) => [...beat.output().matchAll(/sent\. id->(\S+)/g)].map(([, id = '']) => id))
}

/** Waits until a beat has sent something more and has recorded it: it sleeps. */
async function quietMoment(beat: RunningProcess): Promise<void> {
  const count = idsOf(beat).length
  await eventually(() => idsOf(beat).length > count)
  await eventually(() =>
    /Waking up[^\n]*\n[^\n]*$/.test(beat.output().slice(beat.output().lastIndexOf('sent. id->'))),
  )
}

test('beat shows what it is, writes pid and log files, and ends with TERM or INT [6-027] [8-051] [6-096] [1-199] [1-200]', async (t) => {
  const place = cliPlace(t)
  const pidfile = place.file('beat.pid')
  const words = [`--pidfile=${pidfile}`, '-f', place.file('beat.log'), schedule({ a: every(1) })]
  const beat = startBeat(place, '--max-interval', '7', ...words)
  await beat.waitForOutput(/maxinterval -> .*\n/)
  assert.match(beat.output(), /^celery beat v\d+\.\d+\.\d+ .*is starting\.\n__ {4}- {4}\.\.\. __ {3}- {8}_\n/)
  assert.match(
    beat.output(),
    /LocalTime -> \d{4}-.*\nConfiguration ->\n {4}\. broker -> sqlite:\/\/\n {4}\. loader -> \/.*tasks\.ts\n/,
  )
  assert.match(beat.output(), / {4}\. scheduler -> PersistentScheduler\n {4}\. db -> celerybeat-schedule\n/)
  assert.match(
    beat.output(),
    / {4}\. logfile -> .*beat\.log@%DEBUG\n {4}\. maxinterval -> 7\.00 seconds \(7s\)\n/,
  )
  await eventually(() => /Scheduler: Sending due task a \(cli\.add\)/.test(place.read('beat.log') ?? ''))
  assert.equal(place.read('beat.pid'), `${beat.pid}\n`)
  beat.signal('SIGTERM')
  assert.equal(await beat.wait(), 0)
  assert.match(place.read('beat.log') ?? '', /beat: Starting\.\.\.[\s\S]*beat: Shutting down\.\.\./)
  assert.equal(place.read('beat.pid'), undefined)

  const detached = await place.run('beat', '--detach', '-l', 'INFO', ...words)
  assert.match(detached.output, /beat runs in the background \(pid \d+\)/)
  const pid = await eventuallyValue(() => place.read('beat.pid')?.trim())
  const kill = (): void => {
    if (place.read('beat.pid')?.trim() === pid) process.kill(Number(pid), 'SIGKILL')
  }
  onCleanup(t, kill, kill)
  await eventually(() => (place.read('beat.log')?.match(/beat: Starting/g) ?? []).length === 2)
  process.kill(Number(pid), 'SIGINT')
  await eventually(() => place.read('beat.pid') === undefined)
})

test('after kill -9 beat sends nothing again, and what was missed once [8-041] [8-050] [8-039] [1-010] [1-011]', async (t) => {
  const place = cliPlace(t)
  const file = place.file('mine')
  const first = startBeat(place, '-s', file, schedule({ a: every(2) }))
  await quietMoment(first)
  await first.kill()
  const sent = idsOf(first).length
  // The same entry, now of another length: if the last run were forgotten it would wait for an hour, too, so look there.
  const store = openStore(new Celery('cli', { setAsCurrent: false }), file)
  await store.open()
  const states = (await store.load()).states
  assert.equal(states.get('a')?.totalRunCount, sent)

  const second = startBeat(place, '-s', file, schedule({ a: every(3600) }))
  await second.waitForOutput(/Waking up in /)
  assert.deepEqual(idsOf(second), [])
  await second.stop()

  assert.equal(await store.lead?.(), true)
  const longAgo = { lastRunAt: Date.now() - 5 * 3_600_000, totalRunCount: 7 }
  await store.save({ timezone: 'UTC', utcEnabled: true, states: new Map([['a', longAgo]]), removed: [] })
  await store.close()
  const third = startBeat(place, '-s', file, schedule({ a: every(3600) }))
  await third.waitForOutput(/sent\. id->[\s\S]*Waking up in /)
  assert.equal(await third.stop(), 0)
  assert.equal(idsOf(third).length, 1)
})

const SHARED = [
  {
    name: 'file',
    needs: { skip: false },
    words: async (_: TestContext, place: CliPlace) => ['-s', place.file('shared')],
  },
  {
    name: 'redis',
    needs: needs('redis-server'),
    words: async (t: TestContext) => ['-S', 'redis', '-s', (await startRedis(t)).url],
  },
] as const

for (const { name, needs: options, words } of SHARED) {
  test(
    `two beats on one store (${name}): the second takes over from a killed one; none sends twice; entries can be put there [8-045] [8-029] [8-040]`,
    options,
    async (t) => {
      const place = cliPlace(t)
      const given = [...(await words(t, place)), schedule({ a: every(2) })]
      const first = startBeat(place, ...given)
      await first.waitForOutput(/This beat leads/)
      const second = startBeat(place, ...given)
      await second.waitForOutput(/Another beat leads/)
      await quietMoment(first)
      await first.kill()
      await second.waitForOutput(/This beat leads/)
      await quietMoment(second)
      const client = new Celery('cli', { setAsCurrent: false })
      const store = openStore(client, given.at(given.indexOf('-s') + 1))
      onCleanup(
        t,
        () => store.close(),
        () => undefined,
      )
      await store.open()
      await store.put?.('new', { ...every(1), task: 'cli.pid', args: [] })
      await second.waitForOutput(/Sending due task new \(cli\.pid\)[\s\S]*sent\. id->/)
      await second.stop()
      const ids = idsOf(first, second)
      assert.equal(new Set(ids).size, ids.length)
      const { states } = await store.load()
      const recorded = [...states.values()].reduce((sum, { totalRunCount }) => sum + totalRunCount, 0)
      assert.equal(recorded, ids.length)
    },
  )
}

test('a worker with -B sends what it runs [6-022] [8-043] [1-009]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker(
    '-B',
    '-s',
    join(place.folder, 'in-worker'),
    '-P',
    'solo',
    schedule({ a: every(1) }),
  )
  await worker.waitForOutput(/beat: Starting\.\.\./)
  await worker.waitForOutput(
    /Scheduler: Sending due task a \(cli\.add\)[\s\S]*Task cli\.add\[.*\] succeeded in .*: 3\n/,
  )
  assert.doesNotMatch(worker.output(), /has no effect/)
  assert.equal(await worker.stop(), 0)
  assert.match(worker.output(), /beat: Shutting down\.\.\./)
  assert.ok(place.read('in-worker') !== undefined)
})
