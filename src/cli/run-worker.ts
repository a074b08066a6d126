/** What `celery worker` does: from options to a running worker, and from signals to its end. */

import { availableParallelism } from 'node:os'
import type { FoundApp } from '../app/find-app.ts'
import type { Settings } from '../config/settings.ts'
import { Queue } from '../messaging/entity.ts'
import { DEFAULT_ASYNC_CONCURRENCY } from '../pool/create-pool.ts'
import { toMilliseconds } from '../util/duration.ts'
import type { Logger } from '../util/logger.ts'
import { LOG_LEVELS } from '../util/logger.ts'
import type { ConsumedQueue } from '../worker/consumer.ts'
import { Worker } from '../worker/worker.ts'
import type { UserWorkerOptions, WorkerOptions } from '../worker/worker-options.ts'
import { expandNodeName } from '../worker/worker-options.ts'
import { applyWords } from './apply-words.ts'
import type { BannerQueue } from './banner.ts'
import { banner } from './banner.ts'
import type { CliContext } from './cli-context.ts'
import type { DaemonOptions } from './daemon.ts'
import { runDaemon } from './daemon.ts'
import { startEmbeddedBeat } from './embedded-beat.ts'
import { EXIT } from './exit-code.ts'
import { nodeFormat } from './node-format.ts'
import type { Autoscale } from './option-values.ts'
import { checkPrivileges, installSignals, processReport, replaceProcess } from './process.ts'
import { workerTitle } from './process-title.ts'
import { Shutdown } from './shutdown.ts'
import { keepRunning } from './until-stopped.ts'

/** Options of `celery worker`. */
export interface WorkerCommandOptions extends DaemonOptions {
  readonly hostname?: string
  readonly statedb?: string
  readonly optimization: string
  readonly prefetchMultiplier?: number
  readonly disablePrefetch?: boolean
  readonly concurrency?: number
  readonly tasksPerProcess?: number
  readonly pool?: string
  readonly taskEvents?: boolean
  readonly timeLimit?: string
  readonly softTimeLimit?: string
  readonly maxTasksPerChild?: number
  readonly maxMemoryPerChild?: number
  readonly purge?: boolean
  readonly queues?: readonly string[]
  readonly excludeQueues?: readonly string[]
  readonly include?: readonly string[]
  readonly withoutGossip?: boolean
  readonly withoutMingle?: boolean
  readonly withoutHeartbeat?: boolean
  readonly heartbeatInterval?: number
  readonly autoscale?: Autoscale
  readonly beat?: boolean
  readonly scheduleFilename?: string
  readonly scheduler?: string
}

/** Runs a worker until it has stopped; leaves its exit code in the context. */
export async function runWorker(
  context: CliContext,
  options: WorkerCommandOptions,
  words: readonly string[],
): Promise<void> {
  const found = await context.loadApp()
  const { conf } = found.app
  applyWords(conf, words, 'worker')
  if (options.include !== undefined) conf.include = [...conf.include, ...options.include]
  const hostname = expandNodeName(options.hostname ?? 'celery@%h')
  const program = { name: 'worker', title: 'The worker', nodename: hostname } as const
  let again = false
  await runDaemon(context, found.app, { options, program }, async ({ logger }) => {
    const warning = checkPrivileges(conf.acceptContent, process.getuid?.(), context.environment)
    if (warning !== undefined) logger.warn(warning)
    again = await serve(context, found, options, { hostname, logger })
  })
  if (again) {
    await context.close()
    replaceProcess()
  }
}

/** Starts the worker and waits for its end. Answers whether it is to start again. */
async function serve(
  context: CliContext,
  found: FoundApp,
  options: WorkerCommandOptions,
  { hostname, logger }: { readonly hostname: string; readonly logger: Logger },
): Promise<boolean> {
  const { app, reference } = found
  await app.loadModules()
  const worker = new Worker(app, {
    ...workerOptions(options),
    ...(options.statedb === undefined ? {} : { statedb: nodeFormat(options.statedb, hostname) }),
    hostname,
    logger,
    appModule: reference,
  })
  const say = (text: string): void => context.io.out(`\n${text}\n`)
  const shutdown = createShutdown(context, worker, app.conf.resolved(), { logger, say })
  let again = false
  let beatFailed = false
  const uninstall = installSignals(
    {
      stop: (signal) => shutdown.handle(signal),
      restart: () => {
        say(`Restarting celery worker (${process.argv.slice(1).join(' ')})`)
        again = true
        shutdown.handle('SIGTERM')
      },
      report: () => {
        const tasks = [...worker.state.requests].map(({ name, id }) => `${name}[${id}]`)
        context.io.err(`${processReport(tasks)}\n`)
      },
    },
    { isTerminal: context.io.outIsTerminal, environment: context.environment, say },
  )
  const release = keepRunning()
  try {
    if (!context.quiet) context.io.out(context.style('cyan', startBanner(worker, found, options)))
    await worker.start()
    process.title = workerTitle(hostname, process.argv.slice(2))
    const stopBeat = await startEmbeddedBeat(app, options, {
      logger,
      failed: (error) => {
        logger.critical(`The embedded beat failed, so the worker stops: ${String(error)}`)
        beatFailed = true
        shutdown.handle('SIGTERM')
      },
    })
    const code = await worker.closed
    await stopBeat()
    context.exitCode = beatFailed ? EXIT.failure : (shutdown.exitCode ?? code)
  } finally {
    release()
    shutdown.finish()
    uninstall()
  }
  return again && context.exitCode === EXIT.ok
}

