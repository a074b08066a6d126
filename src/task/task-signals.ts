import type { Logger } from '../util/logger.ts'
import { Signal } from '../util/signal.ts'
import type { TaskSignals } from './ports.ts'

/** The signals about tasks, with nobody connected. Receivers that fail are logged to `logger`. */
export function createTaskSignals(logger: Logger): TaskSignals {
  return {
    beforeTaskPublish: new Signal('before_task_publish', logger),
    afterTaskPublish: new Signal('after_task_publish', logger),
    taskSent: new Signal('task_sent', logger),
    taskPrerun: new Signal('task_prerun', logger),
    taskPostrun: new Signal('task_postrun', logger),
    taskSuccess: new Signal('task_success', logger),
    taskRetry: new Signal('task_retry', logger),
    taskFailure: new Signal('task_failure', logger),
    taskInternalError: new Signal('task_internal_error', logger),
  }
}
