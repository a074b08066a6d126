import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AsyncPool } from '../../src/pool/async-pool.ts'
import { ChildPool } from '../../src/pool/children/child-pool.ts'
import type { OpenChild } from '../../src/pool/children/frames.ts'
import { createPool } from '../../src/pool/create-pool.ts'
import type { PoolJob, PoolOutcome } from '../../src/pool/pool.ts'
import { PreforkPool } from '../../src/pool/prefork/prefork-pool.ts'
import { ThreadsPool } from '../../src/pool/threads/threads-pool.ts'
import { exercisePool } from '../../src/testing/conformance/pool.ts'
import type { ConformanceJob } from '../../src/testing/conformance/pool-runner.ts'
import { eventually } from '../support/eventually.ts'
import { isRunning } from '../support/is-running.ts'
import { startProcess } from '../support/spawn.ts'

const inProcess = { terminates: false, resizes: true, isolates: false, processes: false }
const processes = { terminates: true, resizes: true, isolates: true, processes: true }

exercisePool({ name: 'async', features: inProcess, create: (size) => new AsyncPool({ size }) })
exercisePool({
  name: 'prefork',
  features: processes,
  create: (size) => new PreforkPool({ processes: size, killGrace: 50 }),
})
exercisePool({
  name: 'prefork, replacing its children after twenty jobs',
  features: processes,
  create: (size) => new PreforkPool({ processes: size, killGrace: 50, maxTasksPerChild: 20 }),
})
exercisePool({
  name: 'threads',
  features: { ...processes, processes: false },
  create: (size) => new ThreadsPool({ processes: size, killGrace: 50 }),
})

test('prefork: each job in a process of its own, which heeds signals of its parent alone [7-019, 7-026, 7-035]', async (t) => {
  const pool = new PreforkPool({ processes: 2, killGrace: 50 })
  const module = new URL('../../src/testing/conformance/pool-runner.ts', import.meta.url).href
  await pool.start({ module, init: { greeting: 'hi' }, create: () => assert.fail('it is not local') })
  t.after(() => pool.stop({ graceful: false }))
  const pids: number[] = []
  const run = (id: string, job: ConformanceJob): Promise<PoolOutcome> =>
    pool.run(plain(id, job), { accepted: (pid) => pids.push(pid) })
  const ended = run('ended', { do: 'until-aborted' })
  const undisturbed = run('undisturbed', { do: 'until-aborted' })
  await eventually(() => assert.equal(pids.length, 2))
  const { implementation, maxConcurrency, processes: children, running } = pool.info()
  assert.deepEqual([implementation, maxConcurrency, running], ['prefork', 2, 2])
  assert.deepEqual([...children].toSorted(), [...new Set(pids)].toSorted())
  assert.ok(!pids.includes(process.pid))
  for (const pid of pids) {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal)
  }
  assert.equal(pool.terminate('ended', 'SIGTERM'), true)
  assert.deepEqual(await ended, { kind: 'terminated', signal: 'SIGTERM' })
  assert.equal((await run('third', { do: 'pid' })).kind, 'returned')
  assert.equal(pool.terminate('undisturbed', 'SIGTERM'), true)
  assert.deepEqual(await undisturbed, { kind: 'terminated', signal: 'SIGTERM' })
})

test('prefork: a child is replaced after so many jobs [7-027] [11-011]', async (t) => {
  const pool = new PreforkPool({ processes: 1, maxTasksPerChild: 3 })
  const module = new URL('../../src/testing/conformance/pool-runner.ts', import.meta.url).href
  await pool.start({ module, init: { greeting: 'hi' }, create: () => assert.fail('it is not local') })
  t.after(() => pool.stop({ graceful: false }))
  const pids: number[] = []
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  const run = (id: string): Promise<PoolOutcome> =>
    pool.run(plain(id, { do: 'echo', value: id }), { accepted: (pid) => pids.push(pid) })
  for (const { kind } of await Promise.all(ids.map(run))) assert.equal(kind, 'returned')
  const jobs = [...Map.groupBy(pids, (pid) => pid).values()].map(({ length }) => length)
  assert.deepEqual(jobs, [3, 3, 1])
})

