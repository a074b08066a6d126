import type { TaskJob } from '../execution/job.ts'
import type { SettlementPolicy } from './settlement.ts'

/** What a request is about. */
export interface RequestSubject {
  readonly job: TaskJob
  readonly policy: SettlementPolicy
  /** Whether events tell of it. Celery: `Task.send_events`. */
  readonly sendsEvents: boolean
  /** Milliseconds; undefined = none. */
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
  /** Milliseconds since 1970; undefined: at once. */
  readonly eta: number | undefined
  /** Milliseconds since 1970; undefined: never. */
  readonly expires: number | undefined
}
