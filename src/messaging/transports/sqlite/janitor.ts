import type { Clock, TimerHandle } from '../../../util/clock.ts'
import type { SqliteFile } from '../../../util/sqlite-file.ts'
import type { SqliteBroadcasts } from './broadcasts.ts'
import type { Owner } from './owner.ts'

const EVERY_MS = 1000
/** Rows deleted at a time. */
const BATCH = 1000

/** What a `Janitor` works with. */
export interface JanitorOptions {
  readonly file: SqliteFile
  readonly clock: Clock
  readonly owner: Owner
  readonly broadcasts: SqliteBroadcasts
  /** The file cannot be used any more, or others took us for dead. */
  readonly failed: (error: unknown) => void
}

/**
 * What every consuming connection does once a second: renews its lease, gives back what the dead held and what was
 * postponed until now, and removes what has expired. Looking costs some reads; it writes only when there is something to do.
 */
export class Janitor {
  readonly #options: JanitorOptions
  #timer: TimerHandle | undefined
  #state: 'new' | 'running' | 'stopped' = 'new'

  constructor(options: JanitorOptions) {
    this.#options = options
  }

  /** Begins, with a first round at once; harmless when it has begun before. */
  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'running'
    void this.#round()
  }

  stop(): void {
    this.#state = 'stopped'
    this.#timer?.cancel()
  }

  async #round(): Promise<void> {
    const { owner, broadcasts, clock, failed } = this.#options
    try {
      await owner.renew()
      await owner.reap()
      await this.#releaseDue()
      await this.#removeExpiredMessages()
      await this.#removeExpiredQueues()
      await broadcasts.tidy()
      await this.#trim()
    } catch (error) {
      if (this.#state === 'running') failed(error)
      return
    }
    if (this.#state !== 'running') return
    this.#timer = clock.setTimeout(() => void this.#round(), EVERY_MS)
    this.#timer.unref()
  }

  /** What was postponed and is due waits again. */
  async #releaseDue(): Promise<void> {
    const { file, clock } = this.#options
    const due = file.prepare(`SELECT id FROM celeriac_postponed WHERE due_at <= ? LIMIT ${BATCH}`)
    const release = file.prepare('UPDATE celeriac_messages SET owner = NULL WHERE id = ? AND owner = 0')
    const forget = file.prepare('DELETE FROM celeriac_postponed WHERE id = ?')
    for (;;) {
      const now = clock.now()
      if (file.read(() => due.get(now)) === undefined) return
      const work = (): void => {
        for (const { id } of due.all(now)) {
          release.run(Number(id))
          forget.run(Number(id))
        }
      }
      await file.write(work, { announce: true })
    }
  }

  async #removeExpiredMessages(): Promise<void> {
    const { file, clock } = this.#options
    const expired = 'FROM celeriac_messages WHERE expires_at <= ? AND owner IS NULL LIMIT'
    const any = file.prepare(`SELECT 1 ${expired} 1`)
    if (file.read(() => any.get(clock.now())) === undefined) return
    const remove = file.prepare(`DELETE FROM celeriac_messages WHERE id IN (SELECT id ${expired} ${BATCH})`)
    await file.write(() => void remove.run(clock.now()))
  }

  async #removeExpiredQueues(): Promise<void> {
    const { file, clock } = this.#options
    const select = file.prepare(
      `SELECT name FROM celeriac_queues WHERE expires IS NOT NULL AND used_at + expires <= ?
         AND NOT EXISTS (SELECT 1 FROM celeriac_consumers WHERE queue = name)`,
    )
    const queues = file.read(() => select.all(clock.now())).map((row) => String(row['name']))
    if (queues.length === 0) return
    const statements = [
      'DELETE FROM celeriac_messages WHERE queue = ? AND owner IS NULL',
      'DELETE FROM celeriac_bindings WHERE queue = ?',
      'DELETE FROM celeriac_queues WHERE name = ?',
    ].map((sql) => file.prepare(sql))
    await file.write(() => {
      // Somebody may have begun to consume, or declared it again, since we looked.
      const still = new Set(select.all(clock.now()).map((row) => String(row['name'])))
      for (const queue of queues.filter((name) => still.has(name))) {
        for (const statement of statements) statement.run(queue)
      }
    })
  }

  async #trim(): Promise<void> {
    const { file } = this.#options
    if (file.trimmable) await file.write(() => file.trim())
  }
}
