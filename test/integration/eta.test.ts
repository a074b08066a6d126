/** Tasks that wait longer than the broker lets a message be held. The long run is `npm run chaos -- --eta`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Celery } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'

const TASKS = 40

test('two workers run each ETA task once, though it waits longer than visibility_timeout [7-077, 7-083]', {
  ...needs('redis-server'),
  timeout: 240_000,
}, async (t) => {
  const { url } = await startRedis(t)
  const runs: string[] = []
  const apps = [1, 2].map((n) => {
    const app = new Celery(`eta-${n}`, {
      broker: url,
      logger: silentLogger,
      setAsCurrent: false,
      taskIgnoreResult: true,
      // Whatever is held for three seconds and not renewed goes to somebody else, at once.
      brokerTransportOptions: {
        visibility_timeout: 3,
        unacked_restore_interval: 0.1,
        unacked_restore_throttle: 1,
      },
    })
    app.task('t.due', { acksLate: true }, (id: string, due: number) => {
      assert.ok(Date.now() >= due)
      runs.push(id)
    })
    return app
  })
  const workers = apps.map((app) => new Worker(app, { pool: 'async', concurrency: 4, logger: silentLogger }))
  onCleanup(
    t,
    async () => {
      await Promise.all(workers.map((worker) => worker.stop('cold')))
      await Promise.all(apps.map((app) => app.close()))
    },
    () => undefined,
  )
  const [caller] = apps
  assert.ok(caller !== undefined)
  const ids = Array.from({ length: TASKS }, (_, i) => `task ${i}`)
  await Promise.all(workers.map((worker) => worker.start()))
  await Promise.all(
    ids.map((id, i) => {
      const eta = new Date(Date.now() + 5000 + (i * 2000) / TASKS)
      return caller.sendTask('t.due', [id, eta.getTime()], {}, { eta })
    }),
  )
  await eventually(() => new Set(runs).size === TASKS)
  // All messages are settled; what was delivered twice would have been counted.
  await eventually(() => workers.every(({ state }) => state.requests.size === 0))
  assert.deepEqual(runs.toSorted(), ids.toSorted())
  assert.equal(
    workers.reduce((sum, { state }) => sum + state.delivered, 0),
    TASKS,
  )
})
