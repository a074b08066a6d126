/** Workers with child processes, started by the command lines of either side: time limits and processes that die. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError } from '../../src/index.ts'
import {
  BROKERS,
  needsPartners,
  startNodeApp,
  startNodeCelery,
  startPartners,
  startPlace,
  startPython,
} from './partners.ts'

const POOLS = [...BROKERS.map((broker) => [broker, 'prefork'] as const), ['redis', 'threads'] as const]

for (const [broker, pool] of POOLS) {
  test(`Python calls our ${pool} worker: ${broker}`, needsPartners(broker), async (t) => {
    const partners = await startPartners(t, broker)
    const { python } = partners
    const worker = await startNodeCelery(t, partners, ['-P', pool, '-c', '2', '-Q', 'node'])

    await t.test('results, errors and retries of children [5-006, 4-039, 2-132]', async () => {
      const answers = await python.run(`
        return [
          [get('node.add', n, n) for n in range(10)], outcome(send('node.fail', 'PaymentError'))['args'], get('node.retry', 2)['retries'],
          get('node.echo', [decimal.Decimal('1.10'), datetime.date(2024, 1, 2), 2**70]) == [decimal.Decimal('1.10'), datetime.date(2024, 1, 2), 2**70],
          value(group(node('add', n, 1) for n in range(10)).delay()),
          value(chord([node('add', n, 1) for n in range(10)], node('xsum')).delay()),
        ]`)
      const numbers = Array.from({ length: 10 }, (_, n) => n)
      assert.deepEqual(answers, [
        numbers.map((n) => 2 * n),
        [12, 'EUR'],
        2,
        true,
        numbers.map((n) => n + 1),
        55,
      ])
    })

    await t.test('the hard limit that Python sets kills the task [3-020, 5-011, 2-190]', async () => {
      const answer = await python.run(`return outcome(send('node.spin', time_limit=1))`)
      assertOutcome(answer, 'TimeLimitExceeded')
    })

    await t.test('the soft limit that Python sets reaches the task [3-020, 5-011, 2-190]', async () => {
      const answers = await python.run(`
        return [outcome(send('node.soft', soft_time_limit=0.5)), outcome(send('node.soft', False, soft_time_limit=0.5))]`)
      assert.ok(Array.isArray(answers))
      assert.deepEqual(answers[0], { state: 'SUCCESS', value: 'tidied up' })
      assertOutcome(answers[1], 'SoftTimeLimitExceeded')
    })

    await t.test('a process that dies is a WorkerLostError, and replaced [2-190]', async () => {
      const answers = await python.run(`return [outcome(send('node.die')), get('node.add', 1, 1)]`)
      assert.ok(Array.isArray(answers))
      assertOutcome(answers[0], 'WorkerLostError')
      assert.equal(answers[1], 2)
    })

    await t.test('the worker stops warm', async () => {
      assert.equal(await worker.stop(), 0)
    })
  })
}

for (const broker of BROKERS) {
  test(`we call a Python prefork worker: ${broker}`, needsPartners(broker), async (t) => {
    const place = await startPlace(t, broker)
    const { app } = startNodeApp(t, place)
    await startPython(t, place, ['-c', '2', '-Q', 'py'])
    const end = (name: string, options: object = {}): Promise<unknown> =>
      app.signature(`py.${name}`).applyAsync(options).get({ timeout: 60, propagate: false })

    await t.test('the hard limit that we set kills the task [3-020, 5-011, 2-190]', async () => {
      const error = await end('spin', { timeLimit: 1 })
      assert.ok(error instanceof TimeLimitExceeded, String(error))
    })

    await t.test('the soft limit that we set reaches the task [3-020, 5-011, 2-190]', async () => {
      assert.equal(await end('soft', { softTimeLimit: 1 }), 'tidied up')
      const error = await end('spin', { softTimeLimit: 1 })
      assert.ok(error instanceof SoftTimeLimitExceeded, String(error))
    })

    await t.test('a process that dies is a WorkerLostError [2-190]', async () => {
      const error = await end('die')
      assert.ok(error instanceof WorkerLostError, String(error))
    })
  })
}

function assertOutcome(answer: unknown, type: string): void {
  assert.ok(typeof answer === 'object' && answer !== null)
  const { state, module, type: seen }: { state?: unknown; module?: unknown; type?: unknown } = answer
  assert.deepEqual([state, seen, module], ['FAILURE', type, 'billiard.exceptions'])
}
