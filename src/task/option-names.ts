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

const OPTION_NAMES: Readonly<Record<keyof UserTaskOptions, true>> = {
  acksLate: true,
  acksOnFailure: true,
  acksOnFailureOrTimeout: true,
  acksOnTimeout: true,
  attributes: true,
  autoretryFor: true,
  backend: true,
  bind: true,
  compression: true,
  defaultRetryDelay: true,
  deliveryMode: true,
  dontAutoretryFor: true,
  exchange: true,
  expires: true,
  ignoreResult: true,
  immediate: true,
  input: true,
  mandatory: true,
  maxRetries: true,
  name: true,
  params: true,
  priority: true,
  queue: true,
  rateLimit: true,
  rejectOnWorkerLost: true,
  resultreprMaxsize: true,
  retryBackoff: true,
  retryBackoffMax: true,
  retryJitter: true,
  retryKwargs: true,
  routingKey: true,
  sendEvents: true,
  serializer: true,
  shadowName: true,
  softTimeLimit: true,
  storeEagerResult: true,
  storeErrorsEvenIfIgnored: true,
  throws: true,
  timeLimit: true,
  trackStarted: true,
  trail: true,
  typing: true,
}

/** Whether an option of a task has that name. */
export function isTaskOption(name: string): name is keyof UserTaskOptions {
  return Object.hasOwn(OPTION_NAMES, name)
}

/** Whether a handler has that name. */
export function isHandlerName(name: string): name is keyof TaskHandlers {
  return HANDLER_NAMES.some((known) => known === name)
}
