/**
 * Queues in an SQLite file: the embedded broker.
 *
 * A message is a row. States: **waiting** (no owner) → **held** (`take` has put the number of our `Owner` into it) → gone
 * (`settle`), or **waiting** again, marked as redelivered (`restore`, or the owner died), or **postponed** (`postpone`)
 * until it is due, and then **waiting** again. All of them are transactions that writes of the same turn share; waiting for messages costs nothing until the file changes.
 */
import { ConnectionError } from '../../../errors.ts'
import type { Clock } from '../../../util/clock.ts'
import { Deferred } from '../../../util/deferred.ts'
import type { SqliteFile } from '../../../util/sqlite-file.ts'
import type {
  PostponedMessage,
  QueueStore,
  QueueStoreDeclaration,
  QueueStoreFeatures,
  StoredMessage,
  Taken,
} from '../../virtual/queue-store.ts'
import { SqliteBindings } from './bindings.ts'
import { SqliteBroadcasts } from './broadcasts.ts'
import { claim } from './claim.ts'
import { Janitor } from './janitor.ts'
import { idList, milliseconds, PRIORITY_LEVELS, PreparedMessage, toRow } from './message-row.ts'
import { Owner } from './owner.ts'

/** What the embedded broker can do. */
export const SQLITE_FEATURES: QueueStoreFeatures = {
  priorities: { levels: PRIORITY_LEVELS, lowFirst: true },
  persistent: true,
  shared: true,
  messageTtl: true,
}

/** Rows deleted at a time, so that others get their turn. */
const PURGE_BATCH = 5000
/** Between two attempts to give back what could not be given back at the close. */
const RELEASE_RETRY_MS = 1000

/** See the module's description. */
export class SqliteQueueStore implements QueueStore {
  readonly features: QueueStoreFeatures = SQLITE_FEATURES
  readonly bindings: SqliteBindings
  readonly fanout: SqliteBroadcasts
  readonly closed: Promise<Error | undefined>
  readonly #file: SqliteFile
  readonly #clock: Clock
  readonly #owner: Owner
  readonly #janitor: Janitor
  readonly #closed = new Deferred<Error | undefined>()
  readonly #closing = new AbortController()
  #closePromise: Promise<void> | undefined
  #letGo: (() => void) | undefined

