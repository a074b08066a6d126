import type { UserAppOptions } from '../../../src/app/app-options.ts'
import type { Celery } from '../../../src/app/celery.ts'
import type { ScheduleEntry, SchedulerOptions } from '../../../src/beat.ts'
import { Scheduler } from '../../../src/beat.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { createTestApp, listeningLogger } from '../app/test-app.ts'

/** A task that a scheduler has sent. */
export interface Sent {
  readonly name: string
  /** ISO, without its milliseconds if there are none. */
  readonly at: string
}

/** A scheduler that notes what it would send. */
export class NotingScheduler extends Scheduler {
  readonly sent: Sent[] = []
  /** Thrown instead of sending, as long as it is there. */
  failure: ((entry: ScheduleEntry) => Error | undefined) | undefined

  protected override async send(entry: ScheduleEntry): Promise<void> {
    const error = this.failure?.(entry)
    if (error !== undefined) throw error
    const at = new Date(this.app.clock.now()).toISOString().replace('.000', '')
    this.sent.push({ name: entry.name, at })
  }
}

/** A scheduler and the clock that it looks at. */
export interface BeatBench {
  readonly app: Celery
  readonly clock: VirtualClock
  readonly scheduler: NotingScheduler
  readonly messages: readonly string[]
  /** Lets the scheduler work up to a moment; answers what it sent meanwhile, as `name hh:mm:ss`. */
  runUntil(moment: string): Promise<string[]>
}

/** Sets one up; the time is the beginning of 2026 unless `start` says otherwise. */
export async function beatBench(
  settings: UserAppOptions,
  { start = '2026-01-01T00:00:00Z', ...options }: SchedulerOptions & { readonly start?: string } = {},
): Promise<BeatBench> {
  const clock = new VirtualClock(new Date(start))
  const { logger, messages } = listeningLogger()
  const app = createTestApp({ clock, logger, ...settings })
  const scheduler = new NotingScheduler(app, { maxInterval: 3600, ...options })
  await scheduler.setup()
  const runUntil = async (moment: string): Promise<string[]> => {
    const before = scheduler.sent.length
    const end = new Date(moment).getTime()
    for (;;) {
      const next = clock.now() + (await scheduler.tick()) * 1000
      if (next > end) break
      clock.setWallClock(next)
    }
    clock.setWallClock(end)
    return scheduler.sent.slice(before).map(({ name, at }) => `${name} ${at.slice(11, -1)}`)
  }
  return { app, clock, scheduler, messages, runUntil }
}
