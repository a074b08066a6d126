/**
 * The signal that a task sees: it fires when the pool's does, but its reason is the error that the task should fail
 * with. Made when the task first looks at it; most never do.
 */
import { SoftTimeLimitExceeded, Terminated, TimeLimitExceeded, WorkerTerminate } from '../errors.ts'
import type { AbortReason, RunContext } from '../pool/pool.ts'
import { isAbandoned } from './verdict.ts'

/** The task's signal for a job's; without a job (eager runs) one that never fires. */
export function taskSignal(job: RunContext | undefined): AbortSignal {
  const controller = new AbortController()
  if (job === undefined) return controller.signal
  const fire = (): void => controller.abort(errorFor(job.reason ?? 'terminate'))
  if (job.reason !== undefined) fire()
  else job.signal.addEventListener('abort', fire, { once: true })
  return controller.signal
}

/**
 * The error for a run that is given up, undefined while it is not. To be asked of the job and not of the task's signal:
 * that fires once, and if it did so for the soft time limit it does not tell what came after.
 */
export function whyGivenUp(job: RunContext | undefined): Error | undefined {
  const reason = job?.reason
  return reason !== undefined && isAbandoned(reason) ? errorFor(reason) : undefined
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
