/** What a worker does with messages, on every broker. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Celery, Ignore, Reject, TaskRevokedError } from '../../src/index.ts'
import type { Delivery, OutgoingMessage } from '../../src/messaging/message.ts'
import type { Channel } from '../../src/messaging/transport.ts'
import { resolveTransport } from '../../src/messaging/transports/resolve-transport.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { type UserWorkerOptions, Worker } from '../../src/worker/worker.ts'
import { type TestBroker, testBrokers } from '../support/brokers.ts'
import { eventually, eventuallyValue } from '../support/eventually.ts'

class Unlucky extends Error {}

/** An app and a worker in this process. */
async function setup(
  t: TestContext,
  kind: TestBroker,
  options: UserWorkerOptions = {},
  settings: object = {},
) {
  // What is registered first is cleaned up first: the worker must go before its broker.
  const cleanup: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const step of cleanup) await step()
  })
  const { broker, backend } = await kind.open(t)
  const app = new Celery('worker-test', { broker, backend, logger: silentLogger, ...settings })
  const log: string[] = []
  const gate = Promise.withResolvers<string>()
  const tasks = {
    add: app.task('t.add', (x: number, y: number) => x + y),
    late: app.task('t.late', { acksLate: true }, (x: number) => x * 2),
    fails: app.task('t.fails', { acksLate: true }, () => {
      throw new Unlucky('no luck')
    }),
    gated: app.task('t.gated', { acksLate: true }, async (name: string) => {
      log.push(name)
      return `${name} ${await gate.promise}`
    }),
    autoretry: app.task(
      't.autoretry',
      { bind: true, autoretryFor: [Unlucky], defaultRetryDelay: 0, maxRetries: 3 },
      (self) => {
        if (self.request.retries < 2) throw new Unlucky('again')
        return self.request.retries
      },
    ),
    gaveUp: app.task('t.gave-up', { autoretryFor: [Unlucky], defaultRetryDelay: 0, maxRetries: 1 }, () => {
      log.push('tried')
      throw new Unlucky('never')
    }),
    ignores: app.task('t.ignores', { acksLate: true }, () => {
      throw new Ignore()
    }),
    rejects: app.task('t.rejects', { acksLate: true }, () => {
      log.push('rejected')
      throw new Reject('not wanted', { requeue: false })
    }),
    rejectsOnce: app.task('t.rejects-once', { acksLate: true, bind: true }, (self) => {
      log.push(`redelivered: ${self.request.deliveryInfo.redelivered}`)
      if (!self.request.deliveryInfo.redelivered) throw new Reject('later', { requeue: true })
      return 'now'
    }),
    soft: app.task('t.soft', { bind: true, softTimeLimit: '30ms' }, async (self) => {
      await new Promise((_, reject) => {
        self.signal.addEventListener('abort', () => reject(self.signal.reason))
        if (self.signal.aborted) reject(self.signal.reason)
      })
    }),
  }
  const worker = new Worker(app, { pool: 'async', concurrency: 4, logger: silentLogger, ...options })
  cleanup.push(async () => {
    gate.resolve('late')
    await worker.stop('cold')
    await app.close()
  })
  return { app, worker, tasks, log, gate, broker }
}

/** A channel to the broker, past the app. */
async function openChannel(t: TestContext, url: string): Promise<Channel> {
  const transport = await resolveTransport(url)
  const connection = await transport.connect({
    url,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'test',
    warn: (message) => t.diagnostic(message),
  })
  t.after(() => connection.close())
  return connection.openChannel()
}

/** Takes one message from a queue. */
async function takeFrom(t: TestContext, url: string, queue: string): Promise<Delivery> {
  const channel = await openChannel(t, url)
  return eventuallyValue(() => channel.get(queue, { noAck: true }))
}

/** Puts a message into a queue. */
async function putInto(t: TestContext, url: string, queue: string, message: OutgoingMessage): Promise<void> {
  const channel = await openChannel(t, url)
  await channel.publish(message, { exchange: '', routingKey: queue })
}

