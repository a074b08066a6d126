import type { Settings } from '../config/settings.ts'
import type { ConnectRetryPolicy } from '../messaging/connection.ts'
import { connectRetry } from './app-broker.ts'

/** The settings that a worker looks at, in the units of the settings; what is not set is undefined. */
export interface WorkerSettings {
  readonly workerPool: string
  readonly workerConcurrency: number | undefined
  readonly workerTasksPerProcess: number
  readonly workerPrefetchMultiplier: number
  readonly workerEtaTaskLimit: number | undefined
  readonly workerMaxTasksPerChild: number | undefined
  readonly workerMaxMemoryPerChild: number | undefined
  readonly workerDisableRateLimits: boolean
  readonly taskDeadLetterQueue: string | undefined
  readonly workerMaxDeliveries: number | undefined
}

/** Takes them from all settings. */
export function readWorkerSettings(settings: Settings): WorkerSettings {
  return {
    workerPool: String(settings.workerPool),
    workerConcurrency: settings.workerConcurrency ?? undefined,
    workerTasksPerProcess: settings.workerTasksPerProcess,
    workerPrefetchMultiplier: settings.workerPrefetchMultiplier,
    workerEtaTaskLimit: settings.workerEtaTaskLimit ?? undefined,
    workerMaxTasksPerChild: settings.workerMaxTasksPerChild ?? undefined,
    workerMaxMemoryPerChild: settings.workerMaxMemoryPerChild ?? undefined,
    workerDisableRateLimits: settings.workerDisableRateLimits,
    taskDeadLetterQueue: settings.taskDeadLetterQueue ?? undefined,
    workerMaxDeliveries: settings.workerMaxDeliveries ?? undefined,
  }
}

/** When a worker connects to its broker again. */
export interface BrokerRetry {
  /** After a connection was lost. */
  readonly enabled: boolean
  /** When the first connection fails. */
  readonly onStartup: boolean
  readonly policy: ConnectRetryPolicy
}

/** Takes it from the settings. Celery: `broker_connection_retry` and its like. */
export function readBrokerRetry(settings: Settings): BrokerRetry {
  const { brokerConnectionRetry: enabled, brokerConnectionRetryOnStartup: onStartup } = settings
  return { enabled, onStartup, policy: connectRetry(settings) }
}
