import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { PoolOutcome } from '../../../src/pool/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { jobOf, type ScriptedChild, scriptedPool, turns } from './scripted-children.ts'

/** A pool of one child that has learned that its jobs are short. */
async function shortPool(t: TestContext) {
  const { pool, children } = await scriptedPool(t, { processes: 1 })
  const child = children[0]
  assert.ok(child)
  for (let run = 0; run < 20; run += 1) {
    const outcome = pool.run(jobOf(`warm ${run}`))
    await turns(2)
    child.finish()
    await outcome
  }
  return { pool, children, child }
}

/** Lets whoever is not blocked end its jobs until these have ended. */
async function work(children: readonly ScriptedChild[], outcomes: readonly Promise<PoolOutcome>[]) {
  let pending = outcomes.length
  for (const outcome of outcomes) void outcome.then(() => (pending -= 1))
  await eventually(
    () => {
      for (const child of children) if (!child.blocked && !child.killed) child.finish()
      return pending === 0
    },
    { every: 1 },
  )
  return (await Promise.all(outcomes)).map(({ kind }) => kind)
}

test('a job that blocks its child although it was thought to be short can be terminated; those behind it run', async (t) => {
  const { pool, children, child } = await shortPool(t)
  child.blocked = true
  const outcomes = ['blocks', 'waits 1', 'waits 2'].map((id) => pool.run(jobOf(id)))
  await turns()
  assert.deepEqual(child.jobs, ['blocks', 'waits 1', 'waits 2'])
  assert.ok(pool.terminate('blocks', 'SIGTERM'))
  assert.deepEqual(await work(children, outcomes), ['terminated', 'returned', 'returned'])
  assert.ok(child.killed)
})

test('a child that is blocked by a job that is known to run is not killed for one that waits there', async (t) => {
  const { pool, children } = await scriptedPool(t, { tasksPerProcess: 2, killGrace: 5 })
  const child = children[0]
  assert.ok(child)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const runs = pool.run(jobOf('runs'))
  await turns()
  child.accept()
  child.blocked = true
  const waits = pool.run(jobOf('waits'))
  await turns()
  pool.terminate('waits', 'SIGTERM')
  t.mock.timers.tick(5)
  await turns()
  assert.ok(!child.killed)
  child.blocked = false
  child.jobs.splice(child.jobs.indexOf('waits'), 1)
  child.events.received(['returned', 'waits'])
  assert.equal((await waits).kind, 'terminated')
  child.finish()
  assert.equal((await runs).kind, 'returned')
})

for (const aborted of [false, true]) {
  test(`a job that ${aborted ? 'was aborted' : 'had ended by itself'} when it was terminated has ${aborted ? 'been terminated' : 'returned'}`, async (t) => {
    const { pool, children } = await scriptedPool(t, { killGrace: 10_000 })
    const ended = pool.run(jobOf('ended'))
    await turns()
    children[0]?.accept()
    assert.ok(pool.terminate('ended', 'SIGTERM'))
    children[0]?.events.received(['done', 'ended', 'value', 0, aborted])
    assert.deepEqual(
      await ended,
      aborted ? { kind: 'terminated', signal: 'SIGTERM' } : { kind: 'returned', value: 'value' },
    )
  })
}

test('a job that had ended by itself at its time limit has returned', async (t) => {
  const { pool, children } = await scriptedPool(t, {})
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const ended = pool.run({ ...jobOf('ended'), timeLimit: 100 })
  await turns()
  children[0]?.accept()
  t.mock.timers.tick(100)
  children[0]?.events.received(['done', 'ended', 'value', 0, false])
  assert.deepEqual(await ended, { kind: 'returned', value: 'value' })
  assert.ok(children[0]?.killed)
})

test('a cold stop ends a child that is blocked by a job of which nothing is known', async (t) => {
  const { pool, child } = await shortPool(t)
  child.blocked = true
  const outcomes = ['blocks', 'waits'].map((id) => pool.run(jobOf(id)))
  await turns()
  await pool.stop({ graceful: false })
  assert.deepEqual(
    (await Promise.all(outcomes)).map(({ kind }) => kind),
    ['terminated', 'terminated'],
  )
  assert.ok(child.killed)
})

test('a child that does not leave when it has nothing more to do is killed', async (t) => {
  const { pool, children, warnings } = await scriptedPool(
    t,
    { maxTasksPerChild: 1, leaveGrace: 10 },
    (child) => {
      child.stubborn = true
    },
  )
  const first = pool.run(jobOf('first'))
  await work(children, [first])
  await eventually(() => assert.equal(children.length, 2))
  await eventually(() => assert.ok(children[0]?.killed))
  await pool.stop({ graceful: true })
  assert.deepEqual(
    children.map(({ killed }) => killed),
    [true, true],
  )
  assert.match(warnings[0] ?? '', /^child 1 was told to stop and has not for 0\.01 s: it is killed$/)
})

test('a child that dies as soon as it is there is not started over and over, and its end is told', async (t) => {
  const { pool, children, warnings } = await scriptedPool(t, {}, (child, number) => {
    if (number > 1) setImmediate(() => setImmediate(() => setImmediate(() => child.exit(7))))
  })
  const [first] = children
  assert.ok(first)
  await work(children, [pool.run(jobOf('first'))])
  first.exit(6)
  await turns(200)
  assert.equal(children.length, 2)
  assert.deepEqual(warnings, [
    'child 1 has ended unexpectedly (exit code 6)',
    'child 2 has ended unexpectedly (exit code 7)',
  ])
})