test('prefork: a child that has grown too large is replaced after its job [7-028]', async (t) => {
  const warnings: string[] = []
  const options = { processes: 1, maxMemoryPerChild: 1, warn: (text: string) => void warnings.push(text) }
  const pool = new PreforkPool(options)
  const module = new URL('../../src/testing/conformance/pool-runner.ts', import.meta.url).href
  await pool.start({ module, init: { greeting: 'hi' }, create: () => assert.fail('it is not local') })
  t.after(() => pool.stop({ graceful: false }))
  const pids = new Set<number>()
  for (const id of ['a', 'b', 'c']) {
    const pid = Promise.withResolvers<number>()
    const outcome = await pool.run(plain(id, { do: 'echo', value: id }), { accepted: pid.resolve })
    assert.equal(outcome.kind, 'returned')
    pids.add(await pid.promise)
    await eventually(() => assert.equal(warnings.length, pids.size))
  }
  assert.equal(pids.size, 3)
  assert.match(warnings[0] ?? '', /^process \d+ is replaced: it has \d+ KiB of memory$/)
})

test('a child that gives no sign of life in time is given up for another [1-186, 7-026]', async (t) => {
  const warnings: string[] = []
  const bodies: string[] = []
  const open: OpenChild = (events) => {
    bodies.push(`child ${bodies.length + 1}`)
    const isDumb = bodies.length === 1
    if (!isDumb) setImmediate(() => events.received(['up']))
    return {
      name: bodies.at(-1) ?? '',
      pid: 1,
      send: ([what]) => {
        if (what === 'init' && !isDumb) setImmediate(() => events.received(['ready']))
        if (what === 'stop') setImmediate(() => events.exited({ exitCode: 0, signal: undefined }))
      },
      flush: () => undefined,
      kill: () => setImmediate(() => events.exited({ exitCode: undefined, signal: 'SIGKILL' })),
    }
  }
  const options = { processes: 1, aliveTimeout: 1000, warn: (text: string) => void warnings.push(text) }
  const pool = new ChildPool(options, { implementation: 'scripted', open, processes: true })
  await pool.start({ module: '', init: undefined, create: () => assert.fail('it is not local') })
  t.after(() => pool.stop({ graceful: false }))
  assert.deepEqual(bodies, ['child 1', 'child 2'])
  assert.deepEqual(warnings, ['Timed out waiting for UP message from child 1'])
})

