/**
 * The port of schedules: pure functions of the last run and the present. Celery: `celery.schedules.BaseSchedule`.
 *
 * A schedule of your own needs nothing but `isDue`.
 */
import type { Timezone } from '../util/timezone.ts'

/** Whether something is to run, and when to ask again. Celery: `schedstate`. */
export interface DueState {
  readonly due: boolean
  /** Seconds until it is due for the next time, or until it is worth asking again. */
  readonly next: number
}

/** What an app says about all its schedules. */
export interface ScheduleContext {
  /** The zone whose wall clock counts. Celery: `timezone`. */
  readonly timezone: Timezone
  /** Seconds by which a crontab entry may be late; undefined: any. Celery: `beat_cron_starting_deadline`. */
  readonly cronStartingDeadline?: number | undefined
}

/** See the module's description. */
export interface Schedule {
  /**
   * @param lastRun when it ran last; for a new entry, when that was added.
   * @param context what the app says; without one times are in UTC.
   */
  isDue(lastRun: Date, now: Date, context?: ScheduleContext): DueState
  /** Whether another one means the same times. Default: it is the same object. */
  equals?(other: unknown): boolean
}

/** Whether a value is a schedule. */
export function isSchedule(value: unknown): value is Schedule {
  return typeof value === 'object' && value !== null && 'isDue' in value && typeof value.isDue === 'function'
}