  /** @param file stays open until the store is closed. */
  constructor(file: SqliteFile, clock: Clock) {
    this.#file = file
    this.#clock = clock
    this.closed = this.#closed.promise
    this.#owner = new Owner(file, clock)
    this.bindings = new SqliteBindings(file)
    this.fanout = new SqliteBroadcasts(file, this.#owner, clock, (error) => this.#fail(error))
    this.#janitor = new Janitor({
      file,
      clock,
      owner: this.#owner,
      broadcasts: this.fanout,
      failed: (error) => this.#fail(error),
    })
    void file.closed.then((reason) => {
      if (reason !== undefined) this.#fail(reason)
    })
  }

  async declare(queue: string, declaration: QueueStoreDeclaration): Promise<void> {
    const messageTtl = milliseconds(declaration.arguments['x-message-ttl']) ?? null
    const expires = milliseconds(declaration.arguments['x-expires']) ?? null
    const select = this.#file.prepare('SELECT message_ttl, expires FROM celeriac_queues WHERE name = ?')
    const known = this.#file.read(() => select.get(queue))
    if (known?.['message_ttl'] === messageTtl && known['expires'] === null && expires === null) return
    const insert = this.#file.prepare(
      `INSERT INTO celeriac_queues VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (name) DO UPDATE SET message_ttl = ?2, expires = ?3, used_at = ?4`,
    )
    const now = this.#clock.now()
    await this.#file.write(() => void insert.run(queue, messageTtl, expires, now))
  }

  async exists(queue: string): Promise<boolean> {
    const select = this.#file.prepare('SELECT 1 FROM celeriac_queues WHERE name = ?')
    return this.#file.read(() => select.get(queue)) !== undefined
  }

  async consumedElsewhere(queue: string): Promise<boolean> {
    const owner = this.#owner.registered ? await this.#owner.id() : 0
    const select = this.#file.prepare('SELECT 1 FROM celeriac_consumers WHERE queue = ? AND owner <> ?')
    return this.#file.read(() => select.get(queue, owner)) !== undefined
  }

  async consuming(queues: readonly string[]): Promise<void> {
    if (queues.length === 0 && !this.#owner.registered) return
    this.#letGo?.()
    // A consumer keeps its process alive, also while it has no room for more.
    this.#letGo = queues.length > 0 ? this.#file.keepAlive() : undefined
    const owner = await this.#owner.id()
    this.#janitor.start()
    const now = this.#clock.now()
    const touch = this.#file.prepare(
      'UPDATE celeriac_queues SET used_at = ? WHERE name IN (SELECT queue FROM celeriac_consumers WHERE owner = ?)',
    )
    const forget = this.#file.prepare('DELETE FROM celeriac_consumers WHERE owner = ?')
    const insert = this.#file.prepare('INSERT INTO celeriac_consumers VALUES (?, ?)')
    await this.#file.write(() => {
      touch.run(now, owner)
      forget.run(owner)
      for (const queue of queues) insert.run(queue, owner)
    })
  }

  prepare(message: StoredMessage): StoredMessage {
    return new PreparedMessage(message)
  }

  async put(queue: string, messages: readonly StoredMessage[]): Promise<void> {
    const rows = messages.map(toRow)
    const now = this.#clock.now()
    const declare = this.#file.prepare('INSERT OR IGNORE INTO celeriac_queues (name, used_at) VALUES (?, ?)')
    const ttl = this.#file.prepare('SELECT message_ttl FROM celeriac_queues WHERE name = ?')
    const insert = this.#file.prepare(
      `INSERT INTO celeriac_messages
         (queue, priority, redelivered, expires_at, exchange, routing_key, properties, headers, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    await this.#file.write(
      () => {
        declare.run(queue, now)
        const queueTtl = ttl.get(queue)?.['message_ttl'] ?? null
        for (const row of rows) {
          const timeToLive = Math.min(
            row.timeToLive ?? Number.POSITIVE_INFINITY,
            queueTtl === null ? Number.POSITIVE_INFINITY : Number(queueTtl),
          )
          const { priority, redelivered, exchange, routingKey, properties, headers, body } = row
          const expiresAt = Number.isFinite(timeToLive) ? now + timeToLive : null
          insert.run(queue, priority, redelivered, expiresAt, exchange, routingKey, properties, headers, body)
        }
      },
      { announce: true },
    )
  }

  async take(
    queues: readonly string[],
    { max, signal, wait }: { readonly max: number; readonly signal: AbortSignal; readonly wait: boolean },
  ): Promise<readonly Taken[]> {
    const owner = await this.#owner.id()
    this.#janitor.start()
    for (;;) {
      const { version } = this.#file
      if (signal.aborted) return []
      this.#check()
      if (this.#anyWaiting(queues)) {
        const now = this.#clock.now()
        const taken = await this.#file.write(() => claim(this.#file, { owner, queues, max, now }))
        if (taken.length > 0) return taken
      }
      if (!wait) return []
      await this.#changedSince(version, signal)
    }
  }

  async settle(taken: readonly Taken[]): Promise<void> {
    const owner = await this.#owner.id()
    const remove = this.#file.prepare(
      'DELETE FROM celeriac_messages WHERE owner = ? AND id IN (SELECT value FROM json_each(?))',
    )
    const ids = idList(taken.map(idOf))
    await this.#file.write(() => void remove.run(owner, ids))
  }

  async restore(taken: readonly Taken[], position: 'front' | 'back'): Promise<void> {
    const owner = await this.#owner.id()
    const ids = idList(taken.map(idOf))
    const held = 'owner = ? AND id IN (SELECT value FROM json_each(?))'
    if (position === 'front') {
      // Its number is its place, and that was in front of what came later.
      const release = this.#file.prepare(
        `UPDATE celeriac_messages SET owner = NULL, redelivered = max(redelivered, 1) WHERE ${held}`,
      )
      await this.#file.write(() => void release.run(owner, ids), { announce: true })
      return
    }
    const columns = 'queue, priority, expires_at, exchange, routing_key, properties, headers, body'
    const copy = this.#file.prepare(
      `INSERT INTO celeriac_messages (redelivered, ${columns})
       SELECT max(redelivered, 1), ${columns} FROM celeriac_messages WHERE ${held} ORDER BY id`,
    )
    const remove = this.#file.prepare(`DELETE FROM celeriac_messages WHERE ${held}`)
    await this.#file.write(
      () => {
        copy.run(owner, ids)
        remove.run(owner, ids)
      },
      { announce: true },
    )
  }

  async postpone(postponed: readonly PostponedMessage[]): Promise<void> {
    const owner = await this.#owner.id()
    const release = this.#file.prepare('UPDATE celeriac_messages SET owner = 0 WHERE owner = ? AND id = ?')
    const insert = this.#file.prepare('INSERT OR REPLACE INTO celeriac_postponed VALUES (?, ?)')
    await this.#file.write(() => {
      for (const { taken, until } of postponed) {
        const id = idOf(taken)
        if (Number(release.run(owner, id).changes) > 0) insert.run(id, until)
      }
    })
  }

  async size(queue: string): Promise<number> {
    const count = this.#file.prepare(
      `SELECT count(*) AS messages FROM celeriac_messages
       WHERE queue = ? AND owner IS NULL AND (expires_at IS NULL OR expires_at > ?)`,
    )
    return Number(this.#file.read(() => count.get(queue, this.#clock.now()))?.['messages'])
  }

  async purge(queue: string): Promise<number> {
    const last = this.#file.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'celeriac_messages'")
    const limit = this.#file.read(() => last.get())?.['seq'] ?? 0
    const remove = this.#file.prepare(
      `DELETE FROM celeriac_messages WHERE id IN (SELECT id FROM celeriac_messages
         WHERE queue = ? AND owner IS NULL AND id <= ? LIMIT ${PURGE_BATCH})`,
    )
    let purged = 0
    for (;;) {
      const { changes } = await this.#file.write(() => remove.run(queue, limit))
      purged += Number(changes)
      if (Number(changes) < PURGE_BATCH) return purged
    }
  }

  async remove(queue: string): Promise<void> {
    await this.purge(queue)
    const forget = this.#file.prepare('DELETE FROM celeriac_queues WHERE name = ?')
    await this.#file.write(() => void forget.run(queue))
  }

  close(): Promise<void> {
    this.#closePromise ??= this.#close()
    return this.#closePromise
  }

  async #close(): Promise<void> {
    this.#stop()
    this.fanout.close()
    this.#closed.resolve(undefined)
    try {
      await this.#owner.release()
    } catch (error) {
      this.#releaseLater()
      throw error
    }
    await this.#file.close()
  }

  /** While this process lives nobody else may touch what it holds, so it is up to us to try again. */
  #releaseLater(): void {
    const retry = async (): Promise<void> => {
      try {
        await this.#owner.release()
      } catch {
        // Reported by `close` already; the file may be gone by now, and then nothing is held any more.
        if (this.#file.open) return this.#releaseLater()
      }
      await this.#file.close()
    }
    this.#clock.setTimeout(() => void retry(), RELEASE_RETRY_MS).unref()
  }

  #anyWaiting(queues: readonly string[]): boolean {
    const select = this.#file.prepare(
      `SELECT 1 FROM celeriac_messages
       WHERE queue = ? AND owner IS NULL AND (expires_at IS NULL OR expires_at > ?) LIMIT 1`,
    )
    const now = this.#clock.now()
    return this.#file.read(() => queues.some((queue) => select.get(queue, now) !== undefined))
  }

  async #changedSince(version: number, signal: AbortSignal): Promise<void> {
    if (this.#file.version !== version) return
    const changed = new Deferred()
    const resolve = (): void => changed.resolve()
    const unlisten = this.#file.onChange(resolve)
    signal.addEventListener('abort', resolve, { once: true })
    this.#closing.signal.addEventListener('abort', resolve, { once: true })
    try {
      await changed.promise
    } finally {
      unlisten()
      signal.removeEventListener('abort', resolve)
      this.#closing.signal.removeEventListener('abort', resolve)
    }
  }

  #fail(error: unknown): void {
    if (this.#closed.settled) return
    this.#closed.resolve(error instanceof Error ? error : new ConnectionError(String(error)))
    this.#stop()
  }

  #stop(): void {
    this.#closing.abort()
    this.#janitor.stop()
    this.#letGo?.()
    this.#letGo = undefined
  }

  #check(): void {
    if (this.#closed.settled) {
      throw new ConnectionError(`The connection to ${this.#file.path} is closed: connect again`)
    }
  }
}

function idOf({ handle }: Taken): number {
  return Number(handle)
}
