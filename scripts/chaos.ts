/**
 * `npm run chaos`: the long runs of the ledger (test/support/ledger.ts). 10,000 tasks with late acknowledgement; on
 * each broker the workers' processes are killed 20 times, then the broker itself is restarted 5 times under load.
 *
 * With --eta instead: 200 tasks (or --tasks) that wait 5 to 10 s on a Redis which takes back after 2 s what is not
 * renewed; each must run exactly once, by two workers.
 *
 *     npm run chaos -- [--eta] [--tasks 10000] [--kills 20] [--restarts 5] [--only sqlite|redis|rabbitmq] [--pool prefork] [--seed 1]
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type LedgerOptions, runLedger, seeded } from '../test/support/ledger.ts'
import { startRabbitmq } from '../test/support/servers/rabbitmq.ts'
import { startRedis } from '../test/support/servers/redis.ts'
import { tempDir } from '../test/support/temp-dir.ts'

const { values } = parseArgs({
  options: {
    tasks: { type: 'string' },
    kills: { type: 'string', default: '20' },
    restarts: { type: 'string', default: '5' },
    only: { type: 'string' },
    pool: { type: 'string', default: 'prefork' },
    seed: { type: 'string', default: '1' },
    eta: { type: 'boolean', default: false },
  },
})
const kills = Number(values.kills)
const restarts = Number(values.restarts)
const common: Omit<LedgerOptions, 'broker' | 'kills'> = {
  tasks: Number(values.tasks ?? 10_000),
  pool: values.pool === 'async' ? 'async' : 'prefork',
  workers: 3,
  duration: 2,
  patience: 180_000,
  random: seeded(Number(values.seed)),
  log: (line) => console.log(`  ${line}`),
}
let failed = false
// Ends in order, so that what was started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

if (values.eta) {
  const server = await startRedis()
  await run('redis, tasks that wait longer than visibility_timeout', {
    ...common,
    tasks: values.tasks === undefined ? 200 : common.tasks,
    workers: 2,
    broker: server.url,
    kills: 0,
    transportOptions: { visibility_timeout: 2, unacked_restore_interval: 0.5, unacked_restore_throttle: 1 },
    countdown: () => 5 + 5 * common.random(),
    once: true,
  })
  await server.stop()
}
if (wanted('sqlite')) {
  const broker = `sqlite:///${join(tempDir(undefined, 'celeriac-chaos'), 'celery.sqlite3')}`
  await run('sqlite, workers killed', { ...common, broker, kills })
}
if (wanted('redis')) {
  const server = await startRedis(undefined, { appendonly: true })
  await run('redis, workers killed', { ...common, broker: server.url, kills })
  const disturb = async (): Promise<void> => {
    await server.kill()
    await server.restart()
  }
  await run('redis, killed and restarted', {
    ...common,
    broker: server.url,
    kills: 0,
    disturb,
    disturbances: restarts,
  })
  await server.stop()
}
if (wanted('rabbitmq')) {
  const server = await startRabbitmq()
  await run('rabbitmq, workers killed', { ...common, broker: server.url, kills })
  const disturb = (): Promise<void> => server.restart()
  await run('rabbitmq, restarted', {
    ...common,
    broker: server.url,
    kills: 0,
    disturb,
    disturbances: restarts,
  })
  await server.stop()
}
process.exitCode = failed ? 1 : 0

function wanted(broker: string): boolean {
  return !values.eta && (values.only === undefined || values.only === broker)
}

/** @param once nothing may run twice either. */
async function run(title: string, { once, ...options }: LedgerOptions & { once?: boolean }): Promise<void> {
  console.log(title)
  const start = performance.now()
  const result = await runLedger(options)
  const seconds = ((performance.now() - start) / 1000).toFixed(0)
  console.log(
    `  ${result.confirmed} confirmed, ${result.missing.length} missing, ${result.repeated} repeated; ` +
      `${result.kills} kills, ${result.disturbances} restarts; ${seconds} s`,
  )
  if (once && result.repeated > 0) failed = true
  if (result.missing.length > 0) {
    failed = true
    console.log(`  MISSING: ${result.missing.slice(0, 20).join(', ')}`)
  }
}
