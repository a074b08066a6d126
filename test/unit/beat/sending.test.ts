import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Celery } from '../../../src/app/celery.ts'
import type { ScheduleStore } from '../../../src/beat.ts'
import { BeatLazyFunc, BeatService, MemoryStore, PersistentScheduler, Scheduler } from '../../../src/beat.ts'
import { chain } from '../../../src/index.ts'
import { crontab } from '../../../src/schedules.ts'
import type { BeforeTaskPublish } from '../../../src/task/ports.ts'
import { isRecord } from '../../../src/util/is-record.ts'
import { eventually } from '../../support/eventually.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { createTestApp, listeningLogger } from '../app/test-app.ts'

/** Lets an app's entries be sent once; answers the messages. */
async function sendOnce(app: Celery, store: ScheduleStore = new MemoryStore()): Promise<BeforeTaskPublish[]> {
  const published: BeforeTaskPublish[] = []
  const forget = app.signals.beforeTaskPublish.connect((message) => void published.push(message))
  const scheduler = new Scheduler(app, { store })
  await scheduler.setup()
  while ((await scheduler.tick()) === 0);
  const { clock } = app
  assert.ok(clock instanceof VirtualClock)
  clock.setWallClock(clock.now() + 60_000)
  while ((await scheduler.tick()) === 0);
  await scheduler.close()
  await app.close()
  forget()
  return published
}

function bodyOf({ body }: BeforeTaskPublish): readonly [args: unknown, kwargs: unknown, embed: unknown] {
  assert.ok(Array.isArray(body))
  const [args, kwargs, embed] = body
  return [args, kwargs, embed]
}

suite('what is sent', () => {
  test('arguments, options, and the name of the entry in a header [8-025] [8-026] [8-035]', async () => {
    const { logger, messages } = listeningLogger()
    const app = createTestApp({
      logger,
      beatSchedule: {
        report: {
          task: 'tasks.report',
          schedule: 60,
          args: [1, 'a'],
          kwargs: { deep: true },
          options: { queue: 'reports', expires: '5m', priority: 3, headers: { mine: 1 } },
        },
      },
    })
    const [message] = await sendOnce(app)
    assert.ok(message !== undefined)
    assert.equal(message.headers['task'], 'tasks.report')
    assert.equal(message.headers['periodic_task_name'], 'report')
    assert.equal(message.headers['mine'], 1)
    assert.equal(message.headers['expires'], '2030-01-02T03:10:05.678000+00:00')
    assert.equal(message.routingKey, 'reports')
    assert.equal(message.properties['priority'], 3)
    assert.deepEqual(bodyOf(message).slice(0, 2), [[1, 'a'], { deep: true }])
    assert.ok(messages.includes('Scheduler: Sending due task report (tasks.report)'))
  })

  test('a registered task with its own options, a signature, a chain [8-034] [2-037]', async () => {
    const app = createTestApp()
    const add = app.task('tasks.add', { queue: 'sums' }, (x: number, y: number) => x + y)
    const double = app.task('tasks.double', (x: number) => 2 * x)
    app.conf.beatSchedule = {
      name: { task: 'tasks.add', schedule: 60, args: [1, 2] },
      signature: { task: add.s(3, 4).set({ priority: 5 }), schedule: 60 },
      chain: { task: chain(add.s(5, 6), double.s()), schedule: 60, options: { expires: 30 } },
    }
    const messages = await sendOnce(app)
    const by = (name: string): BeforeTaskPublish => {
      const found = messages.find(({ headers }) => headers['periodic_task_name'] === name)
      assert.ok(found !== undefined, name)
      return found
    }
    assert.equal(by('name').routingKey, 'sums')
    assert.deepEqual(bodyOf(by('signature'))[0], [3, 4])
    assert.equal(by('signature').properties['priority'], 5)
    assert.deepEqual(bodyOf(by('chain'))[0], [5, 6])
    const embed = bodyOf(by('chain'))[2]
    assert.ok(isRecord(embed) && Array.isArray(embed['chain']) && embed['chain'].length === 1)
  })

  test('lazy arguments are worked out each time [8-025]', async () => {
    let count = 0
    const app = createTestApp({
      beatSchedule: {
        a: {
          task: 'a',
          schedule: 30,
          args: [new BeatLazyFunc((by: number) => (count += by), 10)],
          kwargs: { later: new BeatLazyFunc(async () => 'yes') },
        },
      },
    })
    const [message] = await sendOnce(app)
    assert.ok(message !== undefined)
    assert.deepEqual(bodyOf(message).slice(0, 2), [[10], { later: 'yes' }])
  })

  test('what is sent again, since nobody could record it, has the same id [8-045]', async () => {
    const memory = new MemoryStore()
    const schedule = { a: { task: 'a', schedule: crontab() } }
    await sendOnce(createTestApp({ beatSchedule: schedule }), memory)
    const forgetful: ScheduleStore = {
      label: 'forgetful',
      open: () => memory.open(),
      load: () => memory.load(),
      save: () => Promise.reject(new Error('away')),
      close: () => memory.close(),
    }
    const start = Date.UTC(2030, 0, 2, 3, 10)
    const ids: unknown[] = []
    for (const store of [forgetful, forgetful, memory, memory]) {
      const app = createTestApp({ beatSchedule: schedule, clock: new VirtualClock(start) })
      for (const { headers } of await sendOnce(app, store)) ids.push(headers['id'])
    }
    const [first, , second] = ids
    assert.match(String(first), /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-a[\da-f]{3}-[\da-f]{12}$/)
    assert.equal(ids.filter((id) => id === first).length, 3)
    assert.equal(ids.filter((id) => id === second).length, 3)
  })
})

