/**
 * What every pool must do. Steered by `features`; run it with a pool that was not started yet.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Pool, PoolFeatures, PoolJob, PoolOutcome, RunnerSource } from '../../pool/pool.ts'
import type { ConformanceJob } from './pool-runner.ts'

/** A pool under test. */
export interface PoolSetup {
  readonly name: string
  /** What it says of itself; tests of what it cannot do are left out. */
  readonly features: PoolFeatures
  /** A new pool that runs `size` jobs at once. */
  readonly create: (size: number) => Pool | Promise<Pool>
}

let lastId = 0

function job(data: ConformanceJob, limits: { soft?: number; hard?: number } = {}): PoolJob {
  lastId += 1
  return { id: `job-${lastId}`, data, softTimeLimit: limits.soft, timeLimit: limits.hard }
}

function source(): RunnerSource {
  const here = import.meta.url
  const module = new URL(here.endsWith('.ts') ? './pool-runner.ts' : './pool-runner.js', here).href
  return {
    module,
    init: { greeting: 'hello' },
    create: async () => (await import('./pool-runner.ts')).createRunner({ greeting: 'hello' }),
  }
}

async function started(
  t: { after(fn: () => Promise<void>): void },
  setup: PoolSetup,
  size: number,
): Promise<Pool> {
  const pool = await setup.create(size)
  await pool.start(source())
  t.after(() => pool.stop({ graceful: false }))
  return pool
}

function value(outcome: PoolOutcome): unknown {
  assert.equal(outcome.kind, 'returned')
  return outcome.kind === 'returned' ? outcome.value : undefined
}

/** Declares the tests of the suite. */
export function exercisePool(setup: PoolSetup): void {
  describe(`pool ${setup.name}`, () => {
    exerciseRunning(setup)
    exerciseEnding(setup)
    exerciseStopping(setup)
  })
}

function exerciseRunning(setup: PoolSetup): void {
  test('runs a job and returns what the runner answers', async (t) => {
    const pool = await started(t, setup, 1)
    const data = { text: 'ünï', bytes: new Uint8Array([1, 2, 255]), big: 2n ** 70n, list: [null, 1.5, true] }
    assert.deepEqual(value(await pool.run(job({ do: 'echo', value: data }))), data)
  })

  test('runs more jobs than it has slots, each once, and tells when each starts', async (t) => {
    const pool = await started(t, setup, 2)
    const accepted: number[] = []
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        pool.run(job({ do: 'echo', value: i }), { accepted: () => accepted.push(i) }),
      ),
    )
    assert.deepEqual(
      outcomes.map(value),
      Array.from({ length: 200 }, (_, i) => i),
    )
    assert.equal(accepted.length, 200)
    assert.equal(new Set(accepted).size, 200)
  })

  test('passes large values both ways', async (t) => {
    const pool = await started(t, setup, 1)
    const bytes = new Uint8Array(3 * 1024 * 1024).fill(7)
    assert.deepEqual(value(await pool.run(job({ do: 'echo', value: bytes }))), bytes)
  })

  test('reports a runner that rejects as lost, and goes on', async (t) => {
    const pool = await started(t, setup, 1)
    assert.equal((await pool.run(job({ do: 'reject' }))).kind, 'lost')
    assert.equal(value(await pool.run(job({ do: 'echo', value: 1 }))), 1)
  })
}

