/** From a job, whose body is bytes, to the request that the task sees. */
import { ContentDisallowed, InvalidTaskError, SecurityError } from '../errors.ts'
import { isError } from '../protocol/exception-info.ts'
import type { TaskBody } from '../protocol/task-body.ts'
import { readTaskBody } from '../protocol/task-body.ts'
import type { RegisteredTask } from '../task/ports.ts'
import type { TaskRequest } from '../task/request.ts'
import { fromMilliseconds } from '../util/duration.ts'
import type { TaskJob } from './job.ts'
import type { InvalidReason, TaskOutcome } from './outcome.ts'
import type { ExecutionHost } from './ports.ts'

/** Why a job cannot be run. */
export type Invalid = Extract<TaskOutcome, { kind: 'invalid' }>

/** Decodes the body of a job; what cannot be read is an outcome and no error. */
export function readBody(job: TaskJob, host: ExecutionHost): TaskBody | Invalid {
  const { contentType, contentEncoding } = job.properties
  try {
    return readTaskBody(
      host.decodeBody(job.body, { contentType, contentEncoding, compression: job.compression }),
    )
  } catch (error) {
    return {
      kind: 'invalid',
      reason: reasonOf(error),
      detail: isError(error) ? error.message : String(error),
    }
  }
}

function reasonOf(error: unknown): InvalidReason {
  if (error instanceof ContentDisallowed || error instanceof SecurityError) return 'disallowed'
  if (error instanceof InvalidTaskError) return 'invalid'
  // A serializer of somebody else may throw anything.
  return 'undecodable'
}

/** The request of a job. `body` is empty when it cannot be read and only the headers are known. */
export function requestOfJob(job: TaskJob, body: TaskBody, task: RegisteredTask | undefined): TaskRequest {
  const { headers, properties } = job
  const { embed } = body
  return {
    id: headers.id,
    task: headers.task,
    rootId: headers.rootId ?? headers.id,
    parentId: headers.parentId,
    correlationId: properties.correlationId ?? headers.id,
    group: headers.groupId,
    groupIndex: headers.groupIndex,
    args: body.args,
    kwargs: body.kwargs,
    retries: headers.retries,
    eta: headers.eta,
    expires: headers.expires,
    timelimit: timeLimits(headers.timeLimit, headers.softTimeLimit),
    utc: true,
    chord: embed.chord,
    chain: embed.chain,
    callbacks: embed.callbacks,
    errbacks: embed.errbacks,
    deliveryInfo: {
      exchange: job.exchange,
      routingKey: job.routingKey,
      priority: properties.priority,
      redelivered: job.redelivered,
      isEager: false,
    },
    hostname: job.hostname,
    origin: headers.origin,
    replyTo: properties.replyTo,
    isEager: false,
    calledDirectly: false,
    headers: headers.custom,
    properties: { ...properties },
    ignoreResult: headers.ignoreResult || task?.options.ignoreResult === true,
    shadow: headers.shadow,
    replacedTaskNesting: headers.replacedTaskNesting,
    stampedHeaders: headers.stampedHeaders,
    stamps: headers.stamps,
    children: [],
  }
}

const NO_LIMITS: readonly [null, null] = [null, null]

function timeLimits(
  hard: number | undefined,
  soft: number | undefined,
): readonly [number | null, number | null] {
  if (hard === undefined && soft === undefined) return NO_LIMITS
  return [
    hard === undefined ? null : fromMilliseconds(hard),
    soft === undefined ? null : fromMilliseconds(soft),
  ]
}
