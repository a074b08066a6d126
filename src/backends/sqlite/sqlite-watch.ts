import type { SqliteFile } from '../../util/sqlite-file.ts'
import type { ResultWatch } from '../backend.ts'

/** Changes looked at together. */
const BATCH = 1000

/**
 * Reports results as they change: whenever the file has changed, everything that is newer than what was seen last is
 * looked through for watched ids. It keeps the process alive while anything is watched.
 */
export class SqliteWatch implements ResultWatch {
  readonly #file: SqliteFile
  readonly #deliver: (id: string, document: unknown) => void
  readonly #ids = new Set<string>()
  /** The newest change that was seen. */
  #seen = 0
  #unlisten: (() => void) | undefined

  constructor(file: SqliteFile, deliver: (id: string, document: unknown) => void) {
    this.#file = file
    this.#deliver = deliver
  }

  async add(ids: readonly string[]): Promise<void> {
    if (this.#unlisten === undefined) {
      const last = this.#file.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'celeriac_results'")
      this.#seen = Number(this.#file.read(() => last.get())?.['seq'] ?? 0)
      this.#unlisten = this.#file.onChange(() => this.#look())
    }
    for (const id of ids) this.#ids.add(id)
  }

  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#ids.delete(id)
    if (this.#ids.size === 0) await this.close()
  }

  async close(): Promise<void> {
    this.#ids.clear()
    this.#unlisten?.()
    this.#unlisten = undefined
  }

  #look(): void {
    try {
      while (this.#unlisten !== undefined && this.#file.open && this.#lookOnce() === BATCH);
    } catch {
      // What cannot be read is reported to those who load it, which all who wait do now and then.
    }
  }

  /** Says how many changes there were. */
  #lookOnce(): number {
    const changes = this.#file.prepare(
      `SELECT seq, id FROM celeriac_results WHERE seq > ? ORDER BY seq LIMIT ${BATCH}`,
    )
    const document = this.#file.prepare('SELECT document FROM celeriac_results WHERE seq = ?')
    const rows = this.#file.read(() => changes.all(this.#seen))
    for (const row of rows) {
      const id = String(row['id'])
      this.#seen = Number(row['seq'])
      if (!this.#ids.has(id)) continue
      this.#deliver(id, this.#file.read(() => document.get(this.#seen))?.['document'])
    }
    return rows.length
  }
}
