/** A worker and a caller whose connection to the broker breaks, goes silent, or cannot be made at first. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Celery, ConnectionError, OperationalError, type UserAppOptions } from '../../src/index.ts'
import { resolveTransport } from '../../src/messaging/transports/resolve-transport.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { type UserWorkerOptions, Worker } from '../../src/worker/worker.ts'
import { type TestBroker, testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

/** Redis itself does not notice that a consumer is gone: what it held is looked for at short intervals. */
const TRANSPORT_OPTIONS: Readonly<Record<string, Record<string, unknown>>> = {
  redis: { visibility_timeout: 2, unacked_restore_interval: 0.2, unacked_restore_throttle: 1 },
}

interface Plan {
  readonly worker?: UserWorkerOptions
  /** Of the app that goes through the proxy. */
  readonly settings?: UserAppOptions
}

/** A worker that reaches its broker through a proxy, and a caller who reaches it without. */
async function setup(t: TestContext, kind: TestBroker, plan: Plan = {}) {
  const { broker } = await kind.open(t)
  const proxy = await startTcpProxy(t, Number(new URL(broker).port))
  const settings = {
    logger: silentLogger,
    setAsCurrent: false,
    brokerTransportOptions: TRANSPORT_OPTIONS[kind.name] ?? {},
    taskIgnoreResult: true,
  }
  const near = new Celery('near', { ...settings, broker: proxy.through(broker), ...plan.settings })
  const caller = new Celery('caller', { ...settings, broker })
  const log: string[] = []
  const gate = Promise.withResolvers<void>()
  near.task('t.early', (name: string) => void log.push(name))
  near.task('t.early-in-silence', async (name: string) => {
    log.push(name)
    // The word of the acknowledgement leaves after this, and gets nowhere.
    proxy.stall()
    await gate.promise
  })
  near.task('t.late', { acksLate: true }, async (name: string) => {
    log.push(name)
    await gate.promise
    log.push(`${name} ended`)
  })
  const worker = new Worker(near, {
    pool: 'async',
    concurrency: 4,
    logger: silentLogger,
    ...plan.worker,
  })
  onCleanup(
    t,
    async () => {
      gate.resolve()
      await proxy.resume()
      await worker.stop('cold')
      await Promise.all([near.close(), caller.close()])
    },
    () => undefined,
  )
  const send = (task: string, name: string) => caller.sendTask(`t.${task}`, [name])
  return { broker, proxy, near, caller, worker, log, gate, send }
}

/** Stops the worker, so that the broker has back what it held, and asserts that there is nothing. */
async function assertEmpty(url: string, worker: Worker): Promise<void> {
  await worker.stop('warm')
  const transport = await resolveTransport(url)
  const options = { transportOptions: {}, connectTimeout: undefined, heartbeat: 0, ssl: false }
  const connection = await transport.connect({ ...options, url, clientName: 'test' })
  try {
    const channel = await connection.openChannel()
    await eventually(async () => assert.equal(await channel.get('celery', { noAck: true }), undefined))
  } finally {
    await connection.close()
  }
}

