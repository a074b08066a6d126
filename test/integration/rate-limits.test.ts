/** How often a worker starts tasks, on every broker. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { UserAppOptions } from '../../src/app/app-options.ts'
import { Celery } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import type { TestBroker } from '../support/brokers.ts'
import { testBrokers } from '../support/brokers.ts'
import { endWorker } from '../support/end-worker.ts'
import { eventually } from '../support/eventually.ts'

async function setUp(t: TestContext, kind: TestBroker, settings: UserAppOptions = {}) {
  const { broker } = await kind.open(t)
  const options = { broker, backend: 'cache+memory://', logger: silentLogger, setAsCurrent: false }
  const app = new Celery('t', { ...options, ...settings })
  const ran: unknown[] = []
  const note = (what: unknown): void => void ran.push(what)
  const tasks = {
    rare: app.task('t.rare', { rateLimit: '1/h' }, note),
    quick: app.task('t.quick', { rateLimit: '50/s', acksLate: true }, note),
    free: app.task('t.free', note),
  }
  const worker = new Worker(app, { pool: 'async', logger: silentLogger })
  endWorker(t, worker, app)
  await worker.start()
  return { app, worker, tasks, ran }
}

for (const kind of testBrokers) {
  test(
    `${kind.name}: calls over the limit wait, unacknowledged, and hinder no other task [2-087 7-088 7-090]`,
    kind.needs,
    async (t) => {
      const { app, worker, tasks, ran } = await setUp(t, kind)
      for (const name of ['one', 'two', 'three']) await tasks.rare.delay(name)
      await tasks.rare.applyAsync(['later'], { countdown: '20ms' })
      await eventually(() => assert.deepEqual([ran.length, worker.state.requests.size], [1, 3]))
      for (let number = 0; number < 5; number++) await tasks.quick.delay(number)
      await tasks.free.delay('free')
      await eventually(() => assert.equal(ran.length, 7))
      assert.deepEqual(
        ran.filter((what) => what !== 'free'),
        ['one', 0, 1, 2, 3, 4],
      )
      await worker.stop()
      assert.equal(await app.purge(), 3)
    },
  )

  test(`${kind.name}: a worker may be told not to care [7-089]`, kind.needs, async (t) => {
    const { tasks, ran } = await setUp(t, kind, { workerDisableRateLimits: true })
    for (const name of ['one', 'two', 'three']) await tasks.rare.delay(name)
    await eventually(() => assert.deepEqual(ran, ['one', 'two', 'three']))
  })
}
