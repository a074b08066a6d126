/**
 * How the run of a task ended, as plain data: what the worker needs for settling the message, for its log and for
 * events, and nothing more. The result itself was stored where the task ran.
 */
export type TaskOutcome =
  /** `result` is its representation when the job wanted one; `runtime` in milliseconds. */
  | { readonly kind: 'succeeded'; readonly runtime: number; readonly result: string | undefined }
  /** `expected`: the task `throws` it. `internal`: it was thrown outside the body. `error` is its representation. */
  | {
      readonly kind: 'failed'
      readonly severity: 'unexpected' | 'expected' | 'internal'
      readonly error: string
      readonly traceback: string
      readonly runtime: number
    }
  /** A message for the next attempt is with the broker. `error`: representation of what made it try again. */
  | {
      readonly kind: 'retried'
      readonly reason: string
      readonly error: string
      readonly traceback: string
    }
  | { readonly kind: 'ignored' }
  /** The task raised `Reject`, or sending its retry failed. */
  | { readonly kind: 'rejected'; readonly requeue: boolean; readonly reason: string }
  /** It never ran: the body cannot be decoded, is not trusted, or is no body of a task; or the task is not known there. */
  | { readonly kind: 'invalid'; readonly reason: InvalidReason; readonly detail: string }
  /** The pool's signal fired with `timeout`, `terminate` or `shutdown` before it ended: nothing was stored. */
  | { readonly kind: 'abandoned' }

/** Why a message cannot be run. */
export type InvalidReason = 'undecodable' | 'disallowed' | 'invalid' | 'unknown-task'

/** True for what a runner of ours answered. */
export function isTaskOutcome(value: unknown): value is TaskOutcome {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string'
}
