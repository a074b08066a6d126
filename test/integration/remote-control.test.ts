/** What a worker does when it is told by remote control, on every broker. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { Celery } from '../../src/index.ts'
import { StreamLogger, silentLogger } from '../../src/util/logger.ts'
import { type UserWorkerOptions, Worker } from '../../src/worker/worker.ts'
import { controlCommand, inspectCommand } from '../../src/worker.ts'
import { type TestBroker, testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { redisCommand } from '../support/servers/redis-command.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { tempDir } from '../support/temp-dir.ts'

const NODE = 'one@test'

/** An app, and a worker of it in this process that runs one task at once. */
async function setup(t: TestContext, kind: TestBroker, options: UserWorkerOptions = {}) {
  const cleanup: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const step of cleanup) await step()
  })
  const { broker, backend } = await kind.open(t)
  const app = new Celery('control-test', { broker, backend, logger: silentLogger })
  const gate = Promise.withResolvers<string>()
  const ran: string[] = []
  const add = app.task('t.add', { rateLimit: '1000/s' }, (x: number, y: number) => x + y)
  const gated = app.task('t.gated', { bind: true }, async (self, name: string) => {
    ran.push(name)
    const ended = new Promise<string>((resolve) => {
      self.signal.addEventListener('abort', () => resolve('aborted'), { once: true })
    })
    const how = await Promise.race([gate.promise, ended])
    ran.push(`${name}: ${how}`)
    return how
  })
  const start = async (more: UserWorkerOptions = {}): Promise<Worker> => {
    const worker = new Worker(app, {
      ...{ pool: 'async', concurrency: 1, hostname: NODE, logger: silentLogger },
      ...options,
      ...more,
    })
    cleanup.unshift(() => worker.stop('cold'))
    await worker.start()
    return worker
  }
  cleanup.push(async () => {
    gate.resolve('late')
    await app.close()
  })
  const worker = await start()
  const inspect = app.control.inspect({ destination: NODE, timeout: 60 })
  /** Sends a command to the worker and gives its reply. */
  const tell = async (command: string, args: object = {}): Promise<unknown> => {
    const options = { destination: NODE, timeout: 60, reply: true, arguments: { ...args } }
    const [reply] = await app.control.broadcast(command, options)
    return reply?.[NODE]
  }
  return { app, worker, start, inspect, tell, add, gated, gate, ran }
}