function exerciseEnding(setup: PoolSetup): void {
  test('a soft time limit fires the signal of the job [7-030]', async (t) => {
    const pool = await started(t, setup, 1)
    assert.equal(value(await pool.run(job({ do: 'until-aborted' }, { soft: 20 }))), 'soft')
  })

  test('a hard time limit ends the job, and the next one runs [7-031]', async (t) => {
    const pool = await started(t, setup, 1)
    const outcome = await pool.run(job({ do: 'ignore-abort' }, { hard: 20 }))
    assert.deepEqual(outcome, { kind: 'timeout', limit: 20 })
    assert.equal(value(await pool.run(job({ do: 'echo', value: 2 }))), 2)
  })

  test('limits of months do not fire at once', async (t) => {
    const pool = await started(t, setup, 1)
    const limits = { soft: 2 ** 31, hard: Number.POSITIVE_INFINITY }
    assert.equal((await pool.run(job({ do: 'later', milliseconds: 30 }, limits))).kind, 'returned')
  })

  test('terminate ends a running job', async (t) => {
    const pool = await started(t, setup, 1)
    const running = job({ do: 'ignore-abort' })
    const outcome = pool.run(running, { accepted: () => assert.ok(pool.terminate(running.id, 'SIGTERM')) })
    assert.deepEqual(await outcome, { kind: 'terminated', signal: 'SIGTERM' })
    assert.equal(value(await pool.run(job({ do: 'echo', value: 3 }))), 3)
  })

  test('terminate drops a waiting job without running it', async (t) => {
    const pool = await started(t, setup, 1)
    const first = job({ do: 'until-aborted' }, { soft: 50 })
    const running = pool.run(first)
    const waiting = job({ do: 'echo', value: 4 })
    const outcome = pool.run(waiting, { accepted: () => assert.fail('it ran') })
    assert.ok(pool.terminate(waiting.id, 'SIGTERM'))
    assert.deepEqual(await outcome, { kind: 'terminated', signal: 'SIGTERM' })
    assert.equal(pool.terminate('nobody', 'SIGTERM'), false)
    assert.equal(value(await running), 'soft')
  })

  test('withdraw takes back what has not started, and leaves the rest alone', async (t) => {
    const pool = await started(t, setup, 1)
    const ran = new Set<string>()
    const jobs = Array.from({ length: 9 }, (_, i) => job({ do: 'echo', value: i }))
    // Afterwards a pool that looks ahead knows that they are short.
    await Promise.all(jobs.map((each) => pool.run(each)))
    const outcomes = jobs.map((each) => pool.run(each, { accepted: () => ran.add(each.id) }))
    for (const each of jobs) pool.withdraw(each.id)
    for (const [index, outcome] of (await Promise.all(outcomes)).entries()) {
      assert.equal(outcome.kind, ran.has(jobs[index]?.id ?? '') ? 'returned' : 'terminated')
    }
    assert.ok(ran.size < jobs.length)
    assert.equal(value(await pool.run(job({ do: 'echo', value: 5 }))), 5)
  })

  if (setup.features.isolates)
    test('a job that kills its process or thread is lost, the others are not [7-029]', async (t) => {
      const pool = await started(t, setup, 2)
      const [dead, alive] = await Promise.all([
        pool.run(job({ do: 'exit', code: 3 })),
        pool.run(job({ do: 'until-aborted' }, { soft: 100 })),
      ])
      assert.deepEqual(dead, { kind: 'lost', exitCode: 3, signal: undefined })
      assert.equal(value(alive), 'soft')
      const pids = await Promise.all([1, 2, 3, 4].map(() => pool.run(job({ do: 'pid' }))))
      assert.equal(pids.map(value).includes(process.pid), !setup.features.processes)
    })

  if (setup.features.terminates)
    test('a job that blocks its process is killed at the hard time limit', async (t) => {
      const pool = await started(t, setup, 1)
      assert.deepEqual(await pool.run(job({ do: 'spin' }, { hard: 50 })), { kind: 'timeout', limit: 50 })
      assert.equal(value(await pool.run(job({ do: 'echo', value: 5 }))), 5)
    })
}

function exerciseStopping(setup: PoolSetup): void {
  test('a graceful stop finishes what was given', async () => {
    const pool = await setup.create(1)
    await pool.start(source())
    const outcomes = [1, 2, 3].map((n) => pool.run(job({ do: 'echo', value: n })))
    await pool.stop({ graceful: true })
    assert.deepEqual((await Promise.all(outcomes)).map(value), [1, 2, 3])
    assert.equal((await pool.run(job({ do: 'echo', value: 4 }))).kind, 'terminated')
  })

  test('an ungraceful stop ends running and waiting jobs, also after a graceful one began', async () => {
    const pool = await setup.create(1)
    await pool.start(source())
    const outcomes = [pool.run(job({ do: 'ignore-abort' })), pool.run(job({ do: 'echo', value: 1 }))]
    const graceful = pool.stop({ graceful: true })
    await pool.stop({ graceful: false })
    await graceful
    assert.deepEqual(
      (await Promise.all(outcomes)).map((outcome) => outcome.kind),
      ['terminated', 'terminated'],
    )
  })

  if (setup.features.resizes)
    test('grows and shrinks [7-033]', async (t) => {
      const pool = await started(t, setup, 1)
      await pool.resize?.(3)
      assert.equal(pool.size, 3)
      const jobs = [1, 2, 3].map(() => job({ do: 'until-aborted' }))
      const outcomes = jobs.map((each) => pool.run(each))
      assert.equal(pool.info().running, 3)
      for (const each of jobs) pool.terminate(each.id, 'SIGTERM')
      await Promise.all(outcomes)
      await pool.resize?.(0)
      assert.equal(pool.size, 0)
      const waiting = pool.run(job({ do: 'echo', value: 6 }), { accepted: () => assert.equal(pool.size, 1) })
      await pool.resize?.(1)
      assert.equal(pool.size, 1)
      assert.equal(value(await waiting), 6)
    })

  if (setup.features.isolates)
    test('a restart loads modules anew, while running jobs end where they are [7-036]', async (t) => {
      const pool = await started(t, setup, 1)
      assert.equal(value(await pool.run(job({ do: 'count' }))), 1)
      const running = job({ do: 'until-aborted' })
      const accepted = Promise.withResolvers<number>()
      const outcome = pool.run(running, { accepted: accepted.resolve })
      await accepted.promise
      await pool.restart?.()
      assert.equal(value(await pool.run(job({ do: 'count' }))), 1)
      assert.ok(pool.terminate(running.id, 'SIGTERM'))
      assert.equal((await outcome).kind, 'terminated')
      assert.equal(value(await pool.run(job({ do: 'count' }))), 2)
    })
}
