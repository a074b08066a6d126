/** A worker whose connection breaks for a moment keeps its tasks, running and waiting, though others are idle. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { Celery } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import type { RedisConnection } from '../../src/util/redis/redis-connection.ts'
import { Worker } from '../../src/worker/worker.ts'
import { onCleanup } from '../support/cleanup.ts'
import { endWorker } from '../support/end-worker.ts'
import { eventually } from '../support/eventually.ts'
import { openTestConnection } from '../support/redis-store.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

/** A worker that writes down what it runs, and waits at the gate with it. */
function startWorker(
  t: TestContext,
  {
    url,
    log,
    gate,
    disablePrefetch = false,
  }: { url: string; log: string[]; gate: Promise<void>; disablePrefetch?: boolean },
) {
  const app = new Celery('break', {
    broker: url,
    logger: silentLogger,
    setAsCurrent: false,
    workerDisablePrefetch: disablePrefetch,
  })
  app.task('t.late', { acksLate: true, ignoreResult: true }, async (name: string) => {
    log.push(name)
    await gate
  })
  const worker = new Worker(app, { pool: 'async', concurrency: 1, logger: silentLogger })
  endWorker(t, worker, app)
  return { app, worker }
}

/** A Redis whose connections can be broken, a gate for tasks, and the books of the worker and of an idle one. */
async function startBreakable(t: TestContext) {
  const { url } = await startRedis(t)
  const proxy = await startTcpProxy(t, Number(new URL(url).port))
  const gate = Promise.withResolvers<void>()
  onCleanup(
    t,
    async () => gate.resolve(),
    () => undefined,
  )
  const log: string[] = []
  const others: string[] = []
  return { url, proxy, gate, log, others }
}

/** Everything is done, and no message went back into a queue for that. */
async function assertNothingReturned(redis: RedisConnection): Promise<void> {
  await eventually(async () => assert.equal(await redis.send('EXISTS', 'unacked', 'celery'), 0))
  const commands = String(await redis.send('INFO', 'commandstats'))
  assert.ok(!commands.includes('cmdstat_rpush:'), 'something went back into a queue')
}

test('Redis: nobody else gets what a worker holds that connects again [7-102]', {
  ...needs('redis-server'),
  timeout: 240_000,
}, async (t) => {
  const { url, proxy, gate, log, others } = await startBreakable(t)
  const { app, worker } = startWorker(t, { url: proxy.through(url), log, gate: gate.promise })
  await worker.start()
  await app.sendTask('t.late', ['runs'])
  await app.sendTask('t.late', ['waits'])
  await eventually(() => worker.state.requests.size === 2 && log.length === 1)
  const idle = startWorker(t, { url, log: others, gate: gate.promise })
  await idle.worker.start()
  const redis = await openTestConnection(t, url)
  const held = async (): Promise<string> => JSON.stringify(await redis.send('HKEYS', 'unacked'))
  const before = await held()

  proxy.cut()

  // The same messages, under the name of the new connection.
  await eventually(async () => {
    assert.equal(worker.state.requests.size, 2)
    assert.equal(worker.state.delivered, 4)
    assert.notEqual(await held(), before)
  })
  gate.resolve()
  await assertNothingReturned(redis)
  assert.deepEqual([log, others], [['runs', 'waits'], []])
})

test('Redis: nor what a worker runs that has no place for more [7-050]', {
  ...needs('redis-server'),
  timeout: 240_000,
}, async (t) => {
  const { url, proxy, gate, log, others } = await startBreakable(t)
  const full = { url: proxy.through(url), log, gate: gate.promise, disablePrefetch: true }
  const { app, worker } = startWorker(t, full)
  await worker.start()
  await app.sendTask('t.late', ['runs'])
  await eventually(() => log.length === 1)
  const idle = startWorker(t, { url, log: others, gate: gate.promise })
  await idle.worker.start()
  const redis = await openTestConnection(t, url)
  const holders = async (): Promise<readonly string[]> => {
    const tags = [await redis.send('HKEYS', 'unacked')].flat()
    return tags.map((tag) => String(tag).split(':')[1] ?? '')
  }
  const [before] = await holders()

  proxy.cut()

  await eventually(async () => {
    const [holder = ''] = await holders()
    assert.notEqual(holder, before)
    assert.notEqual(await redis.send('ZSCORE', 'celeriac:consumers', holder), null)
  })
  gate.resolve()
  await assertNothingReturned(redis)
  assert.deepEqual([log, others], [['runs'], []])
})

test('Redis: a task that runs when its connection breaks is ended and run again, on request [1-168]', {
  ...needs('redis-server'),
  timeout: 240_000,
}, async (t) => {
  const { url } = await startRedis(t)
  const proxy = await startTcpProxy(t, Number(new URL(url).port))
  const app = new Celery('cancel', {
    broker: proxy.through(url),
    logger: silentLogger,
    setAsCurrent: false,
    workerCancelLongRunningTasksOnConnectionLoss: true,
  })
  const log: string[] = []
  app.task('t.long', { bind: true, acksLate: true, ignoreResult: true }, async ({ signal }) => {
    log.push('begins')
    if (log.length > 1) return
    await once(signal, 'abort')
    log.push('is ended')
    signal.throwIfAborted()
  })
  const worker = new Worker(app, { pool: 'async', concurrency: 2, logger: silentLogger })
  endWorker(t, worker, app)
  await worker.start()
  await app.sendTask('t.long')
  await eventually(() => log.length === 1)
  proxy.cut()
  const redis = await openTestConnection(t, url)
  await eventually(() => log.length === 3)
  assert.deepEqual(log, ['begins', 'is ended', 'begins'])
  await eventually(async () => assert.equal(await redis.send('EXISTS', 'unacked', 'celery'), 0))
})
