/** A broker that has no room for new messages: workers empty it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Celery } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import { endWorker } from '../support/end-worker.ts'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'

test('Redis at its maxmemory: a worker starts, and runs what is there', {
  ...needs('redis-server'),
  timeout: 60_000,
}, async (t) => {
  const server = await startRedis(t)
  const app = new Celery('full', { broker: server.url, logger: silentLogger, setAsCurrent: false })
  const ran: string[] = []
  app.task('t.late', { acksLate: true, ignoreResult: true }, (name: string) => void ran.push(name))
  const worker = new Worker(app, { pool: 'async', concurrency: 1, logger: silentLogger })
  endWorker(t, worker, app)
  for (const name of ['a', 'b', 'c']) await app.sendTask('t.late', [name])
  await server.command('CONFIG SET maxmemory 1')
  await assert.rejects(app.sendTask('t.late', ['d'], {}, { retry: false }), /OOM.*maxmemory/)
  await worker.start()
  await eventually(() => assert.deepEqual(ran, ['a', 'b', 'c']))
  await worker.stop()
  assert.deepEqual(await server.command('EXISTS celery unacked unacked_index'), ['0'])
})
