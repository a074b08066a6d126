/**
 * `npm run bench`: Celeriac and its peers on the same machine, in one run, one after the other in every round, so that
 * what disturbs the machine disturbs all of them. What counts are the ratios.
 *
 *     npm run bench -- [--rounds 3] [--tasks 60000] [--only redis|rabbitmq|sqlite] [--scenario noop]
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findPython } from '../test/support/python.ts'
import { type BrokerAccess, startBrokers } from './brokers.ts'
import { type Contender, listContenders, type Scenario } from './contenders.ts'
import { memory, produce, startWorker, watchDrain } from './harness.ts'
import { type Measurement, printTables } from './tables.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    tasks: { type: 'string', default: '60000' },
    only: { type: 'string' },
    scenario: { type: 'string' },
    contender: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const tasks = Number(values.tasks)

prepare()
const python = findPython()?.path
if (python === undefined) console.log('Python Celery is not installed here: it does not take part.')
const contenders = listContenders(python).filter(
  ({ broker, name }) =>
    (values.only ?? broker) === broker && (values.contender === undefined || name.includes(values.contender)),
)
const brokers = await startBrokers(new Set(contenders.map(({ broker }) => broker)))
const measurements: Measurement[] = []

for (let round = 1; round <= rounds; round += 1) {
  for (const scenario of ['noop', 'noop_result', 'io', 'publish_one', 'publish_bulk', 'roundtrip'] as const) {
    if (values.scenario !== undefined && values.scenario !== scenario) continue
    for (const contender of contenders) {
      if (!contender.scenarios.has(scenario)) continue
      const access = brokers.get(contender.broker)
      if (access === undefined) continue
      const result = await measure(contender, scenario, access)
      console.log(
        `round ${round}  ${scenario.padEnd(12)} ${contender.broker.padEnd(8)} ${contender.name.padEnd(16)} ${JSON.stringify(result)}`,
      )
      measurements.push({ round, scenario, broker: contender.broker, contender: contender.name, ...result })
    }
  }
}

const results = join(import.meta.dirname, 'results')
mkdirSync(results, { recursive: true })
const file = join(results, `${new Date().toISOString().replaceAll(':', '-')}.json`)
writeFileSync(file, JSON.stringify(measurements, undefined, 1))
printTables(measurements)
console.log(`\nraw results: ${file}`)
for (const access of brokers.values()) await access.stop()

/** Builds the package and installs the peers, where that has not been done. */
function prepare(): void {
  const here = import.meta.dirname
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: join(here, '..'), stdio: 'inherit' })
  if (!existsSync(join(here, 'node_modules', 'bullmq'))) {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], {
      cwd: here,
      stdio: 'inherit',
    })
  }
}

async function measure(
  contender: Contender,
  scenario: Scenario,
  access: BrokerAccess,
): Promise<Partial<Measurement>> {
  await access.clear()
  if (scenario === 'roundtrip') return measureRoundTrip(contender, access)
  if (scenario === 'publish_one' || scenario === 'publish_bulk') {
    const n = Math.ceil(tasks * contender.share * (scenario === 'publish_one' ? 0.25 : 1))
    const mode = scenario === 'publish_one' ? 'one' : 'bulk'
    const seconds = run(contender, access, 'publish', n, 'noop', mode)['seconds'] ?? Number.NaN
    return { rate: n / seconds }
  }
  return measureWorker(contender, scenario, access)
}

/** Fills the queue, then starts the worker and watches it empty. */
async function measureWorker(
  contender: Contender,
  task: string,
  access: BrokerAccess,
): Promise<Partial<Measurement>> {
  const n = Math.ceil(tasks * contender.share)
  run(contender, access, 'publish', n, task, 'bulk')
  const full = await access.length(contender.queue)
  const worker = startWorker(contender.worker, access.env)
  worker.failed.catch(() => undefined)
  try {
    const { rate, begun } = await Promise.race([
      watchDrain(full, () => access.length(contender.queue)),
      worker.failed,
    ])
    return { rate, startup: begun - worker.started, memory: memory(worker.pid) }
  } finally {
    await worker.stop()
  }
}

async function measureRoundTrip(contender: Contender, access: BrokerAccess): Promise<Partial<Measurement>> {
  const worker = startWorker(contender.worker, access.env)
  worker.failed.catch(() => undefined)
  try {
    const { p50, p99 } = run(contender, access, 'roundtrip', Math.min(2000, tasks), 'noop_result', 'one')
    return { p50, p99 }
  } finally {
    await worker.stop()
  }
}

function run(
  contender: Contender,
  access: BrokerAccess,
  verb: string,
  n: number,
  task: string,
  mode: string,
): Record<string, number> {
  const filler = contenders.find(
    ({ name, broker }) => broker === contender.broker && name === 'celeriac async',
  )
  const producer = contender.producer ?? filler?.producer
  if (producer === undefined) throw new Error(`nobody fills the queue for ${contender.name}`)
  return produce(producer(verb, n, task, mode), access.env)
}
