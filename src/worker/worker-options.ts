import { hostname as machineName } from 'node:os'
import type { WorkerSettings } from '../app/worker-settings.ts'
import { ImproperlyConfigured } from '../errors.ts'
import type { PoolClass } from '../pool/create-pool.ts'
import { type Duration, toMilliseconds } from '../util/duration.ts'
import type { Logger } from '../util/logger.ts'

/** Options of a worker; whatever is left out comes from the settings. Celery: options of `celery worker`. */
export interface UserWorkerOptions {
  /**
   * Node name, `name@host`; `host` alone is `celery@host`. `%h` is the host's name, `%n` its first part, `%d` the rest, `%%`
   * percent. Default `celery@%h`. Celery: `-n`.
   */
  readonly hostname?: string
  /**
   * `prefork` (default), `threads`, `async`, `solo`; a class of your own, or its place: `./pool.ts#MyPool`; or `custom`:
   * the one that the environment variable `CELERY_CUSTOM_WORKER_POOL` names. Celery: `-P`, `worker_pool`.
   */
  readonly pool?: string | PoolClass
  /**
   * Tasks at once: processes or threads (default, and with 0: cores), calls on the event loop for `async` (default 100).
   * Celery: `-c`.
   */
  readonly concurrency?: number
  /** Lets the size of the pool follow the load, between these bounds. Celery: `--autoscale`. */
  readonly autoscale?: { readonly max: number; readonly min?: number }
  /** Tasks that one process or thread runs at once. Default 1. */
  readonly tasksPerProcess?: number
  /** Names of queues to consume. Default: all of `taskQueues`, else the default queue. Celery: `-Q`. */
  readonly queues?: readonly string[]
  /** Names of queues not to consume. Celery: `-X`. */
  readonly excludeQueues?: readonly string[]
  /** Messages asked for per task that can run; 0 = no limit. Default 4. Celery: `--prefetch-multiplier`. */
  readonly prefetchMultiplier?: number
  /**
   * Take a message only when a task can run at once. On RabbitMQ, which cannot, the multiplier becomes 1. Default false.
   * Celery: `--disable-prefetch`.
   */
  readonly disablePrefetch?: boolean
  /** Hard limit for tasks that have none of their own. Celery: `--time-limit`. */
  readonly timeLimit?: Duration
  /** Soft limit for tasks that have none of their own. Celery: `--soft-time-limit`. */
  readonly softTimeLimit?: Duration
  /** A process or thread is replaced after that many tasks. Celery: `--max-tasks-per-child`. */
  readonly maxTasksPerChild?: number
  /** A process or thread is replaced, after its task, when it has more memory than that, in KiB. Celery: `--max-memory-per-child`. */
  readonly maxMemoryPerChild?: number
  /**
   * File in which revoked tasks are kept from start to start; each worker needs its own. Default: the setting
   * `workerStateDb`, else none. Celery: `-S`, `--statedb`.
   */
  readonly statedb?: string
  /** Take commands of remote control. Default: the setting `workerEnableRemoteControl`, which is true. */
  readonly remoteControl?: boolean
  /** Ask other workers, after connecting, which tasks are revoked. Default true. Celery: `--without-mingle`. */
  readonly mingle?: boolean
  /** Send events about tasks, for monitors. Default: the setting `workerSendTaskEvents`, false. Celery: `-E`. */
  readonly taskEvents?: boolean
  /** False: send no heartbeats. Default true. Celery: `--without-heartbeat`. */
  readonly heartbeat?: boolean
  /** Time between heartbeats. Default 2 seconds. Celery: `--heartbeat-interval`. */
  readonly heartbeatInterval?: Duration
  /** False: don't listen to other workers. Default true. Celery: `--without-gossip`. */
  readonly gossip?: boolean
  /** Remove all waiting messages from the queues first. Celery: `--purge`. */
  readonly purge?: boolean
  /**
   * How long nothing may come while messages wait, and how long the broker may owe an answer, before the worker connects
   * anew. Default 30 seconds.
   */
  readonly patience?: Duration
  /** Where the worker logs. Default: the app's logger. */
  readonly logger?: Logger
  /**
   * Module that child processes load to find the app, as for `celery -A`: `./tasks.ts`, `./tasks.ts#app`, `proj.tasks`,
   * from the working folder. Needed for `prefork` only, and set by the command line. It must not start a worker by
   * itself, since each child process imports it.
   */
  readonly appModule?: string
}

