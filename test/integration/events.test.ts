/** Events through real brokers: who hears what, when it is switched on and off, and after losses. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { CaptureOptions, CeleryEvent, ReceiverOptions } from '../../src/events.ts'
import { Celery, ImproperlyConfigured, TimeoutError } from '../../src/index.ts'
import { Queue } from '../../src/messaging/entity.ts'
import { StreamLogger, silentLogger } from '../../src/util/logger.ts'
import type { UserWorkerOptions } from '../../src/worker/worker.ts'
import { Worker } from '../../src/worker/worker.ts'
import { testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq } from '../support/servers/rabbitmq.ts'
import { startRedis } from '../support/servers/redis.ts'
import { startProcess } from '../support/spawn.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { tempDir } from '../support/temp-dir.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const PACKAGE = new URL('../../src/index.ts', import.meta.url).href

/** An app, closed with the test. */
function openApp(t: TestContext, broker: string, settings: object = {}): Celery {
  const app = new Celery('t', {
    broker,
    backend: 'cache+memory://',
    logger: silentLogger,
    setAsCurrent: false,
    ...settings,
  })
  app.task('t.add', (x: number, y: number) => x + y)
  onCleanup(
    t,
    () => app.close(),
    () => undefined,
  )
  return app
}

async function startWorker(t: TestContext, app: Celery, options: UserWorkerOptions = {}): Promise<Worker> {
  const worker = new Worker(app, { pool: 'async', hostname: 'w1@test', logger: silentLogger, ...options })
  onCleanup(
    t,
    () => worker.stop('cold'),
    () => undefined,
  )
  await worker.start()
  return worker
}

/** Types of the events as they come, once the receiver listens. */
async function listen(
  t: TestContext,
  app: Celery,
  options: ReceiverOptions = {},
  capture: CaptureOptions = {},
) {
  const events: CeleryEvent[] = []
  const stop = new AbortController()
  let connected = 0
  const handlers = { '*': (event: CeleryEvent) => void events.push(event) }
  const capturing = app.events.receiver({ handlers, ...options }).capture({
    signal: stop.signal,
    onConsumeReady: () => {
      connected += 1
    },
    ...capture,
  })
  onCleanup(
    t,
    () => {
      stop.abort()
      return capturing
    },
    () => undefined,
  )
  await eventually(() => connected > 0)
  const types = (): string[] => events.map(({ type }) => type)
  return {
    events,
    types,
    connected: () => connected,
    heard: (type: string) => eventually(() => types().includes(type)),
  }
}

for (const kind of testBrokers) {
  const title = `events about tasks are switched on and off while a worker runs, with ${kind.name} [1-193 5-058 10-070 10-071]`
  test(title, kind.needs, async (t) => {
    const { broker } = await kind.open(t)
    const app = openApp(t, broker)
    const { types, heard, events } = await listen(t, app)
    const worker = await startWorker(t, app)
    await heard('worker-online')
    const add = async (): Promise<void> => {
      await app
        .signature('t.add', { args: [1, 2] })
        .delay()
        .get({ timeout: 60 })
      // The result is there before the worker has heard of it.
      await eventually(() => worker.state.requests.size === 0)
    }
    await add()
    assert.equal(worker.events.disable(), false)
    assert.equal(worker.events.enable(), true)
    assert.equal(worker.events.enable(), false)
    await add()
    await heard('task-succeeded')
    assert.equal(worker.events.disable(), true)
    await add()
    worker.events.heartbeat()
    const before = types().length
    await eventually(() => types().slice(before).includes('worker-heartbeat'))
    assert.equal(types().filter((type) => type === 'task-received').length, 1)
    assert.equal(events.find(({ type }) => type === 'task-succeeded')?.['result'], '3')
    await worker.stop()
    await heard('worker-offline')
  })
}

test('a worker with -E from the setting keeps its events [1-193 6-118 12-036]', async (t) => {
  const app = openApp(t, `memory://${t.name}`, { workerSendTaskEvents: true })
  const worker = await startWorker(t, app)
  assert.equal(worker.events.disable(), false)
  assert.equal(worker.events.dispatcher.sends('task'), true)
})

