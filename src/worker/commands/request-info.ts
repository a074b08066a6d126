import type { Request } from '../request.ts'
import type { CommandState } from './command-state.ts'

/** A request as replies show it, keys as Celery's `Request.info`. */
export interface RequestInfo {
  readonly id: string
  readonly name: string
  /** Decoded, or as text. */
  readonly args: unknown
  readonly kwargs: unknown
  readonly type: string
  readonly hostname: string
  /** Seconds since 1970. */
  readonly time_start: number | null
  readonly acknowledged: boolean
  readonly delivery_info: {
    readonly exchange: string
    readonly routing_key: string
    readonly priority: number | null
    readonly redelivered: boolean
  }
  readonly worker_pid: number | null
}

/** Describes a request. @param safe arguments as text, even if they could be decoded. */
export function requestInfo({ services }: CommandState, request: Request, safe = false): RequestInfo {
  const { job } = request.subject
  const { headers } = job
  const given = safe ? undefined : services.readArguments(job)
  return {
    id: headers.id,
    name: headers.shadow ?? headers.task,
    args: given?.args ?? headers.argsrepr ?? '',
    kwargs: given?.kwargs ?? headers.kwargsrepr ?? '',
    type: headers.task,
    hostname: job.hostname,
    time_start: request.startedAt === undefined ? null : request.startedAt / 1000,
    acknowledged: request.acknowledged,
    delivery_info: {
      exchange: job.exchange,
      routing_key: job.routingKey,
      priority: job.properties.priority ?? null,
      redelivered: job.redelivered,
    },
    worker_pid: request.pid ?? null,
  }
}