/** Options of a worker, complete. Durations are milliseconds. */
export interface WorkerOptions {
  readonly hostname: string
  /** A name or reference, or a class. */
  readonly pool: string | object
  readonly concurrency: number | undefined
  readonly autoscale: AutoscaleOptions | undefined
  /** Reference or class; undefined: our own. */
  readonly autoscaler: string | object | undefined
  readonly tasksPerProcess: number
  readonly queues: readonly string[]
  readonly excludeQueues: readonly string[]
  readonly prefetchMultiplier: number
  readonly disablePrefetch: boolean
  readonly etaTaskLimit: number | undefined
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
  readonly maxTasksPerChild: number | undefined
  readonly maxMemoryPerChild: number | undefined
  readonly procAliveTimeout: number
  /** Consume from the worker's own queue, too. */
  readonly direct: boolean
  /** A step of the consumer, or a class of one, or where it is. */
  readonly agent: string | object | undefined
  /** Reference or class. */
  readonly consumer: string | object
  /** Whether the tasks' `rateLimit` counts. */
  readonly rateLimits: boolean
  /** Whether tasks end that run when their connection breaks, if they acknowledge late. */
  readonly cancelOnConnectionLoss: boolean
  readonly statedb: string | undefined
  readonly remoteControl: boolean
  readonly mingle: boolean
  /** Whether the command `pool_restart` is obeyed. */
  readonly poolRestarts: boolean
  readonly taskEvents: boolean
  /** Undefined: no heartbeats. */
  readonly heartbeatInterval: number | undefined
  readonly gossip: boolean
  readonly purge: boolean
  readonly deadLetterQueue: string | undefined
  /** Deliveries after which a message is dead, if its task never came to an end. */
  readonly maxDeliveries: number | undefined
  readonly patience: number
  readonly appModule: string | undefined
}

/** Bounds of the size of a pool. */
export interface AutoscaleOptions {
  readonly max: number
  readonly min: number
  readonly keepalive: number
}

/** In seconds. */
const DEFAULT_KEEPALIVE = 30
/** In seconds. */
const DEFAULT_PATIENCE = 30
/** In seconds. */
const DEFAULT_HEARTBEAT = 2