suite('celery.backend_cleanup', () => {
  const app = (autoExpire: boolean, more: object = {}): Celery => {
    const features = { persistent: true, autoExpire, nativeJoin: false, groups: false }
    const backend = { features, save() {}, load: () => [], forget() {}, cleanup() {}, close() {} }
    return createTestApp({ backend: undefined, resultBackend: () => backend, ...more })
  }
  const entries = async (of: Celery): Promise<string[]> => {
    const scheduler = new Scheduler(of)
    await scheduler.setup()
    let woken = false
    scheduler.onChange(() => {
      woken = true
    })
    await eventually(() => woken, { timeout: 300 }).catch(() => undefined)
    await scheduler.tick()
    return [...scheduler.schedule].map(([name, { parts }]) => `${name} ${parts.schedule}`)
  }

  test('runs at four in the morning where the backend does not drop results itself [8-037] [8-038] [12-009]', async () => {
    const needy = app(false, { beatSchedule: { a: { task: 'a', schedule: 1 } } })
    const found = await entries(needy)
    assert.deepEqual(found.sort(), [
      'a <freq: 1.00 second>',
      'celery.backend_cleanup <crontab: 0 4 * * * (m/h/dM/MY/d)>',
    ])
  })

  test('is not needed elsewhere [8-037]', async () => {
    assert.deepEqual(await entries(app(true)), [])
    assert.deepEqual(await entries(app(false, { resultExpires: null })), [])
    assert.deepEqual(await entries(createTestApp({ backend: 'disabled://' })), [])
  })
})