function createShutdown(
  context: CliContext,
  worker: Worker,
  settings: Settings,
  { logger, say }: { readonly logger: Logger; readonly say: (text: string) => void },
): Shutdown {
  return new Shutdown({
    stop: (mode, signal) => {
      worker
        .stop(mode, signal)
        .catch((error: unknown) => logger.critical('The worker cannot stop', { error }))
    },
    activeTasks: () => worker.pool?.info().running ?? 0,
    softTimeout: toMilliseconds(settings.workerSoftShutdownTimeout, 'workerSoftShutdownTimeout'),
    softOnIdle: settings.workerEnableSoftShutdownOnIdle,
    termIsQuit: context.environment['REMAP_SIGTERM'] === 'SIGQUIT',
    say,
    log: (text) => logger.warn(text),
    exit: (code) => process.exit(code),
  })
}

function workerOptions(options: WorkerCommandOptions): UserWorkerOptions {
  const { concurrency, tasksPerProcess, queues, excludeQueues, prefetchMultiplier } = options
  const { pool, timeLimit, softTimeLimit, maxTasksPerChild, maxMemoryPerChild } = options
  const { autoscale, disablePrefetch, taskEvents, heartbeatInterval } = options
  return {
    ...(pool === undefined ? {} : { pool }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(autoscale === undefined ? {} : { autoscale }),
    ...(disablePrefetch === undefined ? {} : { disablePrefetch }),
    ...(tasksPerProcess === undefined ? {} : { tasksPerProcess }),
    ...(queues === undefined ? {} : { queues }),
    ...(excludeQueues === undefined ? {} : { excludeQueues }),
    ...(prefetchMultiplier === undefined ? {} : { prefetchMultiplier }),
    ...(timeLimit === undefined ? {} : { timeLimit }),
    ...(softTimeLimit === undefined ? {} : { softTimeLimit }),
    ...(maxTasksPerChild === undefined ? {} : { maxTasksPerChild }),
    ...(maxMemoryPerChild === undefined ? {} : { maxMemoryPerChild }),
    ...(taskEvents === undefined ? {} : { taskEvents }),
    ...(heartbeatInterval === undefined ? {} : { heartbeatInterval }),
    heartbeat: options.withoutHeartbeat !== true,
    gossip: options.withoutGossip !== true,
    purge: options.purge ?? false,
    mingle: options.withoutMingle !== true,
  }
}

function startBanner(worker: Worker, { app, reference }: FoundApp, options: WorkerCommandOptions): string {
  const { conf } = app
  const { hostname } = worker.options
  const threshold = LOG_LEVELS[options.loglevel]
  const names = app.taskNames.filter((name) => threshold <= LOG_LEVELS.DEBUG || !name.startsWith('celery.'))
  return banner({
    hostname,
    app: `${app.main ?? '__main__'} (${placeOf(reference)})`,
    transport: conf.brokerReadUrl,
    results: typeof conf.resultBackend === 'string' ? conf.resultBackend : undefined,
    concurrency: concurrencyText(worker.options),
    taskEvents: worker.options.taskEvents,
    queues: worker.queues.map(bannerQueue),
    tasks: threshold <= LOG_LEVELS.INFO ? names : undefined,
    now: new Date(),
  })
}

/** `8 (prefork)`, or `{min=3, max=10} (prefork)`. */
function concurrencyText({ autoscale, concurrency, pool }: WorkerOptions): string {
  const name = typeof pool === 'function' ? pool.name : String(pool)
  if (autoscale !== undefined) return `{min=${autoscale.min}, max=${autoscale.max}} (${name})`
  const isAsync = ['async', 'eventlet', 'gevent'].includes(name)
  const standard = name === 'solo' ? 1 : isAsync ? DEFAULT_ASYNC_CONCURRENCY : availableParallelism()
  return `${concurrency ?? standard} (${name})`
}

/** `file:///home/me/tasks.ts#app` → `/home/me/tasks.ts`. */
function placeOf(reference: string): string {
  return reference.replace(/^file:\/\//, '').replace(/#.*$/, '')
}

function bannerQueue(queue: ConsumedQueue): BannerQueue {
  const { name } = queue
  if (!(queue instanceof Queue)) return { name, exchange: `${name}(direct)`, routingKey: name }
  const binding = queue.exchange === undefined ? queue.bindings[0] : queue
  return { name, exchange: String(binding?.exchange ?? '(direct)'), routingKey: binding?.routingKey ?? name }
}
