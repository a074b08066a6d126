/** The scheduler of periodic tasks, for programs that run one themselves instead of `celery beat`. */

export type { BeatApp, BeatEvent } from './beat/beat-app.ts'
export { BeatLazyFunc } from './beat/beat-lazy-func.ts'
export type { BeatServiceOptions } from './beat/beat-service.ts'
export { BeatService } from './beat/beat-service.ts'
export type { BeatScheduler } from './beat/create-scheduler.ts'
export { openStore, PersistentScheduler, RedisScheduler } from './beat/create-scheduler.ts'
export { MemoryStore } from './beat/memory-store.ts'
export type { EntryState, ScheduleEntryParts } from './beat/schedule-entry.ts'
export { ScheduleEntry } from './beat/schedule-entry.ts'
export type { ScheduleChanges, ScheduleStore, StoredSchedule } from './beat/schedule-store.ts'
export type { SchedulerOptions } from './beat/scheduler.ts'
export { Scheduler } from './beat/scheduler.ts'
