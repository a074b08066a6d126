import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AsyncPool } from '../../src/pool/async-pool.ts'
import { createPool } from '../../src/pool/create-pool.ts'
import { PreforkPool } from '../../src/pool/prefork/prefork-pool.ts'
import { exercisePool } from '../../src/testing/conformance/pool.ts'

const inProcess = { terminates: false, resizes: true, processes: false }
const processes = { terminates: true, resizes: true, processes: true }

exercisePool({ name: 'async', features: inProcess, create: (size) => new AsyncPool({ size }) })
exercisePool({
  name: 'prefork',
  features: processes,
  create: (size) => new PreforkPool({ processes: size, killGrace: 50 }),
})
exercisePool({
  name: 'prefork, replacing its children after three jobs [7-027]',
  features: processes,
  create: (size) => new PreforkPool({ processes: size, killGrace: 50, maxTasksPerChild: 3 }),
})

test('prefork: a child process runs several jobs at once', async (t) => {
  const pool = new PreforkPool({ processes: 1, tasksPerProcess: 3, killGrace: 50 })
  const module = new URL('../../src/testing/conformance/pool-runner.ts', import.meta.url).href
  await pool.start({ module, init: { greeting: 'hi' }, create: () => assert.fail('it is not local') })
  t.after(() => pool.stop({ graceful: false }))
  let accepted = 0
  const allAccepted = Promise.withResolvers<void>()
  const outcomes = [1, 2, 3].map((n) =>
    pool.run(
      { id: `${n}`, data: { do: 'until-aborted' }, softTimeLimit: undefined, timeLimit: undefined },
      { accepted: () => (++accepted === 3 ? allAccepted.resolve() : undefined) },
    ),
  )
  await allAccepted.promise
  assert.equal(pool.info().processes.length, 1)
  for (const n of [1, 2, 3]) pool.terminate(`${n}`, 'SIGTERM')
  assert.deepEqual(
    (await Promise.all(outcomes)).map((o) => o.kind),
    ['terminated', 'terminated', 'terminated'],
  )
})

test('prefork: a runner module that throws makes start reject with its error', async () => {
  const pool = new PreforkPool({ processes: 2 })
  const module = 'data:text/javascript,throw new Error("the module of the user is broken")'
  await assert.rejects(
    pool.start({ module, init: undefined, create: () => assert.fail('it is not local') }),
    /the module of the user is broken/,
  )
})

test('createPool knows the names of Celery [7-018, 7-023, 7-024] and refuses others', async () => {
  assert.equal((await createPool('gevent', { concurrency: 7 })).size, 7)
  assert.equal((await createPool('solo', { concurrency: 7 })).size, 1)
  assert.equal((await createPool('processes', { concurrency: 2, tasksPerProcess: 5 })).size, 10)
  await assert.rejects(createPool('threadz', {}), /No pool is called "threadz": use one of prefork/)
})