test('threads: jobs run in threads of this process; one that dies of an error takes no other along [7-022]', async (t) => {
  const warnings: string[] = []
  const pool = new ThreadsPool({ processes: 2, warn: (text: string) => void warnings.push(text) })
  const module = new URL('../../src/testing/conformance/pool-runner.ts', import.meta.url).href
  await pool.start({ module, init: { greeting: 'hi' }, create: () => assert.fail('it is not local') })
  t.after(() => pool.stop({ graceful: false }))
  assert.equal((await createPool('threads', { concurrency: 3, tasksPerProcess: 2 })).size, 6)
  assert.equal(pool.info().threads, 2)
  assert.deepEqual(pool.info().processes, [])
  const alive = pool.run(plain('alive', { do: 'until-aborted' }))
  assert.deepEqual(await pool.run(plain('dead', { do: 'throw' })), {
    kind: 'lost',
    exitCode: 1,
    signal: undefined,
  })
  assert.match(warnings[0] ?? '', /^thread \d+ died: Error: thrown where nobody catches it/)
  pool.terminate('alive', 'SIGTERM')
  assert.equal((await alive).kind, 'terminated')
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

test('createPool knows the names of Celery [7-018, 7-021, 7-022, 7-023, 7-024, 11-004] and refuses others', async () => {
  assert.equal((await createPool('gevent', { concurrency: 7 })).size, 7)
  assert.equal((await createPool('solo', { concurrency: 7 })).size, 1)
  assert.equal((await createPool('celery.concurrency.thread:TaskPool', { concurrency: 2 })).size, 2)
  assert.equal((await createPool('processes', { concurrency: 2, tasksPerProcess: 5 })).size, 10)
  await assert.rejects(createPool('threadz', {}), /No pool is called "threadz": use one of prefork/)
})

/** A prefork pool that has learned that jobs of the default kind are short. */
async function warmPool(
  t: { after(fn: () => Promise<void>): void },
  processes: number,
): Promise<PreforkPool> {
  const pool = new PreforkPool({ processes, killGrace: 50 })
  const module = new URL('../../src/testing/conformance/pool-runner.ts', import.meta.url).href
  await pool.start({ module, init: { greeting: 'hi' }, create: () => assert.fail('it is not local') })
  t.after(() => pool.stop({ graceful: false }))
  for (let i = 0; i < 50; i += 1) await pool.run(plain(`warm-${i}`, { do: 'echo', value: i }))
  return pool
}

function plain(id: string, data: ConformanceJob, timeLimit?: number): PoolJob {
  return { id, data, softTimeLimit: undefined, timeLimit }
}

test('prefork: jobs that wait behind one that was thought to be short come back and run elsewhere', async (t) => {
  const pool = await warmPool(t, 2)
  const long = pool.run(plain('long', { do: 'until-aborted' }))
  const short = Array.from({ length: 20 }, (_, i) => pool.run(plain(`s${i}`, { do: 'echo', value: i })))
  assert.equal(
    (await Promise.all(short)).every(({ kind }) => kind === 'returned'),
    true,
  )
  assert.equal(pool.info().running, 1)
  pool.terminate('long', 'SIGTERM')
  assert.deepEqual(await long, { kind: 'terminated', signal: 'SIGTERM' })
})

test('prefork: of the jobs in a process that dies only the one that killed it is lost', async (t) => {
  const pool = await warmPool(t, 1)
  const jobs = Array.from(
    { length: 12 },
    (_, i): ConformanceJob => (i === 5 ? { do: 'exit', code: 9 } : { do: 'echo', value: i }),
  )
  const outcomes = await Promise.all(jobs.map((data, i) => pool.run(plain(`d${i}`, data))))
  assert.deepEqual(
    outcomes.map(({ kind }) => kind),
    jobs.map((job) => (job.do === 'exit' ? 'lost' : 'returned')),
  )
})

test('prefork: a job that blocks its process although it was thought to be short ends at its time limit', async (t) => {
  const pool = await warmPool(t, 1)
  const outcomes = await Promise.all([
    pool.run(plain('spin', { do: 'spin' }, 100)),
    ...[1, 2, 3].map((n) => pool.run(plain(`n${n}`, { do: 'echo', value: n }, 60_000))),
  ])
  assert.deepEqual(
    outcomes.map(({ kind }) => kind),
    ['timeout', 'returned', 'returned', 'returned'],
  )
})

test('prefork: a job that waits in a process can be terminated without harm to the one that runs there', async (t) => {
  const pool = await warmPool(t, 1)
  const first = pool.run(plain('first', { do: 'until-aborted' }, 60_000))
  const second = pool.run(plain('second', { do: 'echo', value: 2 }))
  assert.ok(pool.terminate('second', 'SIGTERM'))
  assert.deepEqual(await second, { kind: 'terminated', signal: 'SIGTERM' })
  assert.equal(pool.info().running, 1)
  pool.terminate('first', 'SIGTERM')
  assert.equal((await first).kind, 'terminated')
})

test('prefork: a process that is blocked by its job dies with its parent [7-026]', async (t) => {
  const runner = new URL('../../src/testing/conformance/pool-runner.ts', import.meta.url).href
  const pool = new URL('../../src/pool/prefork/prefork-pool.ts', import.meta.url).href
  const program = `
    import { PreforkPool } from ${JSON.stringify(pool)}
    const pool = new PreforkPool({ processes: 1 })
    await pool.start({ module: ${JSON.stringify(runner)}, init: { greeting: 'hi' } })
    pool.run({ id: '1', data: { do: 'spin' } }, { accepted: (pid) => console.log('runs in ' + pid) })`
  const parent = startProcess(process.execPath, ['--input-type=module', '-e', program], { t })
  await parent.waitForOutput(/runs in \d+/)
  const child = Number(/runs in (\d+)/.exec(parent.output())?.[1])
  process.kill(parent.pid, 'SIGKILL')
  await eventually(() => !isRunning(child))
})

test('prefork: jobs that wait a little all run, whatever comes meanwhile', async (t) => {
  const pool = await warmPool(t, 2)
  let next = 0
  const lanes = Array.from({ length: 10 }, async () => {
    while (next < 2000) {
      next += 1
      const outcome = await pool.run(
        plain(`l${next}`, { do: 'later', milliseconds: next % 100 === 0 ? 30 : 0 }),
      )
      assert.equal(outcome.kind, 'returned')
    }
  })
  await Promise.all(lanes)
  assert.equal(pool.info().running, 0)
})

for (const mode of ['terminated', 'stopped'] as const) {
  test(`prefork: a job that blocks its process although it was thought to be short can be ${mode}`, async (t) => {
    const pool = await warmPool(t, 1)
    const spins = pool.run(plain('spins', { do: 'spin' }))
    if (mode === 'terminated') {
      const next = pool.run(plain('next', { do: 'echo', value: 1 }))
      pool.terminate('spins', 'SIGTERM')
      assert.equal((await next).kind, 'returned')
    } else await pool.stop({ graceful: false })
    assert.deepEqual(await spins, { kind: 'terminated', signal: 'SIGTERM' })
  })
}
