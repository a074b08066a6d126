/**
 * One connection that consumes, as the others see it: a row that says which process holds messages.
 *
 * States: **unknown** (nothing held, no row) → **registered** (a row, whose lease is renewed) → **released** (the row and
 * everything that hung on it is gone, held messages wait again).
 *
 * An owner is dead when its process is. Only when that cannot be known, because the process belongs to another machine
 * or container, its lease decides; so a process that is merely busy does not lose its messages to its neighbours.
 */
import { ConnectionError } from '../../../errors.ts'
import type { Clock } from '../../../util/clock.ts'
import type { SqliteFile } from '../../../util/sqlite-file.ts'
import type { Row } from './message-row.ts'
import { isAlive, ownIdentity } from './process-identity.ts'

/** How long an owner counts as alive without a sign of life, where only that can be known. */
const LEASE_MS = 60_000

/** See the module's description. */
export class Owner {
  readonly #file: SqliteFile
  readonly #clock: Clock
  #registering: Promise<number> | undefined
  #leaseUntil = 0

  constructor(file: SqliteFile, clock: Clock) {
    this.#file = file
    this.#clock = clock
  }

  /** Whether there is, or soon will be, a row. */
  get registered(): boolean {
    return this.#registering !== undefined
  }

  /** The number of the row, which is made when it is first needed. */
  id(): Promise<number> {
    this.#registering ??= this.#register()
    return this.#registering
  }

  /** Renews the lease when a third of it is over. @throws ConnectionError when others took us for dead. */
  async renew(): Promise<void> {
    const now = this.#clock.now()
    if (this.#registering === undefined || this.#leaseUntil - now > (LEASE_MS * 2) / 3) return
    const id = await this.#registering
    const update = this.#file.prepare('UPDATE celeriac_owners SET lease_until = ? WHERE id = ?')
    const { changes } = await this.#file.write(() => update.run(now + LEASE_MS, id))
    if (Number(changes) === 0) {
      throw new ConnectionError(
        `This process gave no sign of life for more than ${LEASE_MS / 1000} s, so its messages in ${this.#file.path} ` +
          'were given to others',
      )
    }
    this.#leaseUntil = now + LEASE_MS
  }

  /** Gives back what dead owners held. Settles with the number of messages. */
  async reap(): Promise<number> {
    const own = this.#registering === undefined ? -1 : await this.#registering
    const select = this.#file.prepare('SELECT * FROM celeriac_owners WHERE id <> ?')
    const dead = this.#file.read(() => select.all(own)).filter((row) => this.#isDead(row))
    let messages = 0
    const now = this.#clock.now()
    for (const row of dead) {
      messages += await releaseOwner(this.#file, { id: Number(row['id']), died: true, now })
    }
    return messages
  }

  /** Gives everything back. */
  async release(): Promise<void> {
    if (this.#registering === undefined) return
    const id = await this.#registering
    await releaseOwner(this.#file, { id, died: false, now: this.#clock.now() })
    this.#registering = undefined
  }

  async #register(): Promise<number> {
    const { machine, pid, started } = ownIdentity()
    const leaseUntil = this.#clock.now() + LEASE_MS
    const insert = this.#file.prepare(
      'INSERT INTO celeriac_owners (machine, pid, started, lease_until) VALUES (?, ?, ?, ?)',
    )
    try {
      const { lastInsertRowid } = await this.#file.write(() => insert.run(machine, pid, started, leaseUntil))
      this.#leaseUntil = leaseUntil
      return Number(lastInsertRowid)
    } catch (error) {
      this.#registering = undefined
      throw error
    }
  }

  #isDead(row: Row): boolean {
    const alive = isAlive({
      machine: String(row['machine']),
      pid: Number(row['pid']),
      started: String(row['started']),
    })
    return !(alive ?? Number(row['lease_until']) > this.#clock.now())
  }
}

/** Settles with the number of messages that wait again. */
function releaseOwner(
  file: SqliteFile,
  { id, died, now }: { readonly id: number; readonly died: boolean; readonly now: number },
): Promise<number> {
  const statements = [
    'UPDATE celeriac_queues SET used_at = ?2 WHERE name IN (SELECT queue FROM celeriac_consumers WHERE owner = ?1)',
    'DELETE FROM celeriac_consumers WHERE owner = ?1',
    'DELETE FROM celeriac_subscribers WHERE owner = ?1',
    'DELETE FROM celeriac_owners WHERE id = ?1',
  ].map((sql) => ({ statement: file.prepare(sql), parameters: sql.includes('?2') ? [id, now] : [id] }))
  const release = file.prepare(
    'UPDATE celeriac_messages SET owner = NULL, redelivered = max(redelivered, 1) + ?2 WHERE owner = ?1',
  )
  return file.write(
    () => {
      const { changes } = release.run(id, died ? 1 : 0)
      for (const { statement, parameters } of statements) statement.run(...parameters)
      return Number(changes)
    },
    { announce: true },
  )
}
