/** Workers, for programs that run one themselves instead of `celery worker`. */

export type { WorkerSettings } from './app/worker-settings.ts'
export { workerDirect } from './routing/worker-direct.ts'
export type { AutoscalerInfo, AutoscalerOptions } from './worker/autoscaler.ts'
export { Autoscaler } from './worker/autoscaler.ts'
export type {
  ArgumentType,
  Command,
  CommandFunction,
  CommandOptions,
} from './worker/commands/command.ts'
export type { CommandArguments } from './worker/commands/command-arguments.ts'
export { controlCommand, inspectCommand, remoteCommands } from './worker/commands/command-registry.ts'
export type { CommandState } from './worker/commands/command-state.ts'
export type { ConsumedQueue, ConsumerOptions, RetryOptions } from './worker/consumer.ts'
export { Consumer } from './worker/consumer.ts'
export type { Death } from './worker/dead-letters.ts'
export { DEATH_HEADER } from './worker/dead-letters.ts'
export type { OutcomeRecorder } from './worker/request.ts'
export type { StopMode } from './worker/worker.ts'
export { Worker } from './worker/worker.ts'
export type { WorkerApp } from './worker/worker-app.ts'
export type { UserWorkerOptions, WorkerOptions } from './worker/worker-options.ts'
export type { WorkerState } from './worker/worker-state.ts'