test('one that cannot start is tried again after a pause, once', async (t) => {
  const { pool, children, warnings } = await scriptedPool(t, { processes: 2 }, (child, number) => {
    if (number <= 2) return
    child.blocked = true
    setImmediate(() => setImmediate(() => child.exit(1)))
  })
  await work(children, [pool.run(jobOf('first')), pool.run(jobOf('second'))])
  children[0]?.exit(6)
  await turns(200)
  assert.equal(children.length, 3)
  assert.match(warnings.at(-1) ?? '', /^a child could not start: .*\(exit code 1\)$/)
})

test('what needs a child for itself gets one, however much else there is to do', async (t) => {
  const { pool, children } = await scriptedPool(t, { tasksPerProcess: 2 })
  const [first] = children
  assert.ok(first)
  const suspects = ['a', 'b'].map((id) => pool.run(jobOf(id)))
  await turns()
  // Nobody knows which of them it was.
  first.exit(9)
  let ended = 0
  for (const suspect of suspects) void suspect.then(() => (ended += 1))
  let next = 0
  const more: Promise<PoolOutcome>[] = []
  await eventually(
    async () => {
      while (more.length < next + 4) more.push(pool.run(jobOf(`more ${more.length}`)))
      await turns(3)
      const { length } = children
      if (length > 1) {
        children[length - 1]?.finish()
        next += 1
      }
      return ended === 2
    },
    { every: 1, timeout: 3000 },
  )
  for (const { kind } of await Promise.all(suspects)) assert.equal(kind, 'returned')
})

test('a restart that fails leaves the old children and none of the new', async (t) => {
  const { pool, children } = await scriptedPool(t, { processes: 2 }, (child, number) => {
    if (number !== 4) return
    child.blocked = true
    setImmediate(() => setImmediate(() => child.exit(1)))
  })
  await assert.rejects(pool.restart(), /exit code 1/)
  await eventually(() => assert.equal(pool.info().processes.length, 2))
  assert.deepEqual(
    children.map(({ told }) => told.includes('stop')),
    [false, false, true, false],
  )
})

test('a pool that grows while it is restarted has its new size at once, though an old child is still busy', async (t) => {
  const { pool, children } = await scriptedPool(t, { processes: 1 }, (child, number) => {
    child.blocked = number === 2
  })
  const busy = pool.run(jobOf('busy'))
  await turns()
  children[0]?.accept()
  const restarted = pool.restart()
  await turns()
  await pool.resize(2)
  assert.equal(children.length, 2)
  children[1]?.events.received(['ready'])
  await restarted
  await eventually(() => assert.equal(children.length, 3))
  for (const child of children) child.blocked = false
  await work(children, [busy])
})

test('a graceful stop lets what waits run, in new children if need be', async (t) => {
  const { pool, children } = await scriptedPool(t, { processes: 1, maxTasksPerChild: 1 })
  const outcomes = ['first', 'second', 'third'].map((id) => pool.run(jobOf(id)))
  const stopped = pool.stop({ graceful: true })
  assert.deepEqual(await work(children, outcomes), ['returned', 'returned', 'returned'])
  await stopped
  assert.equal(children.length, 3)
})

test('a graceful stop goes on when a child cannot be replaced at once', async (t) => {
  const { pool, children } = await scriptedPool(t, { processes: 1 }, (child, number) => {
    if (number !== 2) return
    child.blocked = true
    setImmediate(() => setImmediate(() => child.exit(1)))
  })
  const outcomes = ['first', 'second'].map((id) => pool.run(jobOf(id)))
  await turns()
  children[0]?.accept()
  const stopped = pool.stop({ graceful: true })
  children[0]?.exit(9)
  assert.deepEqual(await work(children, outcomes), ['lost', 'returned'])
  await stopped
  assert.equal(children.length, 3)
})

test('jobs of a child that dies on its way out run in the one that took its place', async (t) => {
  const { pool, children, child } = await shortPool(t)
  child.blocked = true
  const outcomes = ['one', 'two', 'three'].map((id) => pool.run(jobOf(id)))
  await turns()
  child.events.received(['heavy', 1_000_000])
  await turns()
  assert.equal(children.length, 2)
  child.exit(137)
  assert.deepEqual(await work(children, outcomes), ['returned', 'returned', 'returned'])
})

for (const verb of ['terminate', 'withdraw'] as const) {
  test(`when what waits for a child of its own is not wanted any more (${verb}), those behind it run`, async (t) => {
    const { pool, children } = await scriptedPool(
      t,
      { processes: 2, tasksPerProcess: 2 },
      (child, number) => {
        child.blocked = number === 3
      },
    )
    const [first, second] = children
    assert.ok(first && second)
    for (const id of ['started', 'elsewhere', 'suspect']) void pool.run(jobOf(id))
    await turns()
    assert.deepEqual(first.jobs, ['started', 'suspect'])
    first.accept()
    first.exit(9)
    void pool.run(jobOf('next'))
    await turns()
    assert.deepEqual(second.jobs, ['elsewhere'])
    pool[verb]('suspect', 'SIGTERM')
    await turns()
    assert.deepEqual(second.jobs, ['elsewhere', 'next'])
  })
}

test('a child that is not needed any more before it is there is no failure, and the next one is started at once', async (t) => {
  const { pool, children, warnings } = await scriptedPool(t, { processes: 1 }, (child, number) => {
    child.blocked = number === 2
  })
  const grown = pool.resize(2)
  await turns()
  await pool.resize(1)
  children[1]?.exit(0)
  await grown
  await turns()
  void pool.resize(2)
  assert.equal(children.length, 3)
  assert.deepEqual(warnings, [])
})
