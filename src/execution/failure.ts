import type { ErrorClasses } from '../protocol/error-classes.ts'
import { describeException } from '../protocol/exception-info.ts'
import type { ExceptionTriple } from '../protocol/result-meta.ts'
import { FAILURE } from '../protocol/states.ts'
import { formatTraceback, remoteTraceback } from '../protocol/traceback.ts'

/** An error with all that is stored and told of it; made once, used for the task and for what depends on it. */
export interface Failure {
  /** FAILURE, or REVOKED. */
  readonly state: string
  /** What was thrown. */
  readonly error: unknown
  readonly triple: ExceptionTriple
  readonly traceback: string | undefined
}

/** Describes what was thrown. */
export function createFailure(
  error: unknown,
  classes: ErrorClasses | undefined,
  state: string = FAILURE,
): Failure {
  const traceback = remoteTraceback(error) ?? formatTraceback(error)
  return {
    state,
    error,
    triple: describeException(error, classes),
    traceback: traceback === '' ? undefined : traceback,
  }
}