for (const kind of testBrokers) {
  describe(`remote control on ${kind.name}`, { skip: kind.needs.skip }, () => {
    test('tells which tasks it has and what it is [5-075 5-082 6-097 6-098 6-099 6-101 6-102 6-103 6-105 6-126 7-096 7-112 10-070 10-071]', async (t) => {
      const { worker, inspect, add, gated } = await setup(t, kind)
      const running = await gated.delay('a')
      const waiting = await add.delay(1, 2)
      const eta = new Date(Date.now() + 300_000)
      const later = await add.applyAsync([3, 4], { eta })
      await eventually(() => worker.state.requests.size === 3 && worker.pool?.info().running === 1)

      const info = (await inspect.active())[NODE]?.[0]
      assert.deepEqual(Object.keys(info ?? {}), INFO_KEYS)
      const { time_start: timeStart, ...rest } = info ?? {}
      assert.ok(Number(timeStart) > 1e9 && Number(timeStart) * 1000 <= Date.now())
      assert.partialDeepStrictEqual(rest, {
        id: running.id,
        name: 't.gated',
        args: ['a'],
        kwargs: {},
        type: 't.gated',
        hostname: NODE,
        acknowledged: true,
        delivery_info: { exchange: '', routing_key: 'celery', redelivered: false },
        worker_pid: process.pid,
      })
      assert.equal((await inspect.active({ safe: true }))[NODE]?.[0]?.args, "('a',)")
      const reserved = (await inspect.reserved())[NODE]
      assert.deepEqual(
        reserved?.map((one) => [one.id, one.args, one.time_start, one.acknowledged, one.worker_pid]),
        [[waiting.id, [1, 2], null, false, null]],
      )
      const scheduled = (await inspect.scheduled())[NODE]
      assert.equal(scheduled?.length, 1)
      assert.equal(Date.parse(scheduled?.[0]?.eta ?? ''), eta.getTime())
      assert.partialDeepStrictEqual(scheduled?.[0], { priority: 6, request: { id: later.id, args: [3, 4] } })
      const known = (await inspect.queryTask(running.id, waiting.id, 'nobody'))[NODE] ?? {}
      assert.deepEqual(
        Object.entries(known).map(([id, [state]]) => [id, state]),
        [
          [running.id, 'active'],
          [waiting.id, 'reserved'],
        ],
      )
      const stats = (await inspect.stats())[NODE]
      assert.partialDeepStrictEqual(stats, { total: { 't.gated': 1 }, pid: process.pid })
      assert.deepEqual(Object.keys(stats ?? {}), STATS_KEYS)
      const queues = (await inspect.activeQueues())[NODE]
      assert.deepEqual(
        queues?.map(({ name, exchange, routing_key: key }) => [name, exchange?.name, key]),
        [['celery', 'celery', 'celery']],
      )
      assert.deepEqual((await inspect.revoked())[NODE], [])
    })

    test('revokes: what waits ends at once, what runs by a signal [6-111 7-063 7-065]', async (t) => {
      const { app, worker, inspect, tell, add, gated, gate, ran } = await setup(t, kind)
      const running = await gated.delay('a')
      const waiting = await gated.delay('b')
      const later = await add.applyAsync([3, 4], { countdown: 300 })
      await eventually(() => worker.state.requests.size === 3 && ran.includes('a'))
      const isRevoked = { name: 'TaskRevokedError' }

      assert.match(
        JSON.stringify(await tell('revoke', { task_id: [later.id, waiting.id] })),
        /^\{"ok":"tasks \{'[^']+', '[^']+'\} flagged as revoked"\}$/,
      )
      assert.equal(worker.state.held, 0)
      await assert.rejects(later.get({ timeout: 60 }), isRevoked)
      await assert.rejects(waiting.get({ timeout: 60 }), isRevoked)
      assert.deepEqual((await inspect.revoked())[NODE]?.toSorted(), [later.id, waiting.id].toSorted())

      // A task that runs is not disturbed unless it is to be terminated.
      await tell('revoke', { task_id: running.id })
      assert.equal((await inspect.active())[NODE]?.length, 1)
      assert.deepEqual(await tell('revoke', { task_id: running.id, terminate: true, signal: 'KILL' }), {
        ok: `terminate: ${running.id}`,
      })
      await assert.rejects(running.get({ timeout: 60 }), isRevoked)
      await eventually(() => worker.state.requests.size === 0)
      assert.deepEqual(ran, ['a', 'a: aborted'])
      assert.deepEqual(await tell('terminate', { task_id: 'nobody', signal: 'TERM' }), {
        ok: 'terminate: tasks unknown',
      })

      // Those that come later are not run either.
      await gated.applyAsync(['c'], { taskId: 'nobody' })
      gate.resolve('done')
      assert.equal(await gated.delay('d').get({ timeout: 60 }), 'done')
      assert.deepEqual(ran.slice(2), ['d', 'd: done'])
      // Told to the backend, too, unless it only passes results on.
      if (kind.name !== 'rabbitmq') assert.equal(await app.AsyncResult('nobody').state(), 'REVOKED')
    })

    test('consumes from another queue, and no more [6-116 6-117]', async (t) => {
      const { tell, inspect, add } = await setup(t, kind)
      const names = async (): Promise<(string | undefined)[]> =>
        (await inspect.activeQueues())[NODE]?.map(({ name }) => name) ?? []
      assert.deepEqual(await tell('add_consumer', { queue: 'extra' }), { ok: 'add consumer extra' })
      await eventually(async () => assert.deepEqual(await names(), ['celery', 'extra']))
      assert.equal(await add.applyAsync([1, 2], { queue: 'extra' }).get({ timeout: 60 }), 3)
      assert.deepEqual(await tell('cancel_consumer', { queue: 'extra' }), {
        ok: 'no longer consuming from extra',
      })
      await eventually(async () => assert.deepEqual(await names(), ['celery']))
    })

    test('workers tell each other what is revoked when they start [5-089 5-090 6-110 7-093]', async (t) => {
      const { start, tell } = await setup(t, kind)
      await tell('revoke', { task_id: 'old' })
      const other = await start({ hostname: 'two@test' })
      await eventually(() => assert.deepEqual(other.revokes.ids, ['old']))
      const alone = await start({ hostname: 'three@test', mingle: false })
      assert.deepEqual(alone.revokes.ids, [])
    })

    test('stops when it is told to, with exit code 0 [6-093 6-123]', async (t) => {
      const { app, worker, gated, gate, ran } = await setup(t, kind)
      const running = await gated.delay('a')
      await eventually(() => ran.length === 1)
      await app.control.shutdown({ destination: NODE })
      gate.resolve('done')
      assert.equal(await worker.closed, 0)
      assert.equal(await running.get({ timeout: 60 }), 'done')
    })
  })
}

