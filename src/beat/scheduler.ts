/**
 * Sends what is due. Celery: `celery.beat.Scheduler`.
 *
 * What is to be done comes from the setting `beatSchedule`, from the store, and from `add`; what was done is recorded in
 * the store, right after each task that was sent. States: **following** another beat that shares the store → **leading**,
 * in which `tick` sends → **pausing**, as long as the broker cannot be reached → **leading**.
 *
 * A task that could not be sent since the broker was away stays due. Once it is back, each entry is sent once, however
 * often its time came meanwhile. An entry that can never be sent (its arguments cannot be encoded, say) is logged, and
 * waits for its next time; the others do not notice.
 */
import { OperationalError, TimeoutError } from '../errors.ts'
import type { ScheduleContext } from '../schedules/schedule.ts'
import type { Logger } from '../util/logger.ts'
import type { BeatApp } from './beat-app.ts'
import { defaultEntries } from './default-entries.ts'
import { DueHeap } from './due-heap.ts'
import { Leadership } from './leadership.ts'
import { MemoryStore } from './memory-store.ts'
import type { EntryState, ScheduleEntryParts } from './schedule-entry.ts'
import { readEntry, ScheduleEntry } from './schedule-entry.ts'
import type { ScheduleStore, StoredSchedule } from './schedule-store.ts'
import { sendEntry } from './send-entry.ts'

/** What a scheduler is made with; the class that `beatScheduler` names gets the same. */
export interface SchedulerOptions {
  /** Where it remembers what ran; default: it forgets. */
  readonly store?: ScheduleStore
  /** What `-s` says, or the setting `beatScheduleFilename`. */
  readonly scheduleFilename?: string
  /** Seconds that it sleeps at most; default the setting `beatMaxLoopInterval`, or 5 minutes. */
  readonly maxInterval?: number | undefined
  readonly logger?: Logger
}

const DEFAULT_MAX_INTERVAL = 300
const LEAST_WAIT = 0.01
/** Milliseconds after which the broker is tried again; the last one over and over. */
const PAUSES = [1000, 2000, 4000, 8000, 15_000] as const

/** See the module's description. Subclasses choose the store, or override what they do differently. */
export class Scheduler {
  readonly app: BeatApp
  /** Seconds that it sleeps at most. */
  readonly maxInterval: number
  protected readonly logger: Logger
  protected readonly store: ScheduleStore
  readonly #leadership: Leadership
  readonly #listeners = new Set<() => void>()
  readonly #forget: (() => void)[] = []
  readonly #added = new Map<string, ScheduleEntryParts>()
  #entries = new Map<string, ScheduleEntry>()
  #heap = new DueHeap<string>()
  #seed = ''
  /** States that the store does not have yet. */
  #unsaved = new Map<string, EntryState>()
  #removed: string[] = []
  #stale = true
  #defaults: ReadonlyMap<string, ScheduleEntryParts> = new Map()
  #pausedUntil = 0
  #failures = 0

  constructor(app: BeatApp, options: SchedulerOptions = {}) {
    this.app = app
    this.logger = options.logger ?? app.logger.child('beat')
    this.maxInterval = options.maxInterval || app.settings.beatMaxLoopInterval || DEFAULT_MAX_INTERVAL
    this.store = options.store ?? new MemoryStore()
    const { store, logger } = this
    this.#leadership = new Leadership({ store, clock: app.clock, logger, gained: () => this.#changed() })
  }

  /** A line for the banner. */
  get info(): string {
    return this.store.label === '' ? '' : `    . db -> ${this.store.label}`
  }

  /** All entries, by name. */
  get schedule(): ReadonlyMap<string, ScheduleEntry> {
    return this.#entries
  }

  /**
   * Reads settings and store. Celery: `setup_schedule`.
   * @throws ImproperlyConfigured for entries that cannot be; what the store throws when it cannot be used.
   */
  async setup(): Promise<void> {
    this.#configured()
    await this.store.open()
    const changed = (): void => this.#changed()
    this.#forget.push(this.app.conf.onChange(changed))
    const unsubscribe = this.store.onChange?.(changed)
    if (unsubscribe !== undefined) this.#forget.push(unsubscribe)
    void defaultEntries(this.app, this.logger).then((entries) => {
      this.#defaults = entries
      if (entries.size > 0) this.#changed()
    })
    await this.#leadership.start()
  }

  /** Calls a function when `tick` should be called before it asked to be. Gives the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Adds or replaces an entry until this beat ends. @throws ImproperlyConfigured */
  add(name: string, entry: unknown): void {
    this.#added.set(name, readEntry(entry, `The entry '${name}'`))
    this.#changed()
  }