suite('addPeriodicTask', () => {
  test('adds an entry under a name of its own, or that of the call [2-037] [8-029]', () => {
    const { logger, messages } = listeningLogger()
    const app = createTestApp({ logger })
    const add = app.task('tasks.add', (x: number, y: number) => x + y)
    const early = app.addPeriodicTask(10, add.s(2, 2), { expires: 10 })
    assert.equal(app.conf.loaded, false)
    assert.equal(early, 'tasks.add(2, 2)')
    assert.equal(app.conf.beatSchedule[early]?.schedule, 10)
    assert.deepEqual(app.conf.beatSchedule[early]?.options, { expires: 10 })
    assert.equal(app.addPeriodicTask('5m', add, { name: 'mine', args: [1, 2], queue: 'q' }), 'mine')
    assert.deepEqual(app.conf.beatSchedule['mine'], {
      task: 'tasks.add',
      args: [1, 2],
      kwargs: {},
      options: { queue: 'q' },
      schedule: '5m',
      relative: false,
    })
    app.addPeriodicTask(crontab(), add.s(2, 2))
    assert.match(messages.join('\n'), /tasks\.add\(2, 2\) takes the place of another one without a name/)
    assert.deepEqual(Object.keys(app.conf.beatSchedule), [early, 'mine'])
  })

  test('can be called once the settings are there [8-029]', () => {
    const app = createTestApp({ beatSchedule: { old: { task: 'a', schedule: 1 } } })
    const add = app.task('tasks.add', (x: number, y: number) => x + y)
    app.signals.onAfterConfigure.connect(() => void app.addPeriodicTask(1, add.s(1, 1), { name: 'new' }))
    assert.deepEqual(Object.keys(app.conf.beatSchedule), ['old', 'new'])
  })
})

suite('the service', () => {
  test('starts, tells so, ticks, and stops [8-042] [9-047] [9-048]', async () => {
    const clock = new VirtualClock()
    const { logger, messages } = listeningLogger()
    const app = createTestApp({ clock, logger, beatSchedule: { a: { task: 'a', schedule: 10 } } })
    const told: string[] = []
    app.signals.beatInit.connect(({ sender }) => void told.push(`init ${sender === service}`))
    app.signals.beatEmbeddedInit.connect(({ sender }) => void told.push(`embedded ${sender === service}`))
    const service: BeatService = new BeatService(app, { scheduler: 'memory', embedded: true, logger })
    const running = service.run()
    await eventually(() => clock.pending > 0)
    assert.deepEqual(told, ['init true', 'embedded true'])
    const sent = (name: string): number =>
      messages.filter((text) => text === `Scheduler: Sending due task ${name} (${name})`).length
    for (const count of [1, 2]) {
      await clock.advance(10_000)
      await eventually(() => sent('a') === count && clock.pending > 0)
    }
    app.conf.beatSchedule = { b: { task: 'b', schedule: 1 } }
    await eventually(async () => {
      await clock.advance(500)
      return sent('b') > 0
    })
    await service.stop()
    await running
    assert.ok(messages.includes('beat: Starting...') && messages.includes('beat: Shutting down...'))
    await assert.rejects(service.run(), /make another one/)
    await app.close()
  })

  test('finds its scheduler by name, by class, or in a module [8-040] [1-009] [1-010]', async () => {
    const app = createTestApp()
    const of = async (scheduler?: string | object, scheduleFilename?: string) =>
      await new BeatService(app, { scheduler, scheduleFilename }).scheduler()
    const usual = await of()
    assert.ok(usual instanceof PersistentScheduler)
    assert.equal(usual.info, '    . db -> celerybeat-schedule')
    assert.equal((await of('file', '/tmp/other')).info, '    . db -> /tmp/other')
    assert.equal((await of('celery.beat:Scheduler')).info, '')
    assert.match(
      (await of('redis', 'redis://:secret@localhost/3')).info,
      /db -> redis:\/\/:\*+@localhost\/3 \(celeriac:beat:test:\*\)/,
    )
    const module = new URL('beat-bench.ts', import.meta.url).href
    assert.equal((await of(`${module}#NotingScheduler`)).constructor.name, 'NotingScheduler')
    app.conf.beatScheduler = Scheduler
    assert.equal((await of()).constructor, Scheduler)
    await assert.rejects(of(`${module}#nothing`), /exports no 'nothing'/)
    await assert.rejects(of(class {}), /is no scheduler; give 'file', 'redis', 'memory' or 'module#Class'/)
    await assert.rejects(of('redis'), /The redis scheduler must know its Redis/)
  })
})
