/**
 * The port for where beat remembers what ran: this process, a file, Redis, a database of yours.
 *
 * Several beats may share a store. One of them leads, that is, sends; the others stand by.
 */
import type { EntryState } from './schedule-entry.ts'

/** What a store holds. */
export interface StoredSchedule {
  /**
   * Made up when the store was new, and never changed. Ids of sent tasks come from it, so that what is sent a second
   * time, since the record of the first was lost, has the same id.
   */
  readonly seed: string
  /** The settings `timezone` and `enableUtc` of the last beat; undefined: none was there yet. */
  readonly timezone: string | undefined
  readonly utcEnabled: boolean | undefined
  /** By the names of the entries. */
  readonly states: ReadonlyMap<string, EntryState>
  /** Entries that live in the store instead of the settings, as plain data, by their names. */
  readonly entries: ReadonlyMap<string, unknown>
}

/** What is to be recorded. */
export interface ScheduleChanges {
  readonly timezone: string
  readonly utcEnabled: boolean
  readonly states: ReadonlyMap<string, EntryState>
  /** Names of entries to be forgotten. */
  readonly removed: readonly string[]
}

/** See the module's description. */
export interface ScheduleStore {
  /** For the banner, e.g. `celerybeat-schedule`. */
  readonly label: string
  /**
   * Milliseconds for which `lead` holds when nothing more is heard of the beat. Undefined: there is only one beat, which
   * always leads.
   */
  readonly lease?: number
  /** Rejects, before anything is sent, when the store can never be used: not ours, damaged, not allowed. */
  open(): Promise<void>
  /** Takes or prolongs the lead; false when another beat has it. Called every third of a lease. */
  lead?(): Promise<boolean>
  load(): Promise<StoredSchedule>
  /** Records; false, and nothing is, when another beat leads by now. */
  save(changes: ScheduleChanges): Promise<boolean>
  /** Adds or replaces (undefined: removes) an entry that lives in the store. It may be called by anybody. */
  put?(name: string, entry: unknown): Promise<void>
  /** Calls back when somebody has put an entry; gives the function that ends it. */
  onChange?(listener: () => void): () => void
  /** Gives up the lead and lets go of everything. Idempotent. */
  close(): Promise<void>
}
