import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import type { UserWorkerOptions } from '../../src/worker/worker-options.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { needsPython, startPythonWorker } from '../support/python.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq } from '../support/servers/rabbitmq.ts'
import type { RedisServer } from '../support/servers/redis.ts'
import { startRedis } from '../support/servers/redis.ts'
import type { RunningProcess } from '../support/spawn.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'
import type { NodeApp } from './fixtures/node-app.ts'
import { createNodeApp } from './fixtures/node-app.ts'
import type { PythonClient } from './python-client.ts'
import { startPythonClient } from './python-client.ts'

/** The brokers on which everything is tested; results are in Redis with both. */
export const BROKERS = ['redis', 'rabbitmq'] as const

export type BrokerName = (typeof BROKERS)[number]

/** The Python app. */
export const PYTHON_APP = fileURLToPath(new URL('fixtures/pyapp.py', import.meta.url))

/** The module of our app for `celery -A`. */
const NODE_APP = fileURLToPath(new URL('fixtures/node-worker.ts', import.meta.url))

export const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** A broker, a result backend, and the URLs of both for everybody who takes part. */
export interface Place {
  readonly broker: string
  readonly backend: string
  /** The server with the results, and with the queues when it is the broker. */
  readonly redis: RedisServer
  /** For processes of either side. */
  readonly env: Readonly<Record<string, string>>
  /** Folder of the files by which tests and tasks tell each other something. */
  readonly gates: string
}

export interface PlaceOptions {
  /** Another result backend than Redis. */
  readonly backend?: string
  /** Settings in Celery's names for Python's app, and ours if it runs in a process of its own. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Test options that skip where a server or Python is missing. */
export function needsPartners(broker: BrokerName): { skip: string | false } {
  const servers = broker === 'redis' ? ['redis-server'] : ['redis-server', 'rabbitmq-server']
  return { skip: needs(...servers).skip || needsPython().skip }
}

/** Starts the servers. */
export async function startPlace(
  t: TestContext,
  name: BrokerName,
  { settings = {}, ...options }: PlaceOptions = {},
): Promise<Place> {
  const redis = await startRedis(t)
  const broker = name === 'redis' ? `${redis.url}/0` : (await (await sharedRabbitmq()).newVhost(t)).url
  const backend = options.backend ?? `${redis.url}/0`
  const gates = tempDir(t, 'celeriac-gates')
  const env = {
    BROKER_URL: broker,
    RESULT_BACKEND: backend,
    GATES: gates,
    SETTINGS: JSON.stringify(settings),
  }
  return { broker, backend, redis, env, gates }
}

/** Our app, closed with the test. */
export function startNodeApp(
  t: TestContext,
  { broker, backend, gates }: Place,
  settings: Readonly<Record<string, unknown>> = {},
): NodeApp {
  const node = createNodeApp({ broker, backend, gates, settings, logger: silentLogger })
  const close = (): Promise<void> => node.app.close()
  onCleanup(t, close, () => void close())
  return node
}

/** A worker of ours in this process, stopped with the test. */
export async function startNodeWorker(
  t: TestContext,
  { app }: NodeApp,
  options: UserWorkerOptions = {},
): Promise<Worker> {
  const worker = new Worker(app, { pool: 'async', concurrency: 8, queues: ['node'], ...options })
  await worker.start()
  const stop = (): Promise<void> => worker.stop()
  onCleanup(t, stop, () => void stop())
  return worker
}

/** A worker of ours in a process of its own, started by the command line. */
export async function startNodeCelery(
  t: TestContext,
  { env }: Place,
  words: readonly string[],
): Promise<RunningProcess> {
  const args = [CLI, '-A', NODE_APP, 'worker', '-l', 'INFO', ...words]
  const worker = startProcess(process.execPath, args, { t, env })
  await worker.waitForOutput(/ ready\./)
  return worker
}

/**
 * A Python worker, by default with one child process, so that tasks share their settings. (With RabbitMQ, its pools
 * `solo` and `threads` fall asleep for seconds in the middle of many tasks, whoever sends them.)
 */
export async function startPython(
  t: TestContext,
  { env }: Place,
  words: readonly string[] = ['-c', '1', '-Q', 'py'],
): Promise<RunningProcess> {
  const quiet = ['--without-gossip', '--without-mingle', '--without-heartbeat', '-n', 'python@%h']
  const worker = await startPythonWorker(t, { app: PYTHON_APP, args: [...quiet, ...words], env })
  await worker.waitForOutput(/Broadcasts are heard/)
  return worker
}

export interface Partners extends Place, NodeApp {
  readonly python: PythonClient
}

/** Servers, our app, and a Python client. */
export async function startPartners(
  t: TestContext,
  broker: BrokerName,
  options: PlaceOptions = {},
): Promise<Partners> {
  const place = await startPlace(t, broker, options)
  const python = await startPythonClient(t, place.env)
  return { ...place, ...startNodeApp(t, place), python }
}

/** Opens a gate for the tasks that wait at it. */
export function openGate({ gates }: Pick<Place, 'gates'>, name: string): void {
  writeFileSync(join(gates, name), '')
}

/** The lines of a file that tasks have written. */
export function readBook({ gates }: Pick<Place, 'gates'>, name: string): string[] {
  const file = join(gates, name)
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
}

/** Waits until a file has so many lines, and answers them as JSON. */
export async function notes(place: Pick<Place, 'gates'>, book: string, count = 1): Promise<unknown[]> {
  await eventually(() => readBook(place, book).length >= count, { message: `${count} lines in ${book}` })
  return readBook(place, book).map((line): unknown => JSON.parse(line))
}
