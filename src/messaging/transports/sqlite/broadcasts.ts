/**
 * Broadcasts: a log of what was published to fanout exchanges, in which each subscriber has a cursor.
 *
 * A message stays in the log until all subscribers of its exchange have got it, for an hour at most. Nothing is logged
 * for exchanges that nobody listens to.
 */
import type { Clock } from '../../../util/clock.ts'
import type { SqliteFile } from '../../../util/sqlite-file.ts'
import type { Fanout, StoredMessage } from '../../virtual/queue-store.ts'
import { fromRow, toRow } from './message-row.ts'
import type { Owner } from './owner.ts'

/** A subscriber that is stuck must not make the log grow for ever. */
const KEEP_MS = 60 * 60 * 1000
/** Broadcasts read at a time. */
const BATCH = 200

interface Subscription {
  readonly id: number
  readonly exchange: string
  readonly deliver: (message: StoredMessage) => void
  cursor: number
  /** The cursor as it stands in the file. */
  savedCursor: number
}

/** See the module's description. */
export class SqliteBroadcasts implements Fanout {
  readonly #file: SqliteFile
  readonly #owner: Owner
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  readonly #subscriptions = new Set<Subscription>()
  #unlisten: (() => void) | undefined

  constructor(file: SqliteFile, owner: Owner, clock: Clock, failed: (error: unknown) => void) {
    this.#file = file
    this.#owner = owner
    this.#clock = clock
    this.#failed = failed
  }

  async publish(exchange: string, routingKey: string, message: StoredMessage): Promise<void> {
    const { timeToLive, properties, headers, body } = toRow(message)
    const now = this.#clock.now()
    const expiresAt = timeToLive === undefined ? null : now + timeToLive
    const insert = this.#file.prepare(
      `INSERT INTO celeriac_broadcasts (exchange, sent_at, expires_at, routing_key, properties, headers, body)
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM celeriac_subscribers WHERE exchange = ?1)`,
    )
    await this.#file.write(
      () => void insert.run(exchange, now, expiresAt, routingKey, properties, headers, body),
      { announce: true },
    )
  }

  async subscribe(
    exchange: string,
    _routingKey: string,
    deliver: (message: StoredMessage) => void,
  ): Promise<{ cancel(): Promise<void> }> {
    const owner = await this.#owner.id()
    const insert = this.#file.prepare(
      `INSERT INTO celeriac_subscribers (owner, exchange, cursor) VALUES (?, ?,
         coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'celeriac_broadcasts'), 0)) RETURNING id, cursor`,
    )
    const row = await this.#file.write(() => insert.get(owner, exchange))
    const cursor = Number(row?.['cursor'])
    const subscription = { id: Number(row?.['id']), exchange, deliver, cursor, savedCursor: cursor }
    this.#subscriptions.add(subscription)
    this.#unlisten ??= this.#file.onChange(() => this.#read())
    this.#read()
    return { cancel: () => this.#cancel(subscription) }
  }

  /** Notes how far everybody is, and forgets what nobody needs any more. */
  async tidy(): Promise<void> {
    const moved = [...this.#subscriptions].filter(({ cursor, savedCursor }) => cursor !== savedCursor)
    if (moved.length > 0) {
      const save = this.#file.prepare('UPDATE celeriac_subscribers SET cursor = ? WHERE id = ?')
      const cursors = moved.map(({ id, cursor }) => ({ id, cursor }))
      await this.#file.write(() => {
        for (const { id, cursor } of cursors) save.run(cursor, id)
      })
      for (const [index, subscription] of moved.entries()) {
        subscription.savedCursor = cursors[index]?.cursor ?? subscription.savedCursor
      }
    }
    const any = this.#file.prepare('SELECT 1 FROM celeriac_broadcasts LIMIT 1')
    if (this.#file.read(() => any.get()) === undefined) return
    const prune = this.#file.prepare(
      `DELETE FROM celeriac_broadcasts AS b WHERE sent_at < ? OR NOT EXISTS
         (SELECT 1 FROM celeriac_subscribers AS s WHERE s.exchange = b.exchange AND s.cursor < b.id)`,
    )
    await this.#file.write(() => void prune.run(this.#clock.now() - KEEP_MS))
  }

  /** Hears nothing more. The rows go with their owner. */
  close(): void {
    this.#subscriptions.clear()
    this.#unlisten?.()
    this.#unlisten = undefined
  }

  async #cancel(subscription: Subscription): Promise<void> {
    if (!this.#subscriptions.delete(subscription)) return
    if (this.#subscriptions.size === 0) this.close()
    const remove = this.#file.prepare('DELETE FROM celeriac_subscribers WHERE id = ?')
    await this.#file.write(() => void remove.run(subscription.id))
  }

  #read(): void {
    for (const subscription of this.#subscriptions) {
      try {
        this.#readFor(subscription)
      } catch (error) {
        this.#failed(error)
        return
      }
    }
  }

  #readFor(subscription: Subscription): void {
    const select = this.#file.prepare(
      'SELECT * FROM celeriac_broadcasts WHERE exchange = ? AND id > ? ORDER BY id LIMIT ?',
    )
    for (;;) {
      const rows = this.#file.read(() => select.all(subscription.exchange, subscription.cursor, BATCH))
      const now = this.#clock.now()
      for (const row of rows) {
        subscription.cursor = Number(row['id'])
        const expired = row['expires_at'] !== null && Number(row['expires_at']) <= now
        if (!expired && this.#subscriptions.has(subscription)) subscription.deliver(fromRow(row))
      }
      if (rows.length < BATCH) return
    }
  }
}
