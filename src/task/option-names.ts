/** The names of what a task can be told, for places where they come from a configuration. */
import type { UserTaskOptions } from './options.ts'
import type { TaskHandlers } from './ports.ts'

/** Names of the functions that are called around the runs of a task. */
export const HANDLER_NAMES = [
  'onBound',
  'beforeStart',
  'onSuccess',
  'onRetry',
  'onFailure',
  'onReplace',
  'afterReturn',
] as const

/** What an option takes; `anything`: its reader says what is wrong. */
export type TaskOptionKind =
  | 'flag'
  | 'text'
  | 'number'
  | 'duration'
  | 'rate'
  | 'texts'
  | 'classes'
  | 'object'
  | 'backoff'
  | 'function'
  | 'schema'
  | 'anything'

/** The options of a task and what each takes. */
export const TASK_OPTIONS: Readonly<Record<keyof UserTaskOptions, TaskOptionKind>> = {
  acksLate: 'flag',
  acksOnFailure: 'flag',
  acksOnFailureOrTimeout: 'flag',
  acksOnTimeout: 'flag',
  attributes: 'object',
  autoretryFor: 'classes',
  backend: 'anything',
  bind: 'flag',
  compression: 'text',
  defaultRetryDelay: 'duration',
  deliveryMode: 'number',
  dontAutoretryFor: 'classes',
  exchange: 'text',
  expires: 'duration',
  ignoreResult: 'flag',
  immediate: 'flag',
  input: 'schema',
  mandatory: 'flag',
  maxRetries: 'number',
  name: 'text',
  params: 'texts',
  priority: 'number',
  queue: 'anything',
  rateLimit: 'rate',
  rejectOnWorkerLost: 'flag',
  resultreprMaxsize: 'number',
  retryBackoff: 'backoff',
  retryBackoffMax: 'duration',
  retryJitter: 'flag',
  retryKwargs: 'object',
  routingKey: 'text',
  sendEvents: 'flag',
  serializer: 'text',
  shadowName: 'function',
  softTimeLimit: 'duration',
  storeEagerResult: 'flag',
  storeErrorsEvenIfIgnored: 'flag',
  throws: 'classes',
  timeLimit: 'duration',
  trackStarted: 'flag',
  trail: 'flag',
  typing: 'flag',
}

/** Whether an option of a task has that name. */
export function isTaskOption(name: string): name is keyof UserTaskOptions {
  return Object.hasOwn(TASK_OPTIONS, name)
}

/** Whether a handler has that name. */
export function isHandlerName(name: string): name is keyof TaskHandlers {
  return HANDLER_NAMES.some((known) => known === name)
}
