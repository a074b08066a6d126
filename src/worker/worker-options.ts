import { hostname as machineName } from 'node:os'
import type { WorkerSettings } from '../app/worker-settings.ts'
import { ImproperlyConfigured } from '../errors.ts'
import { type Duration, toMilliseconds } from '../util/duration.ts'
import type { Logger } from '../util/logger.ts'

/** Options of a worker; whatever is left out comes from the settings. Celery: options of `celery worker`. */
export interface UserWorkerOptions {
  /** Node name; `%h` host name, `%n` its first part, `%d` the rest, `%%` percent. Default `celery@%h`. Celery: `-n`. */
  readonly hostname?: string
  /** `prefork` (default), `async`, `solo`. Celery: `-P`, `worker_pool`. */
  readonly pool?: string
  /** Tasks at once: processes for `prefork` (default: cores), calls on the event loop for `async` (default 100). Celery: `-c`. */
  readonly concurrency?: number
  /** Tasks that one process of `prefork` runs at once. Default 1. */
  readonly tasksPerProcess?: number
  /** Names of queues to consume. Default: all of `taskQueues`, else the default queue. Celery: `-Q`. */
  readonly queues?: readonly string[]
  /** Names of queues not to consume. Celery: `-X`. */
  readonly excludeQueues?: readonly string[]
  /** Messages asked for per task that can run; 0 = no limit. Default 4. Celery: `--prefetch-multiplier`. */
  readonly prefetchMultiplier?: number
  /** Hard limit for tasks that have none of their own. Celery: `--time-limit`. */
  readonly timeLimit?: Duration
  /** Soft limit for tasks that have none of their own. Celery: `--soft-time-limit`. */
  readonly softTimeLimit?: Duration
  /** A process is replaced after that many tasks. Celery: `--max-tasks-per-child`. */
  readonly maxTasksPerChild?: number
  /** A process is replaced, after its task, when it has more memory than that, in KiB. Celery: `--max-memory-per-child`. */
  readonly maxMemoryPerChild?: number
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
  readonly pool: string
  readonly concurrency: number | undefined
  readonly tasksPerProcess: number
  readonly queues: readonly string[]
  readonly excludeQueues: readonly string[]
  readonly prefetchMultiplier: number
  readonly etaTaskLimit: number | undefined
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
  readonly maxTasksPerChild: number | undefined
  readonly maxMemoryPerChild: number | undefined
  /** Whether the tasks' `rateLimit` counts. */
  readonly rateLimits: boolean
  readonly purge: boolean
  readonly deadLetterQueue: string | undefined
  /** Deliveries after which a message is dead, if its task never came to an end. */
  readonly maxDeliveries: number | undefined
  readonly patience: number
  readonly appModule: string | undefined
}

/** In seconds. */
const DEFAULT_PATIENCE = 30

/** @throws ImproperlyConfigured naming the option that cannot be. */
export function normalizeWorkerOptions(user: UserWorkerOptions, settings: WorkerSettings): WorkerOptions {
  const timeLimit = user.timeLimit === undefined ? undefined : toMilliseconds(user.timeLimit, 'timeLimit')
  const softTimeLimit =
    user.softTimeLimit === undefined ? undefined : toMilliseconds(user.softTimeLimit, 'softTimeLimit')
  if (timeLimit !== undefined && softTimeLimit !== undefined && softTimeLimit > timeLimit) {
    throw new ImproperlyConfigured('softTimeLimit must not be above timeLimit: the task would never see it')
  }
  return {
    hostname: expandNodeName(user.hostname ?? 'celery@%h'),
    pool: user.pool ?? settings.workerPool,
    concurrency: positive('concurrency', user.concurrency ?? settings.workerConcurrency),
    tasksPerProcess: positive('tasksPerProcess', user.tasksPerProcess) ?? settings.workerTasksPerProcess,
    queues: user.queues ?? [],
    excludeQueues: user.excludeQueues ?? [],
    prefetchMultiplier: user.prefetchMultiplier ?? settings.workerPrefetchMultiplier,
    etaTaskLimit: settings.workerEtaTaskLimit,
    timeLimit,
    softTimeLimit,
    maxTasksPerChild: positive('maxTasksPerChild', user.maxTasksPerChild ?? settings.workerMaxTasksPerChild),
    maxMemoryPerChild: positive(
      'maxMemoryPerChild',
      user.maxMemoryPerChild ?? settings.workerMaxMemoryPerChild,
    ),
    rateLimits: !settings.workerDisableRateLimits,
    purge: user.purge ?? false,
    deadLetterQueue: settings.taskDeadLetterQueue,
    maxDeliveries: positive('workerMaxDeliveries', settings.workerMaxDeliveries),
    patience: toMilliseconds(user.patience ?? DEFAULT_PATIENCE, 'patience'),
    appModule: user.appModule,
  }
}

/** Celery: `host_format`, `default_nodename`. A name without `@` gets the host's. */
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
  const expanded = template.replace(/%([hnd%iI])/g, (_, key: string) => values[key] ?? '')
  return expanded.includes('@') ? expanded : `${expanded}@${machine}`
}

function positive(option: string, value: number | undefined): number | undefined {
  if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
    throw new ImproperlyConfigured(`${option} must be a whole number above 0, not ${value}`)
  }
  return value
}