for (const kind of testBrokers.filter(({ name }) => name === 'redis' || name === 'rabbitmq')) {
  describe(`connection to ${kind.name}`, { skip: kind.needs.skip, concurrency: true }, () => {
    test('cut while idle: it is made again, and tasks run [7-102, 7-106]', async (t) => {
      const { broker, proxy, worker, log, send } = await setup(t, kind)
      await worker.start()
      for (const name of ['first', 'second', 'third']) {
        const { accepted } = proxy
        proxy.cut()
        await send('early', name)
        await eventually(() => log.includes(name))
        assert.ok(proxy.accepted > accepted)
      }
      assert.deepEqual(log, ['first', 'second', 'third'])
      await assertEmpty(broker, worker)
    })

    test('cut while tasks run: they do not run again, and are acknowledged on the new one [7-102]', async (t) => {
      const { broker, proxy, worker, log, gate, send } = await setup(t, kind)
      await worker.start()
      await send('late', 'a')
      await send('late', 'b')
      await eventually(() => log.length === 2)
      proxy.cut()
      // The broker delivers both a second time while they still run.
      await eventually(() => worker.state.delivered === 4)
      gate.resolve()
      await eventually(() => worker.state.requests.size === 0)
      assert.deepEqual(log.toSorted(), ['a', 'a ended', 'b', 'b ended'])
      await assertEmpty(broker, worker)
    })

    test('tasks that end without a connection are acknowledged when there is one again', async (t) => {
      const { broker, proxy, worker, log, gate, send } = await setup(t, kind)
      await worker.start()
      await send('late', 'a')
      await eventually(() => log.length === 1)
      await proxy.refuse()
      gate.resolve()
      await eventually(() => worker.state.requests.size === 0)
      await proxy.resume()
      await eventually(() => worker.state.delivered === 2)
      await send('early', 'b')
      await eventually(() => log.includes('b'))
      assert.deepEqual(log, ['a', 'a ended', 'b'])
      await assertEmpty(broker, worker)
    })

    test('an early acknowledgement that is lost makes no task run twice [7-103]', async (t) => {
      const { broker, proxy, worker, log, gate, send } = await setup(t, kind)
      await worker.start()
      await send('early-in-silence', 'a')
      await eventually(() => log.length === 1)
      proxy.cut()
      await proxy.resume()
      await eventually(() => worker.state.delivered === 2)
      gate.resolve()
      await send('early', 'b')
      await eventually(() => log.includes('b'))
      assert.deepEqual(log, ['a', 'b'])
      await assertEmpty(broker, worker)
    })

    test('a broker that is not there at first is waited for [7-098, 7-099]', async (t) => {
      const { proxy, worker, log, send } = await setup(t, kind)
      await proxy.refuse()
      const started = worker.start()
      await send('early', 'a')
      await proxy.resume()
      await started
      await eventually(() => log.includes('a'))
    })

    test('a broker that is not there ends a worker that may not wait [7-100]', async (t) => {
      const { proxy, worker } = await setup(t, kind, { settings: { brokerConnectionRetryOnStartup: false } })
      await proxy.refuse()
      await assert.rejects(worker.start(), (error: unknown) => {
        assert.ok(error instanceof ConnectionError)
        assert.match(error.message, /^Cannot connect to (redis|amqp):\/\/.*127\.0\.0\.1:\d+.*ECONNREFUSED/)
        return true
      })
      assert.equal(await worker.closed, 1)
    })

    test('a broker that is lost ends a worker that may not connect again [7-100]', async (t) => {
      const { proxy, worker } = await setup(t, kind, { settings: { brokerConnectionRetry: false } })
      await worker.start()
      proxy.cut()
      assert.equal(await worker.closed, 1)
    })

    test('a connection that has gone silent is given up, and made again', async (t) => {
      const { broker, proxy, worker, log, gate, send } = await setup(t, kind, {
        worker: { patience: '300ms' },
        settings: { brokerConnectionTimeout: 20 },
      })
      await worker.start()
      await send('late', 'a')
      await eventually(() => log.length === 1)
      proxy.stall()
      await eventually(() => worker.rebuilds > 0)
      proxy.cut()
      await proxy.resume()
      await send('early', 'b')
      await eventually(() => log.includes('b'))
      assert.deepEqual(log, ['a', 'b'])
      gate.resolve()
      // The second delivery of the task that ran all the while is answered.
      await eventually(() => worker.state.delivered >= 3)
      assert.deepEqual(log, ['a', 'b', 'a ended'])
      await assertEmpty(broker, worker)
    })

    test('a call settles in time without a broker, and works when it is back in time', async (t) => {
      const { proxy, near, worker, log } = await setup(t, kind, {
        settings: { publishTimeout: 1, brokerConnectionTimeout: 0.5 },
      })
      const call = async (name: string): Promise<void> => void (await near.sendTask('t.early', [name]))
      // The first connection may take more than the second that a call has here.
      await eventually(() => call('before'))
      await proxy.refuse()
      await assert.rejects(call('refused'), OperationalError)
      await proxy.resume()
      proxy.stall()
      await assert.rejects(call('silence'), OperationalError)
      proxy.cut()
      await proxy.resume()
      await eventually(() => call('after'))
      await worker.start()
      await eventually(() => log.includes('after'))
      assert.ok(log.includes('before') && !log.includes('refused'))
    })

    test('a worker that stops while it connects, or connects again, has stopped [6-081]', async (t) => {
      const { proxy, near, worker, log, gate, send } = await setup(t, kind)
      await worker.start()
      await send('late', 'a')
      await eventually(() => log.length === 1)
      await proxy.refuse()
      const second = new Worker(near, { pool: 'async', logger: silentLogger })
      const started = second.start()
      await second.stop('warm')
      await started
      assert.equal(await second.closed, 0)
      const stopped = worker.stop('warm')
      gate.resolve()
      await stopped
      assert.equal(await worker.closed, 0)
      assert.deepEqual(log, ['a', 'a ended'])
    })
  })
}
