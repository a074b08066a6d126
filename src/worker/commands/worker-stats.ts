/** The reply to `stats`, keys as in Celery. */
import { fromMilliseconds } from '../../util/duration.ts'
import { parseUrl } from '../../util/url.ts'
import type { CommandState } from './command-state.ts'

/** Statistics of a worker. */
export function workerStats(state: CommandState): Record<string, unknown> {
  return {
    total: totals(state),
    pid: process.pid,
    clock: String(state.services.clock.value),
    uptime: Math.round((performance.now() - state.startedAt) / 1000),
    pool: poolStats(state),
    broker: brokerStats(state),
    prefetch_count: state.prefetchCount(),
    rusage: resourceUsage(),
    ...state.hooks.info?.(),
  }
}

/** Tasks by name, those that run included. */
function totals({ state }: CommandState): Record<string, number> {
  const counts = new Map(state.totals)
  for (const { name, running } of state.requests) {
    if (running) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return Object.fromEntries(counts)
}

function poolStats({ pool, options }: CommandState): Record<string, unknown> {
  const { implementation, maxConcurrency, processes, threads, running } = pool.info()
  const { softTimeLimit = 0, timeLimit = 0 } = options
  return {
    implementation: `celeriac.pool:${implementation}`,
    'max-concurrency': maxConcurrency,
    processes: processes.length === 0 ? [process.pid] : processes,
    'max-tasks-per-child': options.maxTasksPerChild ?? 'N/A',
    'put-guarded-by-semaphore': false,
    timeouts: [fromMilliseconds(softTimeLimit), fromMilliseconds(timeLimit)],
    ...(threads === undefined ? {} : { threads }),
    'running-threads': running,
  }
}

/** Where it is connected, without password. Celery: `Connection.info`. */
function brokerStats({ consumer }: CommandState): Record<string, unknown> {
  const { broker } = consumer
  if (broker === undefined) return {}
  const { scheme, hostname, username, port, path, query } = parseUrl(broker.url)
  const isAmqp = /^(amqp|pyamqp|librabbitmq)s?$/.test(scheme)
  return {
    hostname: hostname ?? null,
    userid: username ?? (isAmqp ? 'guest' : null),
    virtual_host: path ?? '/',
    port: port ?? null,
    insist: false,
    ssl: broker.ssl !== false || 'ssl_cert_reqs' in query,
    transport: scheme,
    connect_timeout: broker.connectTimeout === undefined ? null : fromMilliseconds(broker.connectTimeout),
    transport_options: {},
    login_method: isAmqp ? 'PLAIN' : null,
    uri_prefix: null,
    heartbeat: broker.heartbeat,
    failover_strategy: 'round-robin',
    alternates: [],
    credential_provider: null,
  }
}

function resourceUsage(): Record<string, number> {
  const usage = process.resourceUsage()
  return {
    utime: usage.userCPUTime / 1e6,
    stime: usage.systemCPUTime / 1e6,
    maxrss: usage.maxRSS,
    ixrss: usage.sharedMemorySize,
    idrss: usage.unsharedDataSize,
    isrss: usage.unsharedStackSize,
    minflt: usage.minorPageFault,
    majflt: usage.majorPageFault,
    nswap: usage.swappedOut,
    inblock: usage.fsRead,
    oublock: usage.fsWrite,
    msgsnd: usage.ipcSent,
    msgrcv: usage.ipcReceived,
    nsignals: usage.signalsCount,
    nvcsw: usage.voluntaryContextSwitches,
    nivcsw: usage.involuntaryContextSwitches,
  }
}