  /** Sends at most one task. Settles with the seconds until it is to be called again; 0: at once. */
  async tick(): Promise<number> {
    if (!this.#leadership.leading) {
      this.#stale = true
      return this.#rest()
    }
    if (this.#stale && !(await this.#reload())) return this.#rest()
    if (this.#unsaved.size > 0 || this.#removed.length > 0) await this.#save()
    const now = this.app.clock.now()
    if (now < this.#pausedUntil) return this.#rest(this.#pausedUntil - now)
    const first = this.#heap.peek()
    if (first === undefined) return this.#rest()
    if (first.at > now) return this.#rest(first.at - now)
    this.#heap.pop()
    const entry = this.#entries.get(first.item)
    if (entry !== undefined) await this.#look(entry, now)
    return 0
  }

  /** Records what is not recorded yet. */
  async sync(): Promise<void> {
    if (this.#unsaved.size > 0 || this.#removed.length > 0) await this.#save()
  }

  /** Records, gives up the lead, and lets go of the store. */
  async close(): Promise<void> {
    for (const forget of this.#forget.splice(0)) forget()
    await this.sync()
    await this.#leadership.stop()
    await this.store.close()
  }

  /**
   * Sends the task of an entry; rejects when that failed. What subclasses may do differently.
   * @param seed see `StoredSchedule`.
   */
  protected async send(entry: ScheduleEntry, seed: string): Promise<void> {
    const id = await sendEntry(this.app, entry, seed)
    this.logger.debug(`${entry.task} sent. id->${id}`)
  }

  #rest(milliseconds = Number.POSITIVE_INFINITY): number {
    return Math.min(milliseconds / 1000, this.maxInterval)
  }

  #changed(): void {
    this.#stale = true
    for (const listener of this.#listeners) listener()
  }

  get #context(): ScheduleContext {
    const { timezone, settings } = this.app
    return { timezone, cronStartingDeadline: settings.beatCronStartingDeadline ?? undefined }
  }

  /** Asks an entry, and sends it if it is due. */
  async #look(entry: ScheduleEntry, now: number): Promise<void> {
    let next: number
    try {
      const state = entry.isDue(new Date(now), this.#context)
      // A schedule that is not due but wants to be asked at once would never let anybody else work.
      next = now + (state.due ? state.next : Math.max(state.next, LEAST_WAIT)) * 1000
      if (!state.due) {
        this.#heap.push(next, entry.name)
        return
      }
    } catch (error) {
      this.logger.error(`The schedule of ${entry.name} failed; it is asked again in ${this.maxInterval} s`, {
        error,
      })
      this.#heap.push(now + this.maxInterval * 1000, entry.name)
      return
    }
    this.logger.info(`Scheduler: Sending due task ${entry.name} (${entry.task})`)
    try {
      await this.send(entry, this.#seed)
      this.#failures = 0
    } catch (error) {
      if (isUnreachable(error)) {
        this.#pause(error)
        this.#heap.push(now, entry.name)
        return
      }
      this.logger.error(`Message Error: Couldn't apply scheduled task ${entry.name}: ${textOf(error)}`, {
        error,
      })
    }
    const ran = entry.ran(now)
    this.#entries.set(entry.name, ran)
    this.#unsaved.set(entry.name, ran.state)
    this.#heap.push(next, entry.name)
    await this.#save()
  }

  #pause(error: unknown): void {
    const pause = PAUSES[Math.min(this.#failures, PAUSES.length - 1)] ?? 0
    this.#failures += 1
    this.#pausedUntil = this.app.clock.now() + pause
    this.logger.error(`beat: Connection error: ${textOf(error)}. Trying again in ${pause / 1000} seconds...`)
  }

  async #save(): Promise<void> {
    const states = new Map(this.#unsaved)
    const removed = [...this.#removed]
    try {
      const { timezone, enableUtc } = this.app.settings
      const saved = await this.store.save({
        timezone: timezone ?? 'UTC',
        utcEnabled: enableUtc,
        states,
        removed,
      })
      if (!saved) this.#leadership.lose()
    } catch (error) {
      // What is remembered here is saved with the next task.
      this.logger.error(`beat: What ran could not be recorded: ${textOf(error)}`)
      return
    }
    this.#unsaved.clear()
    this.#removed = this.#removed.filter((name) => !removed.includes(name))
  }

  /** Takes over what settings and store say now. False when the store cannot be read at the moment. */
  async #reload(): Promise<boolean> {
    let stored: StoredSchedule
    try {
      stored = await this.store.load()
    } catch (error) {
      this.#pause(error)
      return false
    }
    this.#stale = false
    this.#seed = stored.seed
    const wanted = this.#wanted(stored)
    const known = this.#survivesSettings(stored)
    const before = this.#entries
    const now = this.app.clock.now()
    this.#entries = new Map()
    this.#heap = new DueHeap()
    const unsaved = this.#unsaved
    this.#unsaved = new Map()
    for (const [name, parts] of wanted) {
      const state = later(unsaved.get(name), known ? stored.states.get(name) : undefined)
      this.#entries.set(name, new ScheduleEntry(name, parts, state ?? { lastRunAt: now, totalRunCount: 0 }))
      // What rests is forgotten, so that nothing is made up for when it begins again.
      if (!parts.enabled) continue
      if (state === undefined) this.#unsaved.set(name, { lastRunAt: now, totalRunCount: 0 })
      else if (state !== stored.states.get(name)) this.#unsaved.set(name, state)
      // When it is due is found out by the first look at it.
      this.#heap.push(0, name)
    }
    this.#removed = [...stored.states.keys()].filter((name) => wanted.get(name)?.enabled !== true)
    this.#tellChanges(before)
    await this.sync()
    return true
  }

  /** Those of the store win over those of the settings: somebody has edited them. */
  #wanted(stored: StoredSchedule): Map<string, ScheduleEntryParts> {
    const wanted = new Map([...this.#defaults, ...this.#configured(this.#entries), ...this.#added])
    for (const [name, value] of stored.entries) {
      const parts = this.#readOr(this.#entries, name, value, `The entry '${name}' of ${this.store.label}`)
      if (parts !== undefined) wanted.set(name, parts)
    }
    return wanted
  }

  /** The entries of the settings. @param fallback if given, wrong ones stay as they were there, and are logged. */
  #configured(fallback?: ReadonlyMap<string, ScheduleEntry>): Map<string, ScheduleEntryParts> {
    const entries = new Map<string, ScheduleEntryParts>()
    for (const [name, value] of Object.entries(this.app.settings.beatSchedule)) {
      const where = `beatSchedule['${name}']`
      const parts =
        fallback === undefined ? readEntry(value, where) : this.#readOr(fallback, name, value, where)
      if (parts !== undefined) entries.set(name, parts)
    }
    return entries
  }

  #readOr(
    fallback: ReadonlyMap<string, ScheduleEntry>,
    name: string,
    value: unknown,
    where: string,
  ): ScheduleEntryParts | undefined {
    try {
      return readEntry(value, where)
    } catch (error) {
      const old = fallback.get(name)
      this.logger.error(`${textOf(error)}. ${old === undefined ? 'It is left out' : 'It stays as it was'}`)
      return old?.parts
    }
  }

  /** When the zone is another one, what ran when means something else. */
  #survivesSettings({ timezone, utcEnabled }: StoredSchedule): boolean {
    const { timezone: zone, enableUtc } = this.app.settings
    if (timezone !== undefined && timezone !== zone) {
      this.logger.warn(`Reset: Timezone changed from '${timezone}' to '${zone}'`)
      return false
    }
    if (utcEnabled !== undefined && utcEnabled !== enableUtc) {
      const words = (enabled: boolean): string => (enabled ? 'enabled' : 'disabled')
      this.logger.warn(`Reset: UTC changed from ${words(utcEnabled)} to ${words(enableUtc)}`)
      return false
    }
    return true
  }

  #tellChanges(before: ReadonlyMap<string, ScheduleEntry>): void {
    if (before.size === 0) {
      const shown = [...this.#entries.values()].map(
        ({ name, task, parts }) => `${name} ${task} ${parts.schedule}`,
      )
      this.logger.debug(`Current schedule:\n${shown.join('\n')}`)
      return
    }
    const names = (list: Iterable<string>): string => [...list].join(', ')
    const changes = [
      ['added', names([...this.#entries.keys()].filter((name) => !before.has(name)))],
      ['removed', names([...before.keys()].filter((name) => !this.#entries.has(name)))],
      [
        'changed',
        names(
          [...this.#entries]
            .filter(([name, entry]) => isOther(before.get(name), entry))
            .map(([name]) => name),
        ),
      ],
    ].filter(([, list]) => list !== '')
    if (changes.length > 0) {
      this.logger.info(`beat: Schedule changed: ${changes.map((change) => change.join(' ')).join('; ')}`)
    }
  }
}

/** The state of the later run: another beat may have led meanwhile. */
function later(a: EntryState | undefined, b: EntryState | undefined): EntryState | undefined {
  return a === undefined || (b !== undefined && b.lastRunAt >= a.lastRunAt) ? b : a
}

function isOther(before: ScheduleEntry | undefined, now: ScheduleEntry): boolean {
  return before !== undefined && !before.editableFieldsEqual(now)
}

/** Whether the broker is away, so that the same task can be sent later. */
function isUnreachable(error: unknown): boolean {
  return error instanceof TimeoutError || (error instanceof OperationalError && error.recoverable)
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
