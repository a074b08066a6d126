/**
 * The signal that a task sees: it fires when the pool's does, but its reason is the error that the task should fail
 * with. Made when the task first looks at it; most never do.
 */
import { SoftTimeLimitExceeded, Terminated, TimeLimitExceeded, WorkerTerminate } from '../errors.ts'
import type { AbortReason } from '../pool/pool.ts'

/** Why a job's signal has fired; undefined: it has not. */
export function abortReason(signal: AbortSignal | undefined): AbortReason | undefined {
  if (signal === undefined || !signal.aborted) return undefined
  const reason: unknown = signal.reason
  // A reason of a pool that is not ours: nobody waits any more is all we know.
  return reason === 'soft' || reason === 'timeout' || reason === 'shutdown' ? reason : 'terminate'
}

/** The task's signal for a job's; without a job (eager runs) one that never fires. */
export function taskSignal(signal: AbortSignal | undefined): AbortSignal {
  const controller = new AbortController()
  if (signal === undefined) return controller.signal
  const fire = (): void => controller.abort(errorFor(abortReason(signal) ?? 'terminate'))
  if (signal.aborted) fire()
  else signal.addEventListener('abort', fire, { once: true })
  return controller.signal
}

function errorFor(reason: AbortReason): Error {
  switch (reason) {
    case 'soft':
      return new SoftTimeLimitExceeded('')
    case 'timeout':
      return new TimeLimitExceeded('The hard time limit of the task has passed')
    case 'terminate':
      return new Terminated('The task was terminated')
    case 'shutdown':
      return new WorkerTerminate('The worker is stopping')
  }
}
