/** Workers are killed with -9, and brokers restarted, while tasks run: none is lost. The long runs are `npm run chaos`. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { testBrokers } from '../support/brokers.ts'
import { type LedgerOptions, type LedgerResult, runLedger, seeded } from '../support/ledger.ts'
import { needs } from '../support/require-server.ts'
import { startRabbitmq } from '../support/servers/rabbitmq.ts'
import { startRedis } from '../support/servers/redis.ts'

const TASKS = 300

/** A short run. Everybody stays near the producer, so that what is killed is in the middle of its work. */
async function run(t: TestContext, options: Partial<LedgerOptions> & { broker: string }): Promise<void> {
  const result: LedgerResult = await runLedger({
    tasks: TASKS,
    pool: 'prefork',
    workers: 2,
    kills: 0,
    duration: 2,
    patience: 60_000,
    random: seeded(7),
    log: (line) => t.diagnostic(String(line)),
    ...options,
  })
  t.diagnostic(`${result.repeated} repeated`)
  assert.deepEqual(result.missing, [])
  assert.equal(result.confirmed, TASKS)
  assert.equal(result.kills, options.kills ?? 0)
  assert.equal(result.disturbances, options.disturbances ?? 0)
}

// Most of the time they wait for a broker or a process.
describe('ledger', { concurrency: 2 }, () => {
  for (const { name, needs: needed, open } of testBrokers) {
    if (name === 'memory') continue
    test(`nothing is lost when workers on ${name} are killed [7-058]`, needed, async (t) => {
      await run(t, { broker: (await open(t)).broker, kills: 3 })
    })
  }

  test(
    'nothing is lost when workers with an async pool are killed [7-058]',
    needs('redis-server'),
    async (t) => {
      const { url } = await startRedis(t)
      await run(t, { broker: url, kills: 3, pool: 'async' })
    },
  )

  test('nothing is lost when Redis is killed and started again', needs('redis-server'), async (t) => {
    const server = await startRedis(t, { appendonly: true })
    const disturb = async (): Promise<void> => {
      await server.kill()
      await server.restart()
    }
    await run(t, { broker: server.url, disturb, disturbances: 1 })
  })

  test('nothing is lost when RabbitMQ is restarted [7-102]', needs('rabbitmq-server'), async (t) => {
    const server = await startRabbitmq(t)
    await run(t, { broker: server.url, disturb: () => server.restart(), disturbances: 1 })
  })
})