test(
  'a receiver connects again, and asks for heartbeats then [9-003 5-057]',
  needs('redis-server'),
  async (t) => {
    const { url, port } = await startRedis(t)
    const proxy = await startTcpProxy(t, port)
    const { connected, events } = await listen(t, openApp(t, proxy.through(url)))
    const worker = await startWorker(t, openApp(t, url), { heartbeat: false })
    proxy.cut()
    await eventually(() => connected() === 2)
    // The worker sends none by itself: this is the answer to being asked.
    await eventually(() => events.some(({ type }) => type === 'worker-heartbeat'))
    assert.equal(worker.hostname, events.at(-1)?.hostname)
  },
)

test('events of a lost connection are sent on the next [9-002 5-055]', needs('redis-server'), async (t) => {
  const { url, port } = await startRedis(t)
  const proxy = await startTcpProxy(t, port)
  const { events } = await listen(t, openApp(t, url))
  const dispatcher = openApp(t, proxy.through(url)).events.dispatcher({ hostname: 'c@test' })
  onCleanup(
    t,
    () => dispatcher.close(),
    () => undefined,
  )
  dispatcher.send('custom-first', { n: 0 })
  await eventually(() => events.length === 1)
  await proxy.refuse()
  for (const n of [1, 2, 3]) dispatcher.send('custom-later', { n })
  await eventually(() => dispatcher.waiting === 3)
  await proxy.resume()
  await eventually(() => events.length === 4)
  assert.deepEqual(
    events.map(({ n }) => n),
    [0, 1, 2, 3],
  )
})

test('limits of a capture: events, silence, a signal; and events as an iteration [9-003]', async (t) => {
  const app = openApp(t, 'memory://limits')
  const receiver = app.events.receiver()
  const send = (): void => app.events.defaultDispatcher().send('custom-thing')
  await receiver.capture({ limit: 2, onConsumeReady: () => [1, 2, 3].forEach(send) })
  await assert.rejects(receiver.capture({ timeout: '10ms' }), TimeoutError)
  await receiver.capture({ signal: AbortSignal.abort() })
  const failing = app.events.receiver({
    handlers: {
      'custom-thing': () => {
        throw new RangeError('enough')
      },
    },
  })
  await assert.rejects(failing.capture({ onConsumeReady: send }), { message: 'enough' })
  const seen: string[] = []
  for await (const { type } of receiver.events({ onConsumeReady: () => [1, 2, 3].forEach(send) })) {
    seen.push(type)
    if (seen.length === 3) break
  }
  assert.deepEqual(seen, ['custom-thing', 'custom-thing', 'custom-thing'])
})

test(
  'the queue of a monitor is made as the settings say [5-056 1-101 1-102 1-103 1-104 1-105]',
  needs('rabbitmq-server'),
  async (t) => {
    const { url } = await (await sharedRabbitmq()).newVhost(t)
    const app = openApp(t, url, {
      eventQueueExclusive: false,
      eventQueuePrefix: 'watch',
      eventQueueTtl: 7,
      eventQueueExpires: 30,
    })
    await listen(t, app, { nodeId: 'me' })
    const declare = async (options: object): Promise<void> => {
      const channel = await app.amqp.broker.openChannel()
      await new Queue('watch.me', { durable: false, autoDelete: true, ...options }).declare(channel)
      await channel.close()
    }
    // RabbitMQ takes a second declaration only if it is the same.
    await declare({ messageTtl: 7, expires: 30 })
    await assert.rejects(declare({ messageTtl: 8, expires: 30 }), /inequivalent arg 'x-message-ttl'/)
    await assert.rejects(declare({ messageTtl: 7, expires: 31 }), /inequivalent arg 'x-expires'/)
    app.conf.eventQueueExclusive = true
    await listen(t, app, { nodeId: 'mine' })
    const other = openApp(t, url)
    const channel = await other.amqp.broker.openChannel()
    await assert.rejects(
      new Queue('watch.mine', { durable: false, autoDelete: true }).declare(channel),
      /exclusive/,
    )
    assert.throws(() => app.events.receiver({ queueDurable: true }), ImproperlyConfigured)
  },
)

