/**
 * What the run of a body came to. One pure function decides it; what is stored, sent and told follows from the verdict.
 */
import { Ignore, Reject, Retry, SoftTimeLimitExceeded } from '../errors.ts'
import type { AbortReason } from '../pool/pool.ts'
import { errorName, isError } from '../protocol/exception-info.ts'
import type { ErrorClass } from '../task/options.ts'

/** Every way in which a body can end. */
export type Verdict =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: unknown; readonly expected: boolean }
  | { readonly kind: 'retry'; readonly reason: Retry }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'rejected'; readonly reason: Reject }
  /** The pool has given the job up: whatever the body did, nobody wants to know any more. */
  | { readonly kind: 'abandoned' }

/** What a verdict depends on besides the error. */
export interface Circumstances {
  /** Errors that the task is known to throw. */
  readonly throws: readonly ErrorClass[]
  /** Why the job's signal has fired; undefined: it has not. */
  readonly aborted: AbortReason | undefined
}

/** Whether a job is given up, so that nothing of it may be stored. */
export function isAbandoned(aborted: AbortReason | undefined): boolean {
  return aborted !== undefined && aborted !== 'soft'
}

/** Says what it means that a body threw this. */
export function classify(thrown: unknown, { throws, aborted }: Circumstances): Verdict {
  if (isAbandoned(aborted)) return { kind: 'abandoned' }
  if (thrown instanceof Retry) return { kind: 'retry', reason: thrown }
  if (thrown instanceof Reject) return { kind: 'rejected', reason: thrown }
  if (thrown instanceof Ignore) return { kind: 'ignored' }
  return {
    kind: 'failed',
    error: thrown,
    expected: throws.some((errorClass) => thrown instanceof errorClass),
  }
}

/**
 * What the task meant to throw: many APIs that take a signal throw an `AbortError` of their own, whatever the signal's
 * reason is. If it was the soft time limit, that is the error.
 */
export function meantError(thrown: unknown, aborted: AbortReason | undefined): unknown {
  return aborted === 'soft' && isAbortError(thrown)
    ? new SoftTimeLimitExceeded(undefined, { cause: thrown })
    : thrown
}

function isAbortError(thrown: unknown): boolean {
  return isError(thrown) && errorName(thrown) === 'AbortError'
}