const INFO_KEYS = [
  ...['id', 'name', 'args', 'kwargs', 'type', 'hostname', 'time_start', 'acknowledged', 'delivery_info'],
  'worker_pid',
]
const STATS_KEYS = ['total', 'pid', 'clock', 'uptime', 'pool', 'broker', 'prefetch_count', 'rusage']

for (const kind of testBrokers.filter(({ name }) => ['redis', 'rabbitmq'].includes(name))) {
  test(
    `after a lost connection commands come again, others are asked again, and added queues stay: ${kind.name} [5-075 6-116 7-107]`,
    kind.needs,
    async (t) => {
      const { broker } = await kind.open(t)
      const proxy = await startTcpProxy(t, Number(new URL(broker).port))
      const settings = { logger: silentLogger, setAsCurrent: false }
      const near = new Celery('near', { ...settings, broker: proxy.through(broker) })
      const caller = new Celery('caller', { ...settings, broker })
      const ran: string[] = []
      near.task('t.note', (name: string) => void ran.push(name))
      const lines: string[] = []
      const logger = new StreamLogger('t', { level: 'INFO', write: (text) => void lines.push(text) })
      const worker = new Worker(near, { pool: 'solo', hostname: NODE, logger })
      const asked = (): number => lines.filter((line) => line.includes('mingle: searching')).length
      onCleanup(
        t,
        async () => {
          await worker.stop('cold')
          await Promise.all([near.close(), caller.close()])
        },
        () => undefined,
      )
      await worker.start()
      const inspect = caller.control.inspect({ destination: NODE, timeout: 1 })
      await caller.control.addConsumer('extra', { destination: NODE })
      const names = async (): Promise<void> =>
        assert.deepEqual(
          (await inspect.activeQueues())[NODE]?.map(({ name }) => name),
          ['celery', 'extra'],
        )
      await eventually(names)
      // It does not wait for its neighbours before it begins.
      await eventually(() => asked() === 1)
      proxy.cut()
      await caller.sendTask('t.note', ['again'], {}, { queue: 'extra' })
      await eventually(() => ran.includes('again'))
      await eventually(names)
      await eventually(() => asked() === 2)
    },
  )
}

const [memory] = testBrokers
if (memory === undefined) throw new Error('There is no broker')

test('ends tasks by a command of its own, and says how much memory it takes [6-109 6-113]', async (t) => {
  const { tell, gated, ran } = await setup(t, memory)
  const running = await gated.delay('a')
  await eventually(() => ran.includes('a'))
  const ended = await tell('terminate', { signal: 'KILL', task_id: [running.id] })
  assert.deepEqual(ended, { ok: `terminate: ${running.id}` })
  await assert.rejects(running.get({ timeout: 60 }), { name: 'TaskRevokedError' })
  const nobody = { signal: 'KILL', task_id: ['nobody'] }
  assert.deepEqual(await tell('terminate', nobody), { ok: 'terminate: tasks unknown' })
  for (let sample = 0; sample < 3; sample += 1) assert.match(String(await tell('memsample')), /^[\d.]+MB$/)
  const dump = String(await tell('memdump', { samples: 2 }))
  assert.match(dump, /^- rss \(sample\):\n(- {4}> [\d.]+MB,\n){2}- rss \(end\): [\d.]+MB\.\n$/)
  assert.match(JSON.stringify(await tell('objgraph')), /take a heap snapshot/)
})

test('errors are replies, and what is not meant for it is not answered [5-083 5-084 5-085 5-087]', async (t) => {
  const { app, tell, worker } = await setup(t, memory)
  assert.deepEqual(await tell('no_such_command'), { error: "KeyError('no_such_command')" })
  assert.deepEqual(await tell('rate_limit', { bogus: 1 }), {
    error:
      "TypeError(\"rate_limit() missing 2 required positional arguments: 'task_name' and 'rate_limit'\")",
  })
  assert.deepEqual(await tell('autoscale', { max: 3 }), { error: "ValueError('Autoscale not enabled')" })
  assert.deepEqual(await tell('pool_restart'), { error: "ValueError('Pool restarts not enabled')" })
  const nodes = async (options: object): Promise<string[]> => {
    const replies = await app.control.broadcast('ping', { reply: true, timeout: 0.3, ...options })
    return replies.flatMap((reply) => Object.keys(reply))
  }
  assert.deepEqual(await nodes({ pattern: 'one@*', limit: 1, timeout: 60 }), [NODE])
  assert.deepEqual(await nodes({ pattern: '^one@.+$', matcher: 'pcre', limit: 1, timeout: 60 }), [NODE])
  assert.deepEqual(await nodes({ pattern: 'two@*' }), [])
  assert.deepEqual(await nodes({ destination: 'two@test' }), [])
  await worker.stop()
  assert.deepEqual(await nodes({}), [])
})