/** @throws ImproperlyConfigured naming the option that cannot be. */
export function normalizeWorkerOptions(user: UserWorkerOptions, settings: WorkerSettings): WorkerOptions {
  const timeLimit = limit('timeLimit', user.timeLimit)
  const softTimeLimit = limit('softTimeLimit', user.softTimeLimit)
  if (timeLimit !== undefined && softTimeLimit !== undefined && softTimeLimit > timeLimit) {
    throw new ImproperlyConfigured('softTimeLimit must not be above timeLimit: the task would never see it')
  }
  return {
    hostname: expandNodeName(user.hostname ?? 'celery@%h'),
    pool: choosePool(user.pool ?? settings.workerPool),
    concurrency: positive('concurrency', given(user.concurrency) ?? given(settings.workerConcurrency)),
    autoscale: user.autoscale && autoscaleOptions(user.autoscale),
    autoscaler: settings.workerAutoscaler === CELERYS_AUTOSCALER ? undefined : settings.workerAutoscaler,
    tasksPerProcess: positive('tasksPerProcess', user.tasksPerProcess) ?? settings.workerTasksPerProcess,
    queues: user.queues ?? [],
    excludeQueues: user.excludeQueues ?? [],
    prefetchMultiplier: user.prefetchMultiplier ?? settings.workerPrefetchMultiplier,
    disablePrefetch: user.disablePrefetch ?? settings.workerDisablePrefetch,
    etaTaskLimit: settings.workerEtaTaskLimit,
    timeLimit,
    softTimeLimit,
    maxTasksPerChild: positive('maxTasksPerChild', user.maxTasksPerChild ?? settings.workerMaxTasksPerChild),
    maxMemoryPerChild: positive(
      'maxMemoryPerChild',
      given(user.maxMemoryPerChild) ?? given(settings.workerMaxMemoryPerChild),
    ),
    procAliveTimeout: toMilliseconds(settings.workerProcAliveTimeout, 'workerProcAliveTimeout'),
    direct: settings.workerDirect,
    agent: settings.workerAgent,
    consumer: settings.workerConsumer,
    rateLimits: !settings.workerDisableRateLimits,
    cancelOnConnectionLoss: settings.workerCancelLongRunningTasksOnConnectionLoss,
    statedb: user.statedb ?? settings.workerStateDb,
    remoteControl: user.remoteControl ?? settings.workerEnableRemoteControl,
    mingle: user.mingle ?? true,
    poolRestarts: settings.workerPoolRestarts,
    taskEvents: user.taskEvents ?? settings.workerSendTaskEvents,
    heartbeatInterval:
      user.heartbeat === false
        ? undefined
        : toMilliseconds(user.heartbeatInterval || DEFAULT_HEARTBEAT, 'heartbeatInterval'),
    gossip: user.gossip ?? true,
    purge: user.purge ?? false,
    deadLetterQueue: settings.taskDeadLetterQueue,
    maxDeliveries: positive('workerMaxDeliveries', settings.workerMaxDeliveries),
    patience: toMilliseconds(user.patience ?? DEFAULT_PATIENCE, 'patience'),
    appModule: user.appModule,
  }
}

/** The default of `workerAutoscaler`, as in Celery. */
const CELERYS_AUTOSCALER = 'celery.worker.autoscale:Autoscaler'

function autoscaleOptions({
  max,
  min = 0,
}: {
  readonly max: number
  readonly min?: number
}): AutoscaleOptions {
  const keepalive = process.env['AUTOSCALE_KEEPALIVE'] ?? DEFAULT_KEEPALIVE
  return { max, min, keepalive: toMilliseconds(Number(keepalive), 'AUTOSCALE_KEEPALIVE') }
}

function choosePool(pool: string | object): string | object {
  if (pool !== 'custom') return pool
  const custom = process.env['CELERY_CUSTOM_WORKER_POOL']
  if (custom) return custom
  throw new ImproperlyConfigured(
    "The pool 'custom' is the one that CELERY_CUSTOM_WORKER_POOL names: set it, e.g. to ./pool.ts#MyPool",
  )
}

/** What stands without an `@` is the host, and what is missing is filled in. Celery: `host_format`, `default_nodename`. */
export function expandNodeName(template: string, machine: string = machineName()): string {
  const [name = '', ...domain] = machine.split('.')
  const values: Readonly<Record<string, string>> = {
    h: machine,
    n: name,
    d: domain.join('.'),
    '%': '%',
    i: '0',
    I: '',
  }
  const [, first = '', host = template] = /^([^@]*)@(.*)$/s.exec(template) ?? []
  const complete = `${first || 'celery'}@${host || machine}`
  return complete.replace(/%([hnd%iI])/g, (_, key: string) => values[key] ?? '')
}

/** In Celery 0 says nothing, neither on the command line nor as a setting. */
function given(number: number | undefined): number | undefined {
  return number === 0 ? undefined : number
}

function limit(option: string, value: Duration | undefined): number | undefined {
  return value === undefined ? undefined : given(toMilliseconds(value, option))
}

function positive(option: string, value: number | undefined): number | undefined {
  if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
    throw new ImproperlyConfigured(`${option} must be a whole number above 0, not ${value}`)
  }
  return value
}