for (const kind of testBrokers) {
  describe(`worker on ${kind.name}`, { skip: kind.needs.skip }, () => {
    test('runs tasks and stores their results [2-111, 2-112]', async (t) => {
      const { worker, tasks } = await setup(t, kind)
      await worker.start()
      assert.equal(await tasks.add.delay(4, 4).get({ timeout: 60 }), 8)
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, i) => tasks.late.delay(i).get({ timeout: 60 })),
      )
      assert.deepEqual(
        results,
        Array.from({ length: 100 }, (_, i) => i * 2),
      )
    })

    test('runs what was sent before it started', async (t) => {
      const { worker, tasks } = await setup(t, kind)
      const result = await tasks.add.delay(1, 2)
      await worker.start()
      assert.equal(await result.get({ timeout: 60 }), 3)
    })

    test('stores failures with their error [2-166]', async (t) => {
      const { worker, tasks } = await setup(t, kind)
      await worker.start()
      const result = await tasks.fails.delay()
      await assert.rejects(result.get({ timeout: 60 }), { name: 'Unlucky', message: 'no luck' })
      assert.equal(await result.state(), 'FAILURE')
      assert.match((await result.traceback()) ?? '', /worker\.test\.ts/)
    })

    test('retries by itself, and gives up in the end [2-132, 2-136, 2-141]', async (t) => {
      const { worker, tasks, log } = await setup(t, kind)
      await worker.start()
      assert.equal(await tasks.autoretry.delay().get({ timeout: 60 }), 2)
      await assert.rejects(tasks.gaveUp.delay().get({ timeout: 60 }), { name: 'Unlucky', message: 'never' })
      assert.equal(log.length, 2)
    })

    test('holds a task until its eta, and runs others meanwhile [7-077]', async (t) => {
      const { worker, tasks } = await setup(t, kind, { concurrency: 1, prefetchMultiplier: 1 })
      await worker.start()
      const due = new Date(Date.now() + 300)
      const held = await tasks.add.applyAsync([1, 1], { eta: due })
      assert.equal(await tasks.add.delay(2, 2).get({ timeout: 60 }), 4)
      assert.equal(await held.get({ timeout: 60 }), 2)
      const done = await held.dateDone()
      assert.ok(done !== null && done !== undefined && done.getTime() >= due.getTime())
    })

    test('does not run what has expired [7-064]', async (t) => {
      const { worker, tasks, log } = await setup(t, kind)
      const result = await tasks.gated.applyAsync(['x'], {
        expires: new Date(Date.now() + 50),
        countdown: 0.2,
      })
      await worker.start()
      // A broker that honours `expiration` drops the message by itself, and nobody ever knows the outcome.
      if (kind.name === 'redis') {
        await assert.rejects(result.get({ timeout: 60 }), TaskRevokedError)
      }
      assert.equal(await tasks.add.delay(1, 1).get({ timeout: 60 }), 2)
      assert.deepEqual(log, [])
    })

    test('Ignore stores nothing, Reject drops or puts back [7-060, 7-061]', async (t) => {
      const { worker, tasks, log } = await setup(t, kind)
      await worker.start()
      const ignored = await tasks.ignores.delay()
      const rejected = await tasks.rejects.delay()
      assert.equal(await tasks.rejectsOnce.delay().get({ timeout: 60 }), 'now')
      await eventually(() => log.includes('rejected'))
      assert.deepEqual(log.filter((line) => line.startsWith('re')).toSorted(), [
        'redelivered: false',
        'redelivered: true',
        'rejected',
      ])
      assert.equal(await ignored.state(), 'PENDING')
      assert.equal(log.filter((line) => line === 'rejected').length, 1)
      await rejected.forget()
    })

    test('a soft time limit fires the signal [7-030 11-012]', async (t) => {
      const { worker, tasks } = await setup(t, kind)
      await worker.start()
      await assert.rejects(tasks.soft.delay().get({ timeout: 60 }), { name: 'SoftTimeLimitExceeded' })
    })

    test('an unknown task fails with NotRegistered and is kept with the reason [7-067]', async (t) => {
      const { app, worker, broker } = await setup(t, kind, {}, { taskDeadLetterQueue: 'dead' })
      await worker.start()
      const result = await app.sendTask('t.nobody', [1])
      await assert.rejects(result.get({ timeout: 60 }), { name: 'NotRegistered' })
      const kept = await takeFrom(t, broker, 'dead')
      assert.equal(kept.headers['task'], 't.nobody')
      assert.partialDeepStrictEqual(kept.headers['celeriac_death'], {
        reason: 'unknown-task',
        queue: 'celery',
      })
      assert.equal(worker.buried, 1)
    })

    test('what cannot be decoded is kept with the reason [7-070]', async (t) => {
      const { worker, tasks, broker } = await setup(t, kind, {}, { taskDeadLetterQueue: 'dead' })
      const call = await tasks.add.delay(1, 1)
      const message = await takeFrom(t, broker, 'celery')
      const { headers, properties } = message
      await putInto(t, broker, 'celery', { headers, properties, body: new TextEncoder().encode('{"cut') })
      await worker.start()
      const kept = await takeFrom(t, broker, 'dead')
      assert.equal(kept.headers['id'], call.id)
      assert.equal(new TextDecoder().decode(kept.body), '{"cut')
      assert.partialDeepStrictEqual(kept.headers['celeriac_death'], { reason: 'undecodable' })
    })

    test('a warm stop ends what runs and gives back the rest [6-081, 6-092]', async (t) => {
      const { app, worker, tasks, log, gate, broker } = await setup(t, kind, {
        concurrency: 1,
        prefetchMultiplier: 4,
      })
      await worker.start()
      const running = await tasks.gated.delay('running')
      await eventually(() => log.length === 1)
      await tasks.gated.delay('waiting')
      await tasks.gated.applyAsync(['held'], { countdown: 60 })
      await eventually(() => worker.state.requests.size === 3)
      const stopped = worker.stop('warm')
      gate.resolve('done')
      await stopped
      assert.equal(await worker.closed, 0)
      assert.equal(await running.get({ timeout: 60 }), 'running done')
      assert.deepEqual(log, ['running'])
      const second = new Worker(app, { pool: 'async', concurrency: 4, logger: silentLogger })
      await second.start()
      await eventually(() => log.includes('waiting'))
      await eventually(() => second.state.held === 1)
      await second.stop()
      assert.equal((await takeFrom(t, broker, 'celery')).headers['eta'] === null, false)
    })

    test('what a stopping worker has not begun is with others before its running task ends', async (t) => {
      const { app, worker, tasks, log, gate } = await setup(t, kind, {
        concurrency: 1,
        prefetchMultiplier: 4,
      })
      await worker.start()
      const names = ['one', 'two', 'three']
      for (const name of names) await tasks.gated.delay(name)
      await eventually(() => log.length === 1 && worker.state.requests.size === 3)
      const stopped = worker.stop('warm')
      const second = new Worker(app, { pool: 'async', concurrency: 1, logger: silentLogger })
      await second.start()
      await eventually(() => log.length === 2)
      gate.resolve('done')
      await stopped
      await eventually(() => log.length === 3)
      assert.deepEqual(log, names)
      await second.stop()
    })

    test('a cold stop puts back what acknowledges late [6-089]', async (t) => {
      const { app, worker, tasks, log } = await setup(t, kind)
      await worker.start()
      await tasks.gated.delay('twice')
      await eventually(() => log.length === 1)
      await worker.stop('cold')
      const second = new Worker(app, { pool: 'async', concurrency: 4, logger: silentLogger })
      await second.start()
      await eventually(() => log.length === 2)
      await second.stop('cold')
    })
  })
}