test('sends events about tasks as it is told, and gives a sign of life when it is asked [6-118 6-119]', async (t) => {
  const { app, tell, add } = await setup(t, memory, { heartbeat: false })
  const heard: string[] = []
  const [listening, stop] = [Promise.withResolvers<void>(), new AbortController()]
  const capturing = app.events
    .receiver({ handlers: { '*': ({ type }) => void heard.push(type) } })
    .capture({ wakeup: false, signal: stop.signal, onConsumeReady: listening.resolve })
  await listening.promise
  assert.deepEqual(await tell('disable_events'), { ok: 'task events already disabled' })
  assert.deepEqual(await tell('enable_events'), { ok: 'task events enabled' })
  assert.deepEqual(await tell('enable_events'), { ok: 'task events already enabled' })
  await add.delay(1, 2).get({ timeout: 60 })
  await eventually(() => heard.includes('task-succeeded'))
  assert.deepEqual(await tell('disable_events'), { ok: 'task events disabled' })
  assert.equal(heard.includes('worker-heartbeat'), false)
  assert.equal(await tell('heartbeat'), null)
  await eventually(() => heard.includes('worker-heartbeat'))
  stop.abort()
  await capturing
})

test('programs add commands of their own [6-125]', async (t) => {
  inspectCommand({ name: 'test_hostname', help: 'Its name.' }, ({ hostname }) => hostname)
  controlCommand(
    { name: 'test_double', args: [['n', 'integer']], required: ['n'] },
    async (_state, args) => ({ ok: 2 * (args.integer('n') ?? 0) }),
  )
  const { tell } = await setup(t, memory)
  assert.equal(await tell('test_hostname'), NODE)
  assert.deepEqual(await tell('test_double', { n: 21 }), { ok: 42 })
  assert.deepEqual(await tell('test_double', { n: 'x' }), {
    error: 'TypeError("n must be a number, not \'x\'")',
  })
})

test('limits of tasks and the size of the pool change while it runs [6-114 6-115 6-120 7-018 7-033]', async (t) => {
  const { tell, inspect, gated, ran, gate } = await setup(t, memory)
  assert.deepEqual(await tell('rate_limit', { task_name: 't.add', rate_limit: '10/m' }), {
    ok: 'new rate limit set successfully',
  })
  const registered = async (): Promise<readonly string[] | undefined> =>
    (await inspect.registered('rate_limit', 'soft_time_limit'))[NODE]
  assert.deepEqual(await registered(), ['t.add [rate_limit=10/m]', 't.gated'])
  assert.deepEqual(await tell('rate_limit', { task_name: 't.add', rate_limit: 0 }), {
    ok: 'rate limit disabled successfully',
  })
  assert.deepEqual(await tell('rate_limit', { task_name: 'nobody', rate_limit: 1 }), {
    error: 'unknown task',
  })
  assert.match(
    JSON.stringify(await tell('rate_limit', { task_name: 't.add', rate_limit: 'x/y' })),
    /Invalid rate limit/,
  )

  assert.deepEqual(await tell('pool_grow', { n: 2 }), { ok: 'pool will grow' })
  await Promise.all(['a', 'b', 'c'].map((name) => gated.delay(name)))
  await eventually(() => ran.length === 3)
  assert.equal((await inspect.stats())[NODE]?.pool['max-concurrency'], 3)
  assert.deepEqual(await tell('pool_shrink', { n: 2 }), { ok: 'pool will shrink' })
  assert.match(JSON.stringify(await tell('pool_shrink', { n: 1 })), /cannot shrink by 1/)
  gate.resolve('done')
  await eventually(() => ran.length === 6)
  ran.length = 0

  assert.deepEqual(await tell('time_limit', { task_name: 't.gated', soft: 0.05, hard: 60 }), {
    ok: 'time limits set successfully',
  })
  assert.deepEqual(await registered(), ['t.add [rate_limit=0]', 't.gated [soft_time_limit=0.05]'])
  assert.deepEqual(await tell('time_limit', { task_name: 'nobody', soft: 1 }), { error: 'unknown task' })
  // 0 is no limit, and not the end of every run.
  await tell('time_limit', { task_name: 't.add', soft: 0, hard: 0 })
  assert.deepEqual(await registered(), ['t.add [rate_limit=0]', 't.gated [soft_time_limit=0.05]'])
})

