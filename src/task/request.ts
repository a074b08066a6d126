/**
 * What a running task may know of the call that it answers. Celery: `Task.request`, a `Context`.
 *
 * A request is data: made once per run from the message (or by an eager or direct call) and never sent anywhere.
 * Only `children` grows.
 */
import type { ResultTuple } from '../protocol/result-meta.ts'
import type { SignatureData } from '../protocol/signature.ts'

/** Where the broker delivered the message from. Celery: `delivery_info`. */
export interface DeliveryInfo {
  readonly exchange: string | undefined
  readonly routingKey: string | undefined
  readonly priority: number | undefined
  readonly redelivered: boolean
  /** No broker was involved: the task was applied in place. */
  readonly isEager: boolean
}

/** A result that a task has caused and that is stored as its child. */
export interface ChildResult {
  readonly id: string
  asTuple(): ResultTuple
}

/** See the module's description. Fields that the message left out are undefined. */
export interface TaskRequest {
  readonly id: string
  /** The name of the task as it was called. */
  readonly task: string
  readonly rootId: string
  readonly parentId: string | undefined
  readonly correlationId: string
  /** Id of the group (or chord header) the call belongs to. Celery: `group`, `taskset`. */
  readonly group: string | undefined
  readonly groupIndex: number | undefined
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** How often it was retried: 0 on the first run. */
  readonly retries: number
  /** ISO 8601, as in the message. */
  readonly eta: string | undefined
  /** ISO 8601, as in the message. */
  readonly expires: string | undefined
  /** Seconds, `[hard, soft]`, as in the message: what the caller asked for. */
  readonly timelimit: readonly [number | null, number | null]
  readonly utc: boolean
  /** The body that waits for this call's chord. */
  readonly chord: SignatureData | undefined
  /** What comes after this call, the last first. */
  readonly chain: readonly SignatureData[] | undefined
  /** Called with the result. */
  readonly callbacks: readonly SignatureData[] | undefined
  /** Called on failure. */
  readonly errbacks: readonly SignatureData[] | undefined
  readonly deliveryInfo: DeliveryInfo
  /** Node name of the worker. */
  readonly hostname: string | undefined
  /** Who sent it, `gen<pid>@<host>`. */
  readonly origin: string | undefined
  /** Queue in which the caller awaits the result (only `rpc://` uses it). */
  readonly replyTo: string | undefined
  /** Applied in place of being sent. */
  readonly isEager: boolean
  /** Called like a function: there is no message and no retry. */
  readonly calledDirectly: boolean
  /** Custom headers of the message, i.e. those that are not Celery's own. */
  readonly headers: Readonly<Record<string, unknown>> | undefined
  readonly properties: Readonly<Record<string, unknown>> | undefined
  /** The result is not stored, because the call or the task says so. */
  readonly ignoreResult: boolean
  /** Name shown in logs and events instead of the task's. */
  readonly shadow: string | undefined
  readonly replacedTaskNesting: number
  readonly stampedHeaders: readonly string[] | undefined
  readonly stamps: Readonly<Record<string, unknown>> | undefined
  /** Results of the calls that this run has sent; stored with its own. */
  readonly children: ChildResult[]
}

const NO_DELIVERY: DeliveryInfo = {
  exchange: undefined,
  routingKey: undefined,
  priority: undefined,
  redelivered: false,
  isEager: false,
}
const NO_LIMITS: readonly [null, null] = [null, null]

/** What is known of a request; the rest gets its default. */
export type TaskRequestFields = Pick<TaskRequest, 'id' | 'task'> & Partial<TaskRequest>

/** Fills in what is not given: a first run, called by nobody else, part of nothing. */
export function createTaskRequest(fields: TaskRequestFields): TaskRequest {
  return {
    id: fields.id,
    task: fields.task,
    rootId: fields.rootId ?? fields.id,
    parentId: fields.parentId,
    correlationId: fields.correlationId ?? fields.id,
    group: fields.group,
    groupIndex: fields.groupIndex,
    args: fields.args ?? [],
    kwargs: fields.kwargs ?? {},
    retries: fields.retries ?? 0,
    eta: fields.eta,
    expires: fields.expires,
    timelimit: fields.timelimit ?? NO_LIMITS,
    utc: fields.utc ?? true,
    chord: fields.chord,
    chain: fields.chain,
    callbacks: fields.callbacks,
    errbacks: fields.errbacks,
    deliveryInfo: fields.deliveryInfo ?? NO_DELIVERY,
    hostname: fields.hostname,
    origin: fields.origin,
    replyTo: fields.replyTo,
    isEager: fields.isEager ?? false,
    calledDirectly: fields.calledDirectly ?? false,
    headers: fields.headers,
    properties: fields.properties,
    ignoreResult: fields.ignoreResult ?? false,
    shadow: fields.shadow,
    replacedTaskNesting: fields.replacedTaskNesting ?? 0,
    stampedHeaders: fields.stampedHeaders,
    stamps: fields.stamps,
    children: fields.children ?? [],
  }
}

/**
 * The options that send the same call once more, in wire form. Celery: `Context.as_execution_options`.
 *
 * Headers that the broker added when it dead-lettered the message (`x-death…`) stay behind.
 */
export function executionOptions(request: TaskRequest): Record<string, unknown> {
  const [timeLimit, softTimeLimit] = request.timelimit
  return {
    task_id: request.id,
    root_id: request.rootId,
    parent_id: request.parentId ?? null,
    group_id: request.group ?? null,
    group_index: request.groupIndex ?? null,
    shadow: request.shadow ?? null,
    chord: request.chord ?? null,
    chain: request.chain ?? null,
    link: request.callbacks ?? null,
    link_error: request.errbacks ?? null,
    expires: request.expires ?? null,
    soft_time_limit: softTimeLimit,
    time_limit: timeLimit,
    headers: withoutDeaths(request.headers),
    retries: request.retries,
    reply_to: request.replyTo ?? null,
    replaced_task_nesting: request.replacedTaskNesting,
    origin: request.origin ?? null,
    ...(request.stampedHeaders === undefined
      ? {}
      : { stamped_headers: request.stampedHeaders, ...request.stamps }),
  }
}

function withoutDeaths(
  headers: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> | null {
  if (headers === undefined) return null
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('x-death')))
}
