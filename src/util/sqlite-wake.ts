/**
 * Tells when another process has changed an SQLite database, without asking all the time.
 *
 * Who commits writes to the `-wal` file, so that is watched; SQLite's `data_version` then says whether it was somebody
 * else. But SQLite writes the file before others can see the change, so the event may come too early: `ring` makes
 * another one afterwards, by touching the file. For those who do not ring (other programs, other users, who may not touch
 * it) there is a second look soon after an event that told nothing new, and one every second in any case; where files
 * cannot be watched, twenty times a second.
 */
import type { FSWatcher } from 'node:fs'
import { utimesSync, watch } from 'node:fs'

const POLL_WATCHED_MS = 1000
const POLL_UNWATCHED_MS = 50
const SECOND_LOOK_MS = 20

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
  #secondLook: NodeJS.Timeout | undefined
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

  /** Tells the others that a commit of ours can be seen now. */
  ring(): void {
    const now = new Date()
    try {
      utimesSync(`${this.#options.path}-wal`, now, now)
    } catch {
      // The file belongs to another user: the others see the change at their second look.
    }
  }

  close(): void {
    this.#closed = true
    this.#watcher?.close()
    clearInterval(this.#timer)
    clearTimeout(this.#secondLook)
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
      if (this.#look() || this.#closed || this.#secondLook !== undefined) return
      this.#secondLook = setTimeout(() => {
        this.#secondLook = undefined
        this.#look()
      }, SECOND_LOOK_MS)
      this.#secondLook.unref()
    })
  }

  /** Says whether somebody else has committed. */
  #look(): boolean {
    if (this.#closed) return false
    try {
      const version = this.#options.dataVersion()
      if (version === this.#version) return false
      this.#version = version
    } catch (error) {
      this.#options.failed(error)
      return false
    }
    this.#options.changed()
    return true
  }
}