test('revokes by stamps [6-112 7-092]', async (t) => {
  const { worker, tell, gated, gate, ran } = await setup(t, memory)
  const stamped = (name: string, tenant: string) =>
    gated.applyAsync([name], { headers: { stamped_headers: ['tenant'], stamps: { tenant } } })
  await stamped('a', 'red')
  const waiting = await stamped('b', 'red')
  await stamped('c', 'blue')
  await eventually(() => worker.state.requests.size === 3)
  assert.deepEqual(await tell('revoke_by_stamped_headers', { headers: ['tenant=red'] }), {
    ok: "headers {'tenant': 'red'} flagged as revoked, but not terminated",
  })
  await assert.rejects(waiting.get({ timeout: 60 }), { name: 'TaskRevokedError' })
  assert.deepEqual(
    await tell('revoke_by_stamped_headers', { headers: { tenant: ['red'] }, terminate: true }),
    { ok: "headers defaultdict(<class 'set'>, {'tenant': {'red'}}) revoked" },
  )
  await eventually(() => ran.includes('c'))
  gate.resolve('done')
  await eventually(() => ran.includes('c: done'))
  assert.equal(ran.includes('b'), false)
})

test('what is revoked stays so in the state file [6-018 1-194 7-094 7-095]', async (t) => {
  const statedb = join(tempDir(t), 'worker.state')
  const { worker, start, tell, gated, gate, ran } = await setup(t, memory, { statedb })
  await tell('revoke', { task_id: 'gone' })
  await worker.stop()
  await gated.applyAsync(['gone'], { taskId: 'gone' })
  await gated.applyAsync(['here'])
  const second = await start({ mingle: false })
  gate.resolve('done')
  await eventually(() => ran.includes('here: done'))
  assert.deepEqual(second.revokes.ids, ['gone'])
  assert.equal(ran.includes('gone'), false)
})

test('without remote control nobody answers [1-176 7-115]', async (t) => {
  const { app, worker, add } = await setup(t, memory, { remoteControl: false })
  assert.equal(await add.delay(1, 1).get({ timeout: 60 }), 2)
  assert.deepEqual(await app.control.ping({ timeout: 0.3 }), [])
  await worker.stop()
})

const redisKind = testBrokers.find(({ name }) => name === 'redis')

test('on Redis: where requests go, and what revoking writes [12-015 12-062]', {
  skip: redisKind?.needs.skip ?? 'no Redis',
}, async (t) => {
  if (redisKind === undefined) return
  const { app, worker, tell, add } = await setup(t, redisKind)
  const url = String(app.conf.get('brokerUrl'))
  const redis = (line: string): Promise<string[]> => redisCommand(Number(new URL(url).port), line)
  assert.deepEqual(await redis('PUBLISH /0.celery.pidbox {}'), ['1'])
  // Neither a key nor a pattern.
  const separator = '\u0006\u0016'
  assert.deepEqual(await redis('SMEMBERS _kombu.binding.celery.pidbox'), [
    `${separator}${separator}${NODE}.celery.pidbox`,
  ])

  app.conf.resultCompression = 'gzip'
  const good = await add.delay(1, 2)
  assert.equal(await good.get({ timeout: 60 }), 3)
  const fail = app.task('t.fail', () => {
    throw new RangeError('no luck')
  })
  const bad = await fail.delay()
  await assert.rejects(bad.get({ timeout: 60 }), { name: 'RangeError' })
  await eventually(() => worker.state.requests.size === 0)
  await tell('revoke', { task_id: [good.id, bad.id, 'never-sent'] })
  // Written at once where nothing has ended; an end stays as it is, where Celery overwrites all but a success.
  const states = [good.id, bad.id, 'never-sent'].map(async (id) => {
    const [document = ''] = await redis(`GET celery-task-meta-${id}`)
    return JSON.parse(document).status
  })
  assert.deepEqual(await Promise.all(states), ['SUCCESS', 'FAILURE', 'REVOKED'])
})
