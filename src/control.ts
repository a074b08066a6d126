/** Remote control: commands to workers that run, and what they answer. */
export type { UserCommandOptions, UserRequestOptions } from './control/broadcast-options.ts'
export type { AddConsumerOptions, Answers, RevokeOptions, TimeLimitOptions } from './control/control.ts'
export { Control } from './control/control.ts'
export type { ByNode } from './control/inspect.ts'
export { Inspect } from './control/inspect.ts'
export type { NodeReply } from './control/reply-collector.ts'
export type {
  CommandAnswer,
  DeliveryInfo,
  ExchangeInfo,
  HelloAnswer,
  QueueInfo,
  ScheduledTaskInfo,
  TaskInfo,
  WorkerStats,
} from './control/task-info.ts'