test('exchange and serializer of events can be chosen [1-106 1-107]', needs('redis-server'), async (t) => {
  const { url } = await startRedis(t)
  const settings = { eventExchange: 'elsewhere', eventSerializer: 'msgpack' }
  const here = await listen(t, openApp(t, url))
  const there = await listen(t, openApp(t, url, settings))
  await openApp(t, url, settings).events.defaultDispatcher().publish('custom-thing', { n: 1 })
  await there.heard('custom-thing')
  assert.deepEqual(here.types(), [])
})

test('workers hear of each other, and elect one of them [5-091 5-092 6-124]', async (t) => {
  const url = 'memory://gossips'
  const lines: string[] = []
  const logger = new StreamLogger('celery', { level: 'DEBUG', write: (line) => void lines.push(line) })
  const won: string[] = []
  const start = async (name: string, options: UserWorkerOptions = {}): Promise<Worker> => {
    const worker = await startWorker(t, openApp(t, url), { hostname: `${name}@test`, logger, ...options })
    worker.events.gossip?.electionHandlers.set(
      'chore',
      (action) => void won.push(`${name} ${String(action)}`),
    )
    return worker
  }
  const first = await start('first')
  const left: string[] = []
  first.events.gossip?.onNodeLeave.add(({ hostname }) => void left.push(hostname))
  const second = await start('second')
  const third = await start('third', { gossip: false })
  assert.equal(third.events.gossip, undefined)
  const hears = (worker: Worker): string[] => [...(worker.events.gossip?.state.workers.keys() ?? [])]
  for (const worker of [first, second]) worker.events.heartbeat()
  await eventually(() => hears(first).includes('second@test') && hears(second).includes('first@test'))
  assert.ok(lines.some((line) => line.includes('second@test joined the party')))
  for (const worker of [first, second]) worker.events.gossip?.elect('vote', 'chore', 'sweep')
  await eventually(
    () => lines.filter((line) => /I won the election 'vote'|elected for 'vote'/.test(line)).length === 2,
  )
  assert.equal(won.length, 1)
  // By remote control: whoever gets the command stands.
  await openApp(t, url).control.election('again', 'chore', 'mop')
  const told = /I won the election 'again'|elected for 'again'/
  await eventually(() => lines.filter((line) => told.test(line)).length === 2)
  assert.equal(won.length, 2)
  assert.match(won[1] ?? '', /^(?:first|second) mop$/)
  await second.stop()
  await eventually(() => left.includes('second@test'))
})

test(
  'a worker that says and hears nothing makes no queue for it [7-113]',
  needs('redis-server'),
  async (t) => {
    const redis = await startRedis(t)
    const keys = async (): Promise<string[]> =>
      (await redis.command('KEYS _kombu.binding.*'))
        .map((key) => key.slice('_kombu.binding.'.length))
        .toSorted()
    const { events } = await listen(t, openApp(t, redis.url))
    const quiet = { gossip: false, mingle: false, heartbeat: false, remoteControl: false }
    const app = openApp(t, redis.url)
    const worker = await startWorker(t, app, quiet)
    assert.equal(
      await app
        .signature('t.add', { args: [1, 2] })
        .delay()
        .get({ timeout: 60 }),
      3,
    )
    const before = await redis.command('SMEMBERS _kombu.binding.celeryev')
    assert.deepEqual(await keys(), ['celery', 'celeryev'])
    await worker.stop()
    assert.deepEqual(events, [])

    const party = await startWorker(t, openApp(t, redis.url))
    await eventually(async () => assert.deepEqual(await keys(), ['celery', 'celery.pidbox', 'celeryev']))
    await eventually(async () => {
      const queues = await redis.command('SMEMBERS _kombu.binding.celeryev')
      assert.equal(queues.length, before.length + 1)
    })
    await eventually(() => events.some(({ type }) => type === 'worker-heartbeat'))
    await party.stop()
  },
)

