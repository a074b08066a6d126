/**
 * What ran, in a file of SQLite: durable, and shared by the beats of one machine. Celery keeps a `shelve` there.
 *
 * The beat that leads is known by its process; when that is gone another one takes over at once. Only where that cannot
 * be known, because it runs in another container, its lease decides.
 */
import type { ProcessIdentity } from '../messaging/transports/sqlite/process-identity.ts'
import { isAlive, ownIdentity } from '../messaging/transports/sqlite/process-identity.ts'
import type { Clock } from '../util/clock.ts'
import { isRecord } from '../util/is-record.ts'
import type { SqliteFile } from '../util/sqlite-file.ts'
import { openSqliteFile } from '../util/sqlite-file.ts'
import { uuid } from '../util/uuid.ts'
import type { EntryState } from './schedule-entry.ts'
import type { ScheduleChanges, ScheduleStore, StoredSchedule } from './schedule-store.ts'

const TABLES = `
  CREATE TABLE IF NOT EXISTS celeriac_beat_facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS celeriac_beat_states (
    name TEXT PRIMARY KEY, last_run_at REAL NOT NULL, total_run_count INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS celeriac_beat_entries (name TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;
`
const BUSY_TIMEOUT = 5000
const LEASE = 3000

/** See the module's description. */
export class FileStore implements ScheduleStore {
  readonly label: string
  readonly lease: number = LEASE
  readonly #clock: Clock
  /** Tells this beat from others of the same process. */
  readonly #token = uuid()
  #file: SqliteFile | undefined

  /** @param path of the file, which is made when there is none. */
  constructor(path: string, clock: Clock) {
    this.label = path
    this.#clock = clock
  }

  /** Rejects with `ConnectionError` when the file is damaged, of another program, or cannot be written. */
  async open(): Promise<void> {
    const options = { tables: TABLES, busyTimeout: BUSY_TIMEOUT, synchronous: 'normal' } as const
    const file = await openSqliteFile(this.label, options)
    this.#file = file
    const insert = file.prepare("INSERT OR IGNORE INTO celeriac_beat_facts (name, value) VALUES ('seed', ?)")
    await file.write(() => insert.run(uuid()))
  }

  async lead(): Promise<boolean> {
    const file = this.#opened()
    return await file.write(() => {
      const leader = this.#leader(file)
      if (leader !== undefined && leader.token !== this.#token && this.#lives(leader)) return false
      const own = { ...ownIdentity(), token: this.#token, until: this.#clock.now() + LEASE }
      setFact(file, 'leader', JSON.stringify(own))
      return true
    })
  }

  async load(): Promise<StoredSchedule> {
    const file = this.#opened()
    const states = file.prepare('SELECT * FROM celeriac_beat_states')
    const entries = file.prepare('SELECT * FROM celeriac_beat_entries')
    return file.read(() => ({
      seed: factOf(file, 'seed') ?? '',
      timezone: factOf(file, 'timezone'),
      utcEnabled: { true: true, false: false }[factOf(file, 'utc_enabled') ?? ''],
      states: new Map(states.all().map((row): [string, EntryState] => [String(row['name']), stateOf(row)])),
      entries: new Map(
        entries.all().map((row): [string, unknown] => [String(row['name']), parse(row['entry'])]),
      ),
    }))
  }

  async save({ timezone, utcEnabled, states, removed }: ScheduleChanges): Promise<boolean> {
    const file = this.#opened()
    const put = file.prepare('INSERT OR REPLACE INTO celeriac_beat_states VALUES (?, ?, ?)')
    const remove = file.prepare('DELETE FROM celeriac_beat_states WHERE name = ?')
    return await file.write(() => {
      if (this.#leader(file)?.token !== this.#token) return false
      for (const [name, { lastRunAt, totalRunCount }] of states) put.run(name, lastRunAt, totalRunCount)
      for (const name of removed) remove.run(name)
      setFact(file, 'timezone', timezone)
      setFact(file, 'utc_enabled', String(utcEnabled))
      return true
    })
  }

  async put(name: string, entry: unknown): Promise<void> {
    const file = this.#opened()
    const remove = file.prepare('DELETE FROM celeriac_beat_entries WHERE name = ?')
    const insert = file.prepare('INSERT INTO celeriac_beat_entries VALUES (?, ?)')
    const text = entry === undefined ? undefined : JSON.stringify(entry)
    await file.write(
      () => {
        remove.run(name)
        if (text !== undefined) insert.run(name, text)
        setFact(file, 'edits', String(Number(factOf(file, 'edits') ?? 0) + 1))
      },
      { announce: true },
    )
  }

  onChange(listener: () => void): () => void {
    const file = this.#opened()
    const read = (): string | undefined => file.read(() => factOf(file, 'edits'))
    let edits = read()
    return file.onChange(() => {
      // The leader's own records, and those of others who use the file, are no news.
      if (!file.open) return
      const now = read()
      if (now === edits) return
      edits = now
      listener()
    })
  }

  async close(): Promise<void> {
    const file = this.#file
    if (file === undefined) return
    this.#file = undefined
    const resign = file.prepare("DELETE FROM celeriac_beat_facts WHERE name = 'leader'")
    try {
      await file.write(() => {
        if (this.#leader(file)?.token === this.#token) resign.run()
      })
    } finally {
      await file.close()
    }
  }

  #opened(): SqliteFile {
    if (this.#file === undefined) throw new Error(`${this.label} is not open`)
    return this.#file
  }

  #leader(file: SqliteFile): Leader | undefined {
    const leader = parse(factOf(file, 'leader'))
    if (!isRecord(leader)) return undefined
    const { machine, pid, started, token, until } = leader
    return {
      machine: String(machine),
      pid: Number(pid),
      started: String(started),
      token: String(token),
      until: Number(until),
    }
  }

  #lives(leader: Leader): boolean {
    return isAlive(leader) ?? leader.until > this.#clock.now()
  }
}

interface Leader extends ProcessIdentity {
  readonly token: string
  /** Until when it leads if nothing more is heard of it. */
  readonly until: number
}

function factOf(file: SqliteFile, name: string): string | undefined {
  const value = file.prepare('SELECT value FROM celeriac_beat_facts WHERE name = ?').get(name)?.['value']
  return value === undefined ? undefined : String(value)
}

function setFact(file: SqliteFile, name: string, value: string): void {
  file.prepare('INSERT OR REPLACE INTO celeriac_beat_facts VALUES (?, ?)').run(name, value)
}

function stateOf(row: Readonly<Record<string, unknown>>): EntryState {
  return { lastRunAt: Number(row['last_run_at']), totalRunCount: Number(row['total_run_count']) }
}

function parse(text: unknown): unknown {
  return typeof text === 'string' ? JSON.parse(text) : undefined
}
