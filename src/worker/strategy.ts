import { CeleryError, InvalidTaskError, SecurityError, SerializationError } from '../errors.ts'
import type { TaskJob } from '../execution/job.ts'
import type { Delivery } from '../messaging/message.ts'
import { type LegacyTask, readLegacyTask } from '../protocol/task-body.ts'
import { readTaskHeaders, type TaskHeaders, taskTime } from '../protocol/task-headers.ts'
import type { TaskLookup } from '../task/ports.ts'
import type { RequestSubject } from './request-subject.ts'

/** A message that is no task we could run: why, and the same for people. */
export interface Unrunnable {
  readonly reason: 'unknown-message' | 'unknown-task' | 'invalid' | 'undecodable' | 'disallowed' | 'too-often'
  readonly detail: string
  /** Headers of the task, when they could be read: its result says what happened. */
  readonly headers: TaskHeaders | undefined
}

/** What is known of a delivery. */
export type Reading =
  | { readonly runnable: true; readonly subject: RequestSubject }
  | { readonly runnable: false; readonly problem: Unrunnable }

/** Time limits of a task in milliseconds. */
export interface TimeLimits {
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
}

/** What a strategy needs of its worker. */
export interface StrategyOptions {
  readonly tasks: TaskLookup
  readonly hostname: string
  /** Decodes the body of a message whose headers do not say what it is (protocol 1). Throws `SerializationError`. */
  readonly decode: (delivery: Delivery) => unknown
  /** Whether somebody wants the representation of results now. */
  readonly wantRepr: () => boolean
  /** Limits that were set at run time, by the name of the task; they take the place of the task's own. */
  readonly timeLimits: ReadonlyMap<string, TimeLimits>
  /** Milliseconds; for tasks and messages that say nothing. Celery: `--time-limit`, `--soft-time-limit`. */
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
}

/** Reads what a delivery asks for. Celery: the execution strategy and `Consumer.on_unknown_message`. */
export function readDelivery(delivery: Delivery, options: StrategyOptions): Reading {
  let headers: TaskHeaders | undefined
  try {
    headers = readHeaders(delivery, options)
    if (headers === undefined) {
      return unrunnable(
        'unknown-message',
        'Received and deleted unknown message. Wrong destination?',
        headers,
      )
    }
    return readTask(headers, delivery, options)
  } catch (error) {
    if (error instanceof InvalidTaskError) return unrunnable('invalid', error.message, headers)
    if (error instanceof SecurityError) return unrunnable('disallowed', error.message, headers)
    if (error instanceof SerializationError) return unrunnable('undecodable', error.message, headers)
    throw error
  }
}

/** What others have sent and nobody has foreseen is no reason to fail: the next connection would bring it again, for ever. */
function readHeaders(delivery: Delivery, options: StrategyOptions): TaskHeaders | undefined {
  try {
    return readTaskHeaders(delivery.headers) ?? readLegacy(delivery, options)?.headers
  } catch (error) {
    if (error instanceof CeleryError) throw error
    throw new InvalidTaskError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function readTask(headers: TaskHeaders, delivery: Delivery, options: StrategyOptions): Reading {
  const task = options.tasks.get(headers.task)
  if (task === undefined || !task.runnable) {
    const detail = `Received unregistered task of type '${headers.task}': no module that this worker loaded registers it`
    return unrunnable('unknown-task', detail, headers)
  }
  const limits = options.timeLimits.get(task.name) ?? task.options
  return {
    runnable: true,
    subject: {
      job: deliveredJob(delivery, headers, { hostname: options.hostname, wantRepr: options.wantRepr() }),
      policy: task.options,
      sendsEvents: task.options.sendEvents,
      timeLimit: headers.timeLimit ?? limits.timeLimit ?? options.timeLimit,
      softTimeLimit: headers.softTimeLimit ?? limits.softTimeLimit ?? options.softTimeLimit,
      eta: headers.eta === undefined ? undefined : taskTime(headers.eta, 'eta'),
      expires: headers.expires === undefined ? undefined : taskTime(headers.expires, 'expires'),
    },
  }
}

/** The job that a delivery is for a pool. */
export function deliveredJob(
  delivery: Delivery,
  headers: TaskHeaders,
  { hostname, wantRepr }: Pick<TaskJob, 'hostname' | 'wantRepr'>,
): TaskJob {
  const compression = delivery.headers['compression']
  return {
    headers,
    properties: delivery.properties,
    compression: typeof compression === 'string' ? compression : undefined,
    body: delivery.body,
    exchange: delivery.exchange,
    routingKey: delivery.routingKey,
    redelivered: delivery.redelivered,
    hostname,
    wantRepr,
  }
}

/** A message of protocol 1 says in its body what it is. */
function readLegacy(delivery: Delivery, options: StrategyOptions): LegacyTask | undefined {
  return readLegacyTask(options.decode(delivery), delivery.headers)
}

function unrunnable(reason: Unrunnable['reason'], detail: string, headers: TaskHeaders | undefined): Reading {
  return { runnable: false, problem: { reason, detail, headers } }
}
