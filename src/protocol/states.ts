/** The states of tasks. Celery: `celery.states`. */

/** Nothing is known of the task: it waits, or never was. Celery: `PENDING`. */
export const PENDING = 'PENDING'
/** A worker got the message; only in events. Celery: `RECEIVED`. */
export const RECEIVED = 'RECEIVED'
/** It runs; stored only with `trackStarted`. Celery: `STARTED`. */
export const STARTED = 'STARTED'
/** It returned a value. Celery: `SUCCESS`. */
export const SUCCESS = 'SUCCESS'
/** It threw. Celery: `FAILURE`. */
export const FAILURE = 'FAILURE'
/** It was revoked, terminated, or had expired. Celery: `REVOKED`. */
export const REVOKED = 'REVOKED'
/** Its message was refused; only in events. Celery: `REJECTED`. */
export const REJECTED = 'REJECTED'
/** It failed and waits for its next try. Celery: `RETRY`. */
export const RETRY = 'RETRY'
/** It threw `Ignore`: its state is left as it was; never stored. Celery: `IGNORED`. */
export const IGNORED = 'IGNORED'
/** It was asked to stop and did. Celery: `celery.contrib.abortable.ABORTED`. */
export const ABORTED = 'ABORTED'

/** States that do not change any more. Celery: `READY_STATES`. */
export const READY_STATES: ReadonlySet<string> = new Set([SUCCESS, FAILURE, REVOKED])
/** Celery: `UNREADY_STATES`. */
export const UNREADY_STATES: ReadonlySet<string> = new Set([PENDING, RECEIVED, STARTED, REJECTED, RETRY])
/** States whose result is an error. Celery: `EXCEPTION_STATES`. */
export const EXCEPTION_STATES: ReadonlySet<string> = new Set([RETRY, FAILURE, REVOKED])
/** States whose error is thrown where the result is awaited. Celery: `PROPAGATE_STATES`. */
export const PROPAGATE_STATES: ReadonlySet<string> = new Set([FAILURE, REVOKED])
/** Celery: `ALL_STATES` (without `REJECTED`, as there). */
export const ALL_STATES: ReadonlySet<string> = new Set([
  PENDING,
  RECEIVED,
  STARTED,
  SUCCESS,
  FAILURE,
  RETRY,
  REVOKED,
])

/** Custom states (`PROGRESS`, `ABORTED`, …) rank between the two that end a task and all the others. */
const CUSTOM = 2
const PRECEDENCE: ReadonlyMap<string, number> = new Map([
  [SUCCESS, 0],
  [FAILURE, 1],
  [REVOKED, 3],
  [STARTED, 4],
  [RECEIVED, 5],
  [REJECTED, 6],
  [RETRY, 7],
  [PENDING, 8],
])

/** Rank of a state: 0 is the highest, `SUCCESS`. Celery: `celery.states.precedence`. */
export function precedence(state: string): number {
  return PRECEDENCE.get(state) ?? CUSTOM
}

/**
 * Order of two states: negative when `a` ranks below `b`, positive above, 0 alike; so `toSorted(compareStates)` ends
 * with the highest. Celery: comparing two `celery.states.state`.
 */
export function compareStates(a: string, b: string): number {
  return precedence(b) - precedence(a)
}
