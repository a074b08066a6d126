import type { Settings } from '../config/settings.ts'
import type { ConnectRetryPolicy } from '../messaging/connect-retry.ts'
import { connectRetry } from './app-broker.ts'

/** The settings that a worker looks at, in the units of the settings; what is not set is undefined. */
export interface WorkerSettings {
  /** A name, or what stands for a class. */
  readonly workerPool: string | object
  readonly workerAutoscaler: string | object
  readonly workerDisablePrefetch: boolean
  readonly workerDirect: boolean
  readonly workerAgent: string | object | undefined
  readonly workerConsumer: string | object
  /** In seconds. */
  readonly workerProcAliveTimeout: number
  readonly workerConcurrency: number | undefined
  readonly workerTasksPerProcess: number
  readonly workerPrefetchMultiplier: number
  readonly workerSendTaskEvents: boolean
  readonly workerEtaTaskLimit: number | undefined
  readonly workerMaxTasksPerChild: number | undefined
  readonly workerMaxMemoryPerChild: number | undefined
  readonly workerDisableRateLimits: boolean
  readonly workerCancelLongRunningTasksOnConnectionLoss: boolean
  readonly workerEnableRemoteControl: boolean
  readonly workerStateDb: string | undefined
  readonly workerPoolRestarts: boolean
  readonly taskDeadLetterQueue: string | undefined
  readonly workerMaxDeliveries: number | undefined
}

/** Takes them from all settings. */
export function readWorkerSettings(settings: Settings): WorkerSettings {
  return {
    workerPool: settings.workerPool,
    workerAutoscaler: settings.workerAutoscaler,
    workerDisablePrefetch: settings.workerDisablePrefetch,
    workerDirect: settings.workerDirect,
    workerAgent: settings.workerAgent ?? undefined,
    workerConsumer: settings.workerConsumer,
    workerProcAliveTimeout: settings.workerProcAliveTimeout,
    workerConcurrency: settings.workerConcurrency ?? undefined,
    workerTasksPerProcess: settings.workerTasksPerProcess,
    workerPrefetchMultiplier: settings.workerPrefetchMultiplier,
    workerSendTaskEvents: settings.workerSendTaskEvents,
    workerEtaTaskLimit: settings.workerEtaTaskLimit ?? undefined,
    workerMaxTasksPerChild: settings.workerMaxTasksPerChild ?? undefined,
    workerMaxMemoryPerChild: settings.workerMaxMemoryPerChild ?? undefined,
    workerDisableRateLimits: settings.workerDisableRateLimits,
    workerCancelLongRunningTasksOnConnectionLoss: settings.workerCancelLongRunningTasksOnConnectionLoss,
    workerEnableRemoteControl: settings.workerEnableRemoteControl,
    workerStateDb: settings.workerStateDb ?? undefined,
    workerPoolRestarts: settings.workerPoolRestarts,
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
