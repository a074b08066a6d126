/** Processes and threads of the pool that die or hang, and workers that stop while theirs run tasks. */
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { TimeLimitExceeded, type UserAppOptions, WorkerLostError } from '../../src/index.ts'
import type { Delivery } from '../../src/messaging/message.ts'
import { resolveTransport } from '../../src/messaging/transports/resolve-transport.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { type UserWorkerOptions, Worker } from '../../src/worker/worker.ts'
import { type TestBroker, testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { isRunning } from '../support/is-running.ts'
import { tempDir } from '../support/temp-dir.ts'
import { createUnluckyApp } from './fixtures/unlucky-app.ts'

const APP_MODULE = join(import.meta.dirname, 'fixtures/unlucky-app.ts')

type PoolName = 'prefork' | 'threads'

async function setup(t: TestContext, kind: TestBroker, pool: PoolName, settings: UserAppOptions = {}) {
  const { broker, backend } = await kind.open(t)
  const tasks = createUnluckyApp({ broker, backend, logger: silentLogger, ...settings })
  const file = join(tempDir(t), 'notes.txt')
  writeFileSync(file, '')
  const workers: Worker[] = []
  onCleanup(
    t,
    async () => {
      await Promise.all(workers.map((worker) => worker.stop('cold')))
      await tasks.app.close()
    },
    () => undefined,
  )
  return {
    ...tasks,
    broker,
    file,
    /** Lines that were written down, in order. */
    notes: () => readFileSync(file, 'utf8').split('\n').filter(Boolean),
    async start(options: UserWorkerOptions = {}): Promise<Worker> {
      const worker = new Worker(tasks.app, {
        pool,
        concurrency: 1,
        appModule: APP_MODULE,
        logger: silentLogger,
        ...options,
      })
      workers.push(worker)
      await worker.start()
      return worker
    },
  }
}

/** What is in a queue, which is empty afterwards. */
async function drain(url: string, queue: string): Promise<Delivery[]> {
  const transport = await resolveTransport(url)
  const options = { transportOptions: {}, connectTimeout: undefined, heartbeat: 0, ssl: false }
  const connection = await transport.connect({ ...options, url, clientName: 'test' })
  try {
    const channel = await connection.openChannel()
    const found: Delivery[] = []
    for (;;) {
      const delivery = await channel.get(queue, { noAck: true })
      if (delivery === undefined) return found
      found.push(delivery)
    }
  } finally {
    await connection.close()
  }
}

const embedded = testBrokers.find(({ name }) => name === 'sqlite')

test('a process that has no memory left is lost with its task alone [7-074]', async (t) => {
  assert.ok(embedded)
  const { start, devours, short, file, notes } = await setup(t, embedded, 'prefork')
  // For the processes that are started from now on: so that it takes no time to fill it.
  process.env['NODE_OPTIONS'] = '--max-old-space-size=48'
  t.after(() => {
    delete process.env['NODE_OPTIONS']
  })
  const worker = await start()
  await assert.rejects(devours.delay(file).get({ timeout: 60 }), (error: unknown) => {
    assert.ok(error instanceof WorkerLostError)
    assert.match(error.message, /^Worker exited prematurely: SIGABRT/)
    return true
  })
  await short.delay(file, 'lives').get({ timeout: 60 })
  assert.deepEqual(notes(), ['devours', 'lives'])
  await worker.stop()
})

// A broker that runs on a QueueStore, and one that does not.
const SETTINGS = new Map<string, readonly PoolName[]>([
  ['sqlite', ['prefork', 'threads']],
  ['rabbitmq', ['prefork']],
])

for (const [kind, pool] of testBrokers.flatMap((each) =>
  (SETTINGS.get(each.name) ?? []).map((name) => [each, name] as const),
)) {
  describe(`${pool} of a worker on ${kind.name}`, { skip: kind.needs.skip }, () => {
    test('a process that dies: its task has failed [7-059], or runs again when it is acknowledged late [7-058]', async (t) => {
      const { start, dies, diesOnce, file, notes, broker } = await setup(t, kind, pool)
      const worker = await start()
      await assert.rejects(dies.delay(file).get({ timeout: 60 }), (error: unknown) => {
        assert.ok(error instanceof WorkerLostError)
        assert.match(
          error.message,
          pool === 'prefork'
            ? /^Worker exited prematurely: SIGKILL/
            : /^Worker exited prematurely: exitcode 9/,
        )
        return true
      })
      assert.equal(await diesOnce.delay(file).get({ timeout: 60 }), 'alive')
      assert.deepEqual(notes(), ['dies', 'dies once', 'dies once'])
      await worker.stop()
      assert.deepEqual(await drain(broker, 'celery'), [])
    })

    test('a task that takes every process with it is dead in the end', async (t) => {
      const { start, poison, short, file, notes, broker } = await setup(t, kind, pool, {
        workerMaxDeliveries: 3,
        taskDeadLetterQueue: 'dead',
      })
      const worker = await start()
      const poisoned = await poison.delay(file)
      await assert.rejects(poisoned.get({ timeout: 60 }), WorkerLostError)
      await short.delay(file, 'others run').get({ timeout: 60 })
      assert.deepEqual(notes(), ['poison', 'poison', 'poison', 'others run'])
      await worker.stop()
      assert.deepEqual(await drain(broker, 'celery'), [])
      const [kept, ...more] = await drain(broker, 'dead')
      assert.deepEqual(more, [])
      assert.equal(kept?.headers['id'], poisoned.id)
      assert.partialDeepStrictEqual(kept?.headers['celeriac_death'], { reason: 'too-often', queue: 'celery' })
    })

    test('a hard time limit is stored with its seconds; the message goes, or goes back [7-057, 7-031]', async (t) => {
      const { start, hangs, hangsOnce, file, notes, broker } = await setup(t, kind, pool)
      const worker = await start()
      await assert.rejects(hangs.delay(file).get({ timeout: 60 }), (error: unknown) => {
        assert.ok(error instanceof TimeLimitExceeded)
        assert.equal(error.limit, 0.7)
        return true
      })
      await hangsOnce.delay(file)
      await eventually(() => worker.state.totals.get('u.hangs-once') === 2)
      assert.deepEqual(notes(), ['hangs', 'hangs once', 'hangs once'])
      await worker.stop()
      assert.deepEqual(await drain(broker, 'celery'), [])
    })

    test('a warm stop under load: what began ends, the rest is back, nothing runs twice [6-081, 7-054]', async (t) => {
      const { start, busy, file, notes } = await setup(t, kind, pool)
      const names = Array.from({ length: 500 }, (_, i) => `task ${i}`)
      const calls = await Promise.all(names.map((name) => busy.applyAsync([file, name, 0.3])))
      const first = await start({ concurrency: 2 })
      await eventually(() => notes().length >= 50)
      await first.stop('warm')
      assert.equal(await first.closed, 0)
      const done = notes().length
      await start({ concurrency: 2 })
      await eventually(() => notes().length >= names.length)
      assert.ok(done < names.length)
      await Promise.all(calls.map((call) => call.get({ timeout: 60 })))
      assert.deepEqual(notes().toSorted(), names.toSorted())
    })

    test('a warm stop that becomes a cold one: all is over, children too, and messages are back [6-082, 6-089]', async (t) => {
      const { start, waits, broker, file, notes } = await setup(t, kind, pool)
      const worker = await start()
      await waits.delay(file, 'a')
      await waits.delay(file, 'b')
      await eventually(() => notes().length === 1 && worker.state.requests.size === 2)
      const pids = worker.pool?.info().processes ?? []
      assert.equal(pids.length, pool === 'prefork' ? 1 : 0)
      const warm = worker.stop('warm')
      const again = worker.stop('warm')
      await Promise.all([worker.stop('cold'), warm, again, worker.stop('cold')])
      assert.equal(await worker.closed, 0)
      assert.deepEqual(pids.filter(isRunning), [])
      const back = await drain(broker, 'celery')
      assert.equal(back.length, 2)
      assert.deepEqual(notes(), ['a'])
    })

    test('a worker that is stopped while it starts has stopped, whatever it was about to do [6-081]', async (t) => {
      const { app, file, notes, waits, broker } = await setup(t, kind, pool)
      await waits.delay(file, 'a')
      for (const mode of ['warm', 'cold'] as const) {
        const options = { pool, concurrency: 1, appModule: APP_MODULE, logger: silentLogger }
        const worker = new Worker(app, options)
        const started = worker.start()
        if (mode === 'warm') await eventually(() => worker.pool !== undefined)
        await worker.stop(mode)
        await started
        assert.equal(await worker.closed, 0)
        assert.deepEqual(worker.pool?.info().processes ?? [], [])
      }
      assert.deepEqual(notes(), [])
      assert.equal((await drain(broker, 'celery')).length, 1)
      appendFileSync(file, 'a may end\n')
    })
  })
}
