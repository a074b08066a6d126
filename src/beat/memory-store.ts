import { uuid } from '../util/uuid.ts'
import type { ScheduleChanges, ScheduleStore, StoredSchedule } from './schedule-store.ts'

/** Remembers nothing beyond the process: a new beat begins all intervals anew. */
export class MemoryStore implements ScheduleStore {
  readonly label: string = ''
  #stored: StoredSchedule = {
    seed: uuid(),
    timezone: undefined,
    utcEnabled: undefined,
    states: new Map(),
    entries: new Map(),
  }

  async open(): Promise<void> {}

  async load(): Promise<StoredSchedule> {
    return this.#stored
  }

  async save({ states, removed, ...settings }: ScheduleChanges): Promise<boolean> {
    const kept = new Map([...this.#stored.states, ...states])
    for (const name of removed) kept.delete(name)
    this.#stored = { ...this.#stored, ...settings, states: kept }
    return true
  }

  async close(): Promise<void> {}
}
