/**
 * What becomes of a message once it is known how its task ended: one pure table.
 *
 * A task either acknowledges *early* (Celery's default: when it starts, so a crash loses it) or *late* (`acksLate`:
 * when it has ended, so a crash runs it again). `request.ts` is the only place that acts on the answer.
 */

/** How a request ended, as far as its message is concerned. */
export type Ending =
  /** The task returned. */
  | 'succeeded'
  /** The task threw. */
  | 'failed'
  /** The task asked to be run again; a new message is already with the broker. */
  | 'retried'
  /** The task raised `Ignore` (or was replaced). */
  | 'ignored'
  /** The task raised `Reject(reason, { requeue: false })`. */
  | 'rejected'
  /** The task raised `Reject(reason, { requeue: true })`. */
  | 'rejected-requeue'
  /** The hard time limit passed. */
  | 'timed-out'
  /** The process died. */
  | 'lost'
  /** It was revoked before or while it ran. */
  | 'revoked'
  /** Its `expires` had passed before it could start. */
  | 'expired'
  /** The worker stops and the task did not get to its end (or beginning). */
  | 'interrupted'
  /** It is no task we could run: undecodable, unknown, not trusted. A copy with the reason is kept elsewhere. */
  | 'buried'
  /** As `buried`, but there is no dead-letter queue to keep it in. */
  | 'discarded'

/** Options of the task that matter. Celery's names: `acks_late`, `acks_on_failure`, `acks_on_timeout`, `reject_on_worker_lost`. */
export interface SettlementPolicy {
  readonly acksLate: boolean
  readonly acksOnFailure: boolean
  readonly acksOnTimeout: boolean
  readonly rejectOnWorkerLost: boolean
}

/** What to tell the broker: done; drop (the broker may dead-letter it); run it again. */
export type Settlement = 'ack' | 'reject' | 'requeue'

/** Says what becomes of a message that was not acknowledged early. */
export function settle(ending: Ending, policy: SettlementPolicy): Settlement {
  switch (ending) {
    case 'succeeded':
    case 'retried':
    case 'ignored':
    case 'revoked':
    case 'expired':
    case 'buried':
      return 'ack'
    case 'failed':
      return policy.acksOnFailure ? 'ack' : 'reject'
    case 'timed-out':
      return policy.acksOnTimeout ? 'ack' : 'requeue'
    case 'lost':
      return policy.rejectOnWorkerLost ? 'requeue' : policy.acksOnFailure ? 'ack' : 'reject'
    case 'rejected':
    case 'discarded':
      return 'reject'
    case 'rejected-requeue':
    case 'interrupted':
      return 'requeue'
  }
}

/** Whether the task's failure is stored by us: not when the message goes back to be run again. */
export function storesLoss(policy: SettlementPolicy): boolean {
  return !(policy.acksLate && policy.rejectOnWorkerLost)
}
