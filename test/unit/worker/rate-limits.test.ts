import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeapTimer } from '../../../src/util/heap-timer.ts'
import { RateLimits } from '../../../src/worker/rate-limits.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { createTestApp } from '../app/test-app.ts'

function setUp() {
  const clock = new VirtualClock()
  const app = createTestApp({ taskDefaultRateLimit: 0 })
  app.task('t.free', () => 1)
  app.task('t.slow', { rateLimit: '2/s' }, () => 1)
  app.task('t.slower', { rateLimit: '1/m' }, () => 1)
  const limits = new RateLimits({ tasks: app.tasks, timer: new HeapTimer(clock), clock })
  const started: string[] = []
  const begun = clock.monotonic()
  /** Asks for so many calls, which are noted with the time when they start. */
  const ask = (task: string, ...names: readonly string[]) =>
    names.map((name) => {
      const start = (): void => void started.push(`${name} ${clock.monotonic() - begun}`)
      const turn = limits.wait(task, start)
      if (turn === undefined) start()
      return turn
    })
  return { clock, started, ask, limits }
}

test('calls start in order, no faster than the rate, without bursts [7-085 7-086 2-087 11-012]', async () => {
  const { clock, started, ask } = setUp()
  ask('t.slow', 'a', 'b', 'c')
  assert.deepEqual(started, ['a 0'])
  await clock.advance(10_000)
  assert.deepEqual(started.splice(0), ['a 0', 'b 500', 'c 1000'])
  // A pause saves up one token, not twenty.
  ask('t.slow', 'd', 'e')
  await clock.advance(10_000)
  assert.deepEqual(started, ['d 10000', 'e 10500'])
  assert.equal(clock.pending, 0)
})

test('each task has a bucket of its own; one without a limit waits for nothing [7-085]', async () => {
  const { clock, started, ask } = setUp()
  ask('t.slow', 'a', 'b')
  ask('t.slower', 'm', 'n')
  ask('t.free', 'x', 'y', 'z')
  ask('t.unknown', 'u')
  assert.deepEqual(started.splice(0), ['a 0', 'm 0', 'x 0', 'y 0', 'z 0', 'u 0'])
  await clock.advance(60_000)
  assert.deepEqual(started, ['b 500', 'n 60000'])
})

test('who has left the line costs no token and no time', async () => {
  const { clock, started, ask } = setUp()
  const [, b, c] = ask('t.slow', 'a', 'b', 'c', 'd')
  c?.cancel()
  await clock.advance(100)
  b?.cancel()
  await clock.advance(10_000)
  assert.deepEqual(started, ['a 0', 'd 500'])
  ask('t.slow', 'e')
  assert.deepEqual(started.at(-1), 'e 10100')
})

test('a limit that is changed counts for those who wait, too [6-114 7-087]', async () => {
  const { clock, started, ask, limits } = setUp()
  ask('t.slower', 'a', 'b', 'c')
  limits.change('t.slower', '2/s')
  await clock.advance(10_000)
  assert.deepEqual(started.splice(0), ['a 0', 'b 0', 'c 500'])
  ask('t.slower', 'd', 'e', 'f')
  limits.change('t.slower', 0)
  assert.deepEqual(started.splice(0), ['d 10000', 'e 10000', 'f 10000'])
  ask('t.slower', 'g', 'h')
  assert.deepEqual(started.splice(0), ['g 10000', 'h 10000'])
  limits.change('t.free', '1/s')
  ask('t.free', 'x', 'y')
  await clock.advance(10_000)
  assert.deepEqual(started, ['x 10000', 'y 11000'])
  assert.equal(limits.rateOf('t.free'), '1/s')
  assert.throws(() => limits.change('t.free', 'often'), /Task t.free: rateLimit must be a number/)
})
