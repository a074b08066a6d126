/**
 * Tells when another process has changed an SQLite database, without asking all the time.
 *
 * Who commits writes to the `-wal` file, so that is watched; SQLite's `data_version` then says whether it was somebody
 * else. In case an event gets lost, `data_version` is looked at every second anyway; where files cannot be watched,
 * twenty times a second.
 */
import type { FSWatcher } from 'node:fs'
import { watch } from 'node:fs'

const POLL_WATCHED_MS = 1000
const POLL_UNWATCHED_MS = 50

/** What a `SqliteWake` works with. */
export interface SqliteWakeOptions {
  /** The database. Its `-wal` file must exist. */
  readonly path: string
  /** SQLite's `PRAGMA data_version`: another number after a commit of another connection. */
  readonly dataVersion: () => number
  /** Somebody else has committed. */
  readonly changed: () => void
  /** Called on every look, for what has to be looked after now and then. */
  readonly looked?: () => void
  /** Looking failed. */
  readonly failed: (error: unknown) => void
}

/** See the module's description. It keeps the process alive only between `ref` and `unref`. */
export class SqliteWake {
  readonly #options: SqliteWakeOptions
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined
  #version: number
  #scheduled = false
  #referenced = true
  #closed = false

  constructor(options: SqliteWakeOptions) {
    this.#options = options
    this.#version = options.dataVersion()
    this.#watcher = this.#watch()
    this.#setTimer()
    this.unref()
  }

  /** Somebody waits: the process must not end. */
  ref(): void {
    this.#referenced = true
    this.#watcher?.ref()
    this.#timer?.ref()
  }

  /** Nobody waits. */
  unref(): void {
    this.#referenced = false
    this.#watcher?.unref()
    this.#timer?.unref()
  }

  close(): void {
    this.#closed = true
    this.#watcher?.close()
    clearInterval(this.#timer)
  }

  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(`${this.#options.path}-wal`, () => this.#schedule())
      watcher.on('error', () => this.#pollInstead())
      return watcher
    } catch {
      // Too many watches, or a file system without: polling does, only less promptly.
      return undefined
    }
  }

  #pollInstead(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#setTimer()
  }

  #setTimer(): void {
    clearInterval(this.#timer)
    this.#timer = setInterval(
      () => {
        this.#options.looked?.()
        this.#look()
      },
      this.#watcher === undefined ? POLL_UNWATCHED_MS : POLL_WATCHED_MS,
    )
    if (!this.#referenced) this.#timer.unref()
  }

  /** One commit makes several events: they are answered by one look. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#look()
    })
  }

  #look(): void {
    if (this.#closed) return
    try {
      const version = this.#options.dataVersion()
      if (version === this.#version) return
      this.#version = version
    } catch (error) {
      this.#options.failed(error)
      return
    }
    this.#options.changed()
  }
}