test('tasks in processes of their own tell monitors something [2-120 5-068]', async (t) => {
  const folder = tempDir(t)
  const file = join(folder, 'tells.ts')
  writeFileSync(
    file,
    `import { Celery } from ${JSON.stringify(PACKAGE)}
    export const app = new Celery('t')
    app.task('t.tell', { bind: true }, async (self) => {
      await self.sendEvent('task-progress', { percent: 50, in: process.pid })
    })`,
  )
  const app = openApp(t, `sqlite:///${join(folder, 'celery.sqlite3')}`)
  app.task('t.tell', { bind: true }, () => undefined)
  const { events, heard } = await listen(t, app)
  const appModule = `./${relative(process.cwd(), file)}`
  await startWorker(t, app, { pool: 'prefork', concurrency: 1, taskEvents: true, appModule })
  const { id } = await app.signature('t.tell').delay()
  await heard('task-progress')
  await heard('task-succeeded')
  const progress = events.find(({ type }) => type === 'task-progress')
  assert.deepEqual([progress?.['uuid'], progress?.['percent'], progress?.hostname], [id, 50, 'w1@test'])
  assert.notEqual(progress?.['in'], process.pid)
})

test(
  'the command line: a worker with events, and a camera [6-019 6-021 9-016 6-030 11-027]',
  needs('redis-server'),
  async (t) => {
    const { url } = await startRedis(t)
    const folder = tempDir(t)
    const events = new URL('../../src/events.ts', import.meta.url).href
    writeFileSync(
      join(folder, 'tasks.ts'),
      `import { Celery } from ${JSON.stringify(PACKAGE)}
    export const app = new Celery('t', { broker: '${url}' })
    app.task('t.add', (x: number, y: number) => x + y)`,
    )
    writeFileSync(
      join(folder, 'cam.ts'),
      `import { Camera } from ${JSON.stringify(events)}
    import { writeFileSync } from 'node:fs'
    export class Cam extends Camera {
      override onShutter(state) {
        writeFileSync('picture', [...state.workers.keys(), ...[...state.tasks.values()].map(String)].join('\\n'))
      }
    }`,
    )
    const start = (...words: readonly string[]) =>
      startProcess(process.execPath, [CLI, '-A', './tasks.ts', ...words], { t, cwd: folder })
    const camera = start('events', '--camera', './cam.ts#Cam', '--freq', '0.1')
    await camera.waitForOutput(/^-> evcam: Taking snapshots with \.\/cam\.ts#Cam \(every 0\.1 secs\.\)/m)
    const app = openApp(t, url)
    const { events: heard } = await listen(t, app)
    const options = ['-E', '--heartbeat-interval', '1', '--without-gossip', '-P', 'solo', '-n', 'cli@test']
    const worker = start('worker', ...options)
    await worker.waitForOutput(/task events: ON/)
    await eventually(() => heard.some(({ type, freq }) => type === 'worker-heartbeat' && freq === 1))
    const { id } = await app.signature('t.add', { args: [1, 2] }).delay()
    const picture = (): string =>
      existsSync(join(folder, 'picture')) ? readFileSync(join(folder, 'picture'), 'utf8') : ''
    await eventually(
      () => picture().includes(`<Task: t.add(${id}) SUCCESS`) && picture().includes('cli@test'),
    )
    assert.equal(await camera.stop(), 0)
    assert.equal(await worker.stop(), 0)
    await eventually(() => heard.some(({ type }) => type === 'worker-offline'))

    const quiet = start('worker', '--without-heartbeat', '-l', 'INFO', '-P', 'solo', '-n', 'quiet@test')
    await quiet.waitForOutput(/task events: OFF \(enable -E to monitor tasks in this worker\)/)
    await quiet.waitForOutput(/ready\./)
    assert.equal(await quiet.stop(), 0)
    assert.ok(heard.every(({ hostname }) => hostname !== 'quiet@test'))
  },
)
