import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AsyncPool } from '../../../src/pool/async-pool.ts'
import type { PoolOutcome, RunContext } from '../../../src/pool/pool.ts'
import { Fifo } from '../../../src/util/fifo.ts'

test('jobs that are taken back while no slot is free are not kept, and the others run in their order', async (t) => {
  const gate = Promise.withResolvers<void>()
  const ran: unknown[] = []
  const runner = {
    run: async (data: unknown) => {
      ran.push(data)
      await gate.promise
    },
    close: () => Promise.resolve(),
  }
  const push = t.mock.method(Fifo.prototype, 'push')
  const pool = new AsyncPool({ size: 1 })
  await pool.start({ module: '', init: undefined, create: () => Promise.resolve(runner) })
  const run = (id: string): Promise<PoolOutcome> =>
    pool.run({ id, data: id, softTimeLimit: undefined, timeLimit: undefined })
  const kept = ['first', 'second', 'third'].map(run)
  for (let number = 0; number < 5000; number += 1) {
    const taken = run(`taken ${number}`)
    pool.withdraw(`taken ${number}`)
    assert.equal((await taken).kind, 'terminated')
  }
  const line: unknown = push.mock.calls[0]?.this
  assert.ok(line instanceof Fifo)
  assert.ok(line.size < 200, `${line.size} stand in line`)
  gate.resolve()
  await Promise.all(kept)
  assert.deepEqual(ran, ['first', 'second', 'third'])
  assert.equal(pool.info().running, 0)
})

test('a job that has done its work and waits for others is neither terminated nor timed out, but ends with the pool', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const gate = Promise.withResolvers<string>()
  const never = new Promise<never>(() => undefined)
  const runner = {
    run: (data: unknown, context: RunContext) => {
      context.release()
      return data === 'stays' ? never : gate.promise
    },
    close: () => Promise.resolve(),
  }
  const pool = new AsyncPool({ size: 3 })
  await pool.start({ module: '', init: undefined, create: () => Promise.resolve(runner) })
  const [limited, terminated, stays] = ['limited', 'terminated', 'stays'].map((id) =>
    pool.run({ id, data: id, softTimeLimit: undefined, timeLimit: 100 }),
  )
  assert.equal(pool.terminate('terminated', 'SIGTERM'), false)
  t.mock.timers.tick(100)
  gate.resolve('stored')
  assert.deepEqual(await limited, { kind: 'returned', value: 'stored' })
  assert.deepEqual(await terminated, { kind: 'returned', value: 'stored' })
  await pool.stop({ graceful: false })
  assert.deepEqual(await stays, { kind: 'terminated', signal: 'SIGTERM' })
})

test('a stop that is not graceful starts none of the jobs that wait', async () => {
  const ran: unknown[] = []
  const runner = {
    run: (data: unknown) => {
      ran.push(data)
      return new Promise<never>(() => undefined)
    },
    close: () => Promise.resolve(),
  }
  const pool = new AsyncPool({ size: 1 })
  await pool.start({ module: '', init: undefined, create: () => Promise.resolve(runner) })
  const outcomes = ['runs', 'waits', 'waits, too'].map((id) =>
    pool.run({ id, data: id, softTimeLimit: undefined, timeLimit: undefined }),
  )
  await pool.stop({ graceful: false })
  for (const { kind } of await Promise.all(outcomes)) assert.equal(kind, 'terminated')
  assert.deepEqual(ran, ['runs'])
})
