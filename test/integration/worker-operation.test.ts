/** How a worker is run: the size of its pool, what it fetches, its own queue, and the steps of its users. */
import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { ConsumerParent, RunningStep, StepConsumer } from '../../src/bootsteps.ts'
import { ConsumerStep } from '../../src/bootsteps.ts'
import { Celery, Exchange, ImproperlyConfigured, Queue, type UserAppOptions } from '../../src/index.ts'
import { resolveTransport } from '../../src/messaging/transports/resolve-transport.ts'
import { AsyncPool } from '../../src/pool/async-pool.ts'
import { StreamLogger } from '../../src/util/logger.ts'
import { Autoscaler, Consumer, type UserWorkerOptions, Worker, workerDirect } from '../../src/worker.ts'
import { testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { tempDir } from '../support/temp-dir.ts'
import { cliPlace } from './cli-process.ts'

/** An app with a task that waits until it may end, and workers for it in this process. */
function setup(t: TestContext, settings: UserAppOptions = {}) {
  const url = `sqlite:///${join(tempDir(t), 'celery.sqlite3')}`
  const lines: string[] = []
  const logger = new StreamLogger('t', {
    level: 'INFO',
    write: (text) => lines.push(text.trimEnd()),
    format: (record) => record.message,
  })
  const app = new Celery('t', { broker: url, backend: url, logger, setAsCurrent: false, ...settings })
  const gates: (() => void)[] = []
  const gated = app.task('t.gated', () => new Promise<void>((resolve) => gates.push(resolve)))
  const workers: Worker[] = []
  onCleanup(
    t,
    async () => {
      await Promise.all(workers.map((worker) => worker.stop('cold')))
      await app.close()
    },
    () => undefined,
  )
  return {
    app,
    gated,
    gates,
    lines,
    worker(options: UserWorkerOptions = {}): Worker {
      const worker = new Worker(app, { pool: 'async', concurrency: 2, logger, ...options })
      workers.push(worker)
      return worker
    },
    /** How many messages wait in a queue of the broker. */
    async waiting(queue: string): Promise<number> {
      const broker = app.conf.brokerReadUrl
      const options = { transportOptions: {}, connectTimeout: undefined, heartbeat: 0, ssl: false }
      const transport = await resolveTransport(broker)
      const connection = await transport.connect({ ...options, url: broker, clientName: 'test' })
      try {
        const channel = await connection.openChannel()
        const declaration = { durable: true, exclusive: false, autoDelete: false, arguments: {} }
        return (await channel.declareQueue({ name: queue, ...declaration })).messages
      } finally {
        await connection.close()
      }
    },
  }
}

test('autoscaling starts with the smallest pool, none at all without a minimum, and follows the load [7-037, 7-041]', async (t) => {
  const { gated, gates, lines, worker: create } = setup(t)
  const worker = create({ autoscale: { max: 3 } })
  await worker.start()
  assert.equal(worker.pool?.size, 0)
  const results = await Promise.all(Array.from({ length: 5 }, () => gated.delay()))
  await eventually(() => gates.length === 3)
  assert.equal(worker.pool.size, 3)
  await eventually(() => assert.deepEqual(worker.autoscaler?.info(), { max: 3, min: 0, current: 3, qty: 5 }))
  // Those that run go on.
  worker.autoscaler?.update({ max: 1 })
  assert.deepEqual(worker.pool.info().running, 3)
  for (let done = 0; done < 5; done += 1) {
    await eventually(() => gates.length > done)
    gates[done]?.()
  }
  await Promise.all(results.map((result) => result.get({ timeout: 60 })))
  assert.ok(lines.some((line) => /^Scaling up \d processes\.$/.test(line)))
  assert.ok(lines.includes('Scaling down 2 processes.'))
})

test('messages are fetched for the largest pool that may be [7-044]', async (t) => {
  const { app, worker: create } = setup(t)
  const begun: (() => void)[] = []
  const late = app.task('t.late', { acksLate: true }, () => new Promise<void>((end) => begun.push(end)))
  const worker = create({ autoscale: { max: 3 }, prefetchMultiplier: 2 })
  await worker.start()
  const results = await Promise.all(Array.from({ length: 7 }, () => late.delay()))
  await eventually(() => begun.length === 3 && worker.state.delivered === 6)
  for (let done = 0; done < 7; done += 1) {
    await eventually(() => begun.length > done)
    begun[done]?.()
    await results[done]?.get({ timeout: 60 })
  }
  assert.equal(worker.state.delivered, 7)
})

test('what is fetched follows the size of the pool [7-052]', async (t) => {
  const { app, gates, worker: create } = setup(t)
  const late = app.task('t.late', { acksLate: true }, () => new Promise<void>((end) => gates.push(end)))
  const worker = create({ concurrency: 1, prefetchMultiplier: 2 })
  await worker.start()
  await Promise.all(Array.from({ length: 9 }, () => late.delay()))
  await eventually(() => gates.length === 1 && worker.state.delivered === 2)
  const destination = worker.options.hostname
  await app.control.poolGrow(2, { destination, reply: true })
  await eventually(() => gates.length === 3 && worker.state.delivered === 6)
  await app.control.poolShrink(1, { destination, reply: true })
  gates[0]?.()
  gates[1]?.()
  // Of nine, two have ended; the pool of two has two more for each of its slots at most.
  await eventually(() => worker.pool?.info().running === 2 && worker.state.delivered === 6)
  gates[2]?.()
  await eventually(() => worker.state.delivered === 7)
})

test('a class of your own can scale the pool [1-167, 7-043]', async (t) => {
  class Eager extends Autoscaler {
    override maybeScale(): void {
      if (this.options.pool.size < this.max) this.scaleUp(this.max - this.options.pool.size)
    }
  }
  const { gated, gates, worker: create } = setup(t, { workerAutoscaler: Eager })
  const worker = create({ autoscale: { max: 4, min: 1 } })
  await worker.start()
  await gated.delay()
  await eventually(() => gates.length === 1)
  assert.equal(worker.pool?.size, 4)
  gates[0]?.()
  const wrong = setup(t, { workerAutoscaler: class {} }).worker({ autoscale: { max: 4 } })
  await assert.rejects(wrong.start(), /workerAutoscaler: must be a class that extends Autoscaler/)
  const fixed = setup(t).worker({ autoscale: { max: 2, min: 3 } })
  await assert.rejects(fixed.start(), /autoscale: cannot keep the pool between 3 and 2/)
})

for (const kind of testBrokers.filter(({ name }) => name === 'sqlite' || name === 'redis')) {
  test(`without prefetching, a message is taken only when its task can run: ${kind.name} [1-190, 7-050]`, {
    skip: kind.needs.skip,
  }, async (t) => {
    const { broker, backend } = await kind.open(t)
    const {
      gated,
      gates,
      waiting,
      worker: create,
    } = setup(t, { broker, backend, workerDisablePrefetch: true })
    const worker = create()
    await worker.start()
    const results = await Promise.all(Array.from({ length: 6 }, () => gated.delay()))
    for (let done = 0; done < 6; done += 1) {
      const begun = Math.min(6, done + 2)
      await eventually(async () => {
        assert.equal(gates.length, begun)
        assert.equal(await waiting('celery'), 6 - begun)
      })
      assert.equal(worker.state.delivered, begun)
      gates[done]?.()
      await results[done]?.get({ timeout: 60 })
    }
  })
}

test('RabbitMQ cannot keep its messages: a worker without prefetching says so [1-190]', async (t) => {
  const kind = testBrokers.find(({ name }) => name === 'rabbitmq')
  if (kind === undefined || kind.needs.skip !== false) return t.skip('there is no RabbitMQ')
  const { broker, backend } = await kind.open(t)
  const { gated, gates, lines, worker: create } = setup(t, { broker, backend })
  const worker = create({ disablePrefetch: true })
  await worker.start()
  assert.ok(lines.some((line) => line.startsWith('worker_disable_prefetch: this broker sends messages')))
  await Promise.all(Array.from({ length: 9 }, () => gated.delay()))
  await eventually(() => gates.length === 2 && worker.state.delivered === 4)
  for (const open of gates) open()
})

test('a worker can have a queue of its own, named like its node [1-173, 1-219, 7-017, 7-109, 12-010]', async (t) => {
  const { app, gates, gated, worker: create } = setup(t, { workerDirect: true })
  const worker = create({ hostname: 'w1@here' })
  assert.equal(create().options.hostname, `celery@${hostname()}`)
  const queue = workerDirect('w1@here')
  assert.equal(queue.name, 'w1@here.dq2')
  assert.equal(queue.exchange?.name, 'C.dq2')
  assert.equal(queue.exchange?.type, 'direct')
  assert.equal(queue.routingKey, 'w1@here')
  await worker.start()
  assert.deepEqual(
    worker.queues.map(({ name }) => name),
    ['celery', 'w1@here.dq2'],
  )
  const other = setup(t, { broker: app.conf.brokerReadUrl, backend: app.conf.brokerReadUrl }).worker({
    hostname: 'w2@here',
  })
  await other.start()
  await Promise.all(Array.from({ length: 3 }, () => gated.applyAsync([], { queue })))
  await eventually(() => worker.state.delivered === 3 && gates.length === 2)
  assert.equal(other.state.delivered, 0)
  for (let done = 0; done < 3; done += 1) {
    await eventually(() => gates.length > done)
    gates[done]?.()
  }
})

test('steps of the app start and stop with its workers, and consume on their connection [2-017, 7-008, 7-009, 7-012, 7-013, 11-013]', async (t) => {
  const { app, worker: create } = setup(t)
  const diary: string[] = []
  const queue = new Queue('audit', { exchange: new Exchange('audit'), routingKey: 'audit' })
  class Audit extends ConsumerStep {
    readonly name = 'audit'
    getConsumers(parent: ConsumerParent): readonly StepConsumer[] {
      diary.push(`consumes for ${parent.hostname}`)
      return [
        {
          queue,
          onMessage: async (message) => {
            diary.push(`got ${JSON.stringify(message.decode())}`)
            await message.ack()
          },
        },
      ]
    }
  }
  app.steps.consumer.add(new Audit())
  app.steps.worker.add({
    name: 'metrics',
    requires: ['Pool'],
    start(worker): RunningStep {
      diary.push(`${worker.hostname} with ${worker.pool?.size} places`)
      return {
        stop: () => void diary.push('metrics stopped'),
        info: () => ({ metrics: { port: 1 } }),
      }
    },
  })
  const worker = create({ hostname: 'w@h' })
  await worker.start()
  await eventually(() => diary.length === 2)
  const channel = await app.amqp.broker.openChannel()
  const body = Buffer.from('[1,2]')
  const properties = { contentType: 'application/json', contentEncoding: 'utf-8' }
  await channel.publish({ body, properties, headers: {} }, { exchange: 'audit', routingKey: 'audit' })
  await eventually(() => diary.length === 3)
  assert.deepEqual(worker.steps?.info(), { metrics: { port: 1 } })
  await worker.stop()
  assert.deepEqual(diary, ['w@h with 2 places', 'consumes for w@h', 'got [1,2]', 'metrics stopped'])
})

test('a step that cannot start keeps its worker from starting, or stops it [7-011]', async (t) => {
  const broken = {
    name: 'broken',
    start: () => Promise.reject(new Error('no luck')),
  }
  const first = setup(t)
  first.app.steps.worker.add(broken)
  await assert.rejects(first.worker().start(), /no luck/)
  const second = setup(t)
  second.app.steps.consumer.add(broken)
  const worker = second.worker()
  await worker.start()
  assert.equal(await worker.closed, 1)
  const third = setup(t)
  third.app.steps.consumer.add({ name: 'lost', requires: ['Conection'], start: () => undefined })
  await assert.rejects(third.worker().start(), (error) => {
    assert.ok(error instanceof ImproperlyConfigured)
    assert.match(error.message, /requires 'Conection', which is not there \(did you mean "Connection"\?\)/)
    return true
  })
})

test('an agent is a step of the consumer that is named in the settings [1-166]', async (t) => {
  const started = Promise.withResolvers<string>()
  class Agent {
    readonly name = 'agent'
    start(parent: ConsumerParent): undefined {
      started.resolve(parent.hostname)
    }
  }
  const { worker: create } = setup(t, { workerAgent: Agent })
  const worker = create({ hostname: 'w@h' })
  await worker.start()
  assert.equal(await started.promise, 'w@h')
  const wrong = setup(t, { workerAgent: class {} })
  await assert.rejects(wrong.worker().start(), /workerAgent: must be a bootstep, or a class of one/)
})

test('what keeps the worker connected can be a class of your own [1-172]', async (t) => {
  const seen: string[] = []
  class Watched extends Consumer {
    override async start(): Promise<void> {
      await super.start()
      seen.push(...this.queues.map(({ name }) => name))
    }
  }
  await setup(t, { workerConsumer: Watched }).worker().start()
  assert.deepEqual(seen, ['celery'])
  const wrong = setup(t, { workerConsumer: class {} })
  await assert.rejects(wrong.worker().start(), /workerConsumer: must be a class that extends Consumer/)
})

test('a pool can be a class of your own [6-025, 6-066, 7-025]', async (t) => {
  class Mine extends AsyncPool {
    constructor() {
      super({ size: 7, implementation: 'mine' })
    }
  }
  const { worker: create } = setup(t)
  const worker = create({ pool: Mine })
  await worker.start()
  assert.equal(worker.pool?.info().implementation, 'mine')
  t.after(() => {
    delete process.env['CELERY_CUSTOM_WORKER_POOL']
  })
  assert.throws(() => create({ pool: 'custom' }), /set it, e\.g\. to \.\/pool\.ts#MyPool/)
  process.env['CELERY_CUSTOM_WORKER_POOL'] = `${import.meta.dirname}/fixtures/custom-pool.ts#CustomPool`
  const custom = create({ pool: 'custom' })
  await custom.start()
  assert.equal(custom.pool?.info().implementation, 'custom')
  await assert.rejects(
    create({ pool: `${import.meta.dirname}/fixtures/custom-pool.ts#notAPool` }).start(),
    /is no class of a pool/,
  )
})

test('threads, autoscaling and the graph of steps on the command line [6-019, 6-021, 6-035, 7-022]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-P', 'threads', '--autoscale', '1,2', '--disable-prefetch')
  assert.match(worker.output(), /\.> concurrency: \{min=1, max=2\} \(threads\)/)
  const pid = await place.send('cli.pid', [])
  assert.equal(await pid.get({ timeout: 60 }), worker.pid)
  assert.equal(await worker.stop(), 0)
  const graph = await place.run('graph', 'bootsteps', 'worker')
  assert.equal(graph.code, 0)
  assert.match(
    graph.output,
    /^digraph bootsteps \{\n[^}]*"Pool" -> "Hub";[^}]*"Autoscaler" -> "Pool";[^}]*\}\n$/,
  )
  const unknown = await place.run('graph', 'bootsteps', 'pool')
  assert.equal(unknown.code, 2)
  assert.match(unknown.output, /'pool' is no part of a worker/)
})
