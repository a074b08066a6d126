import type { Clock, TimerHandle } from '../../util/clock.ts'
import type { SqliteFile } from '../../util/sqlite-file.ts'

const EVERY_MS = 60_000
/** Rows deleted in one transaction. */
const BATCH = 1000

/** Removes what has expired, once a minute and on request. Celery: `backend_cleanup`. */
export class SqliteCleaner {
  readonly #file: SqliteFile
  readonly #clock: Clock
  #timer: TimerHandle | undefined
  #stopped = false

  constructor({ file, clock }: { readonly file: SqliteFile; readonly clock: Clock }) {
    this.#file = file
    this.#clock = clock
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** Settles when nothing is left that had expired. */
  async clean(): Promise<void> {
    const now = this.#clock.now()
    for (const table of ['celeriac_results', 'celeriac_groups', 'celeriac_chords']) {
      await this.#cleanTable(table, now)
    }
    const orphans = this.#file.prepare(
      `DELETE FROM celeriac_chord_parts WHERE rowid IN (SELECT rowid FROM celeriac_chord_parts
         WHERE chord NOT IN (SELECT id FROM celeriac_chords) LIMIT ${BATCH})`,
    )
    const any = this.#file.prepare(
      'SELECT 1 FROM celeriac_chord_parts WHERE chord NOT IN (SELECT id FROM celeriac_chords) LIMIT 1',
    )
    while (this.#file.read(() => any.get()) !== undefined) await this.#file.write(() => void orphans.run())
    if (this.#file.trimmable) await this.#file.write(() => this.#file.trim())
  }

  async #cleanTable(table: string, now: number): Promise<void> {
    const any = this.#file.prepare(`SELECT 1 FROM ${table} WHERE expires_at <= ? LIMIT 1`)
    const remove = this.#file.prepare(
      `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE expires_at <= ? LIMIT ${BATCH})`,
    )
    while (this.#file.read(() => any.get(now)) !== undefined) {
      await this.#file.write(() => void remove.run(now))
    }
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimeout(() => void this.#round(), EVERY_MS)
    this.#timer.unref()
  }

  async #round(): Promise<void> {
    try {
      await this.clean()
    } catch {
      // A file that cannot be written now is reported to whoever saves a result; the next round tries again.
    }
    if (!this.#stopped && this.#file.open) this.#schedule()
  }
}
