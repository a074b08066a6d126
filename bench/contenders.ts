/** Who takes part in the benchmark, and how each is started. */
import { join } from 'node:path'
import type { Command } from './harness.ts'

/** What a run measures. */
export type Scenario = 'noop' | 'noop_result' | 'io' | 'publish_one' | 'publish_bulk' | 'roundtrip'

/** Where messages are. */
export type Broker = 'redis' | 'rabbitmq' | 'sqlite'

/** One way of running tasks. */
export interface Contender {
  readonly name: string
  readonly broker: Broker
  /** Key (Redis) or queue that is watched while it empties. */
  readonly queue: string
  readonly worker: Command
  /** Undefined: its queue is filled by Python-compatible messages of Celeriac. */
  readonly producer: ((verb: string, n: number, task: string, mode: string) => Command) | undefined
  /** What it takes part in. */
  readonly scenarios: ReadonlySet<Scenario>
  /** Tasks per run, relative to the fast ones. */
  readonly share: number
}

const contenders = join(import.meta.dirname, 'contenders')
const root = join(import.meta.dirname, '..')
const ALL: readonly Scenario[] = ['noop', 'noop_result', 'io', 'publish_one', 'publish_bulk', 'roundtrip']

function node(script: string, ...args: readonly string[]): Command {
  return { program: process.execPath, args: [join(contenders, script), ...args] }
}

function celeriacWorker(...args: readonly string[]): Command {
  const cli = join(root, 'dist/cli/main.js')
  return {
    program: process.execPath,
    args: [cli, '-A', join(contenders, 'celeriac-app.ts'), 'worker', '-l', 'WARNING', ...args],
  }
}

function celeriac(
  broker: Broker,
  pool: 'async' | 'prefork' | 'threads',
  scenarios: readonly Scenario[],
): Contender {
  return {
    name: `celeriac ${pool}`,
    broker,
    queue: 'celery',
    worker:
      pool === 'async' ? celeriacWorker('-P', 'async', '-c', '100') : celeriacWorker('-P', pool, '-c', '2'),
    producer: (verb, n, task, mode) => node('celeriac.ts', verb, `${n}`, task, mode),
    scenarios: new Set(scenarios),
    share: 1,
  }
}

function python(
  program: string,
  broker: Broker,
  pool: 'prefork' | 'solo',
  scenarios: readonly Scenario[],
): Contender {
  const worker = [
    '-m',
    'celery',
    '-A',
    'bench_celery',
    'worker',
    '-l',
    'WARNING',
    '-P',
    pool,
    '-c',
    '2',
    '--without-gossip',
    '--without-mingle',
  ]
  return {
    name: `celery ${pool}`,
    broker,
    queue: 'celery',
    worker: { program, args: worker },
    producer: (verb, n, task) => ({
      program,
      args: [join(contenders, 'bench_celery.py'), verb, `${n}`, task],
    }),
    scenarios: new Set(scenarios),
    share: 0.1,
  }
}

/** All that can run here; `pythonProgram` undefined: without Python Celery. */
export function listContenders(pythonProgram: string | undefined): readonly Contender[] {
  const list: Contender[] = [
    celeriac('redis', 'async', ALL),
    celeriac('redis', 'prefork', ['noop', 'noop_result', 'roundtrip']),
    celeriac('redis', 'threads', ['noop', 'noop_result', 'roundtrip']),
    {
      name: 'bullmq',
      broker: 'redis',
      queue: 'bull:bench:wait',
      worker: node('bullmq.mjs', 'worker'),
      producer: (verb, n, task, mode) => node('bullmq.mjs', verb, `${n}`, task, mode),
      scenarios: new Set(ALL),
      share: 1,
    },
    {
      name: 'celery-node',
      broker: 'redis',
      queue: 'celery',
      worker: node('celery-node.mjs', 'worker'),
      producer: (verb, n, task, mode) => node('celery-node.mjs', verb, `${n}`, task, mode),
      scenarios: new Set(['noop_result', 'io', 'roundtrip']),
      share: 0.3,
    },
    {
      name: 'raw client',
      broker: 'redis',
      queue: 'celery',
      worker: node('raw-redis.ts'),
      producer: undefined,
      scenarios: new Set(['noop']),
      share: 2,
    },
    celeriac('rabbitmq', 'async', ['noop', 'noop_result', 'publish_one', 'publish_bulk', 'roundtrip']),
    celeriac('rabbitmq', 'prefork', ['noop']),
    {
      name: 'raw client',
      broker: 'rabbitmq',
      queue: 'celery',
      worker: node('raw-amqp.ts'),
      producer: undefined,
      scenarios: new Set(['noop']),
      share: 1,
    },
    celeriac('sqlite', 'async', ALL),
    celeriac('sqlite', 'prefork', ['noop', 'noop_result']),
  ]
  if (pythonProgram === undefined) return list
  list.push(
    python(pythonProgram, 'redis', 'prefork', ['noop', 'noop_result', 'io', 'publish_one', 'roundtrip']),
    python(pythonProgram, 'redis', 'solo', ['noop', 'noop_result']),
    python(pythonProgram, 'rabbitmq', 'prefork', ['noop']),
    python(pythonProgram, 'rabbitmq', 'solo', ['noop', 'noop_result']),
  )
  return list
}
