/**
 * Results in Celery's tables. What is saved in one turn of the event loop is one statement.
 *
 * As in Celery, chords are watched over by `celery.chord_unlock`, and nothing expires until `celery.backend_cleanup`.
 * Unlike there, a success is never overwritten.
 */
import { BackendGetMetaError, BackendStoreError } from '../../errors.ts'
import type { ResultMeta } from '../../protocol/result-meta.ts'
import { SUCCESS } from '../../protocol/states.ts'
import type { Clock } from '../../util/clock.ts'
import type { Backend, BackendFeatures, GroupStore, GroupTuple, ResultCodec } from '../backend.ts'
import type { SaveFailures } from '../save-batcher.ts'
import { SaveBatcher } from '../save-batcher.ts'
import { readEach } from '../unreadable-results.ts'
import { decodeGroupPickle, encodeGroupPickle } from './group-pickle.ts'
import { BASE_COLUMNS, databaseDate, EXTENDED_COLUMNS, metaOfRow, rowOfMeta } from './result-row.ts'
import type { SqlValue } from './sql-driver.ts'
import type { TableStore } from './table-store.ts'

/** Rows and bytes written by one statement, at most: servers refuse longer ones. */
const MAX_ROWS = 100
const MAX_BYTES = 1 << 20

interface PendingSave {
  readonly id: string
  readonly status: string
  readonly values: readonly SqlValue[]
}

/** What a `DatabaseBackend` works with. */
export interface DatabaseBackendOptions {
  readonly tables: TableStore
  readonly codec: ResultCodec
  /** Whether the columns of `resultExtended` are used. */
  readonly extended: boolean
  /** Milliseconds after which `cleanup` removes a result; undefined: never. */
  readonly expires: number | undefined
  readonly clock: Clock
}

/** See the module's description. */
export class DatabaseBackend implements Backend {
  readonly features: BackendFeatures = { persistent: true, autoExpire: false, nativeJoin: true, groups: true }
  readonly groups: GroupStore
  readonly #options: DatabaseBackendOptions
  readonly #tables: TableStore
  readonly #columns: readonly string[]
  readonly #saves: SaveBatcher<PendingSave>
  #closing: Promise<void> | undefined

  constructor(options: DatabaseBackendOptions) {
    this.#options = options
    this.#tables = options.tables
    this.#columns = options.extended ? [...BASE_COLUMNS, ...EXTENDED_COLUMNS] : BASE_COLUMNS
    this.#saves = new SaveBatcher((batch) => this.#saveAll(batch), { maxSize: MAX_ROWS })
    this.groups = {
      save: (id, group) => this.#saveGroup(id, group),
      load: (id) => this.#loadGroup(id),
      forget: (id) => this.#storing(`group ${id}`, () => this.#tables.remove('group', [id])),
    }
  }

  save(meta: ResultMeta): Promise<void> {
    if (this.#closing !== undefined)
      return Promise.reject(new BackendStoreError('The result backend is closed'))
    const { codec, extended } = this.#options
    try {
      // Here, and not with its batch: what cannot be written must not hold up the others.
      const values = rowOfMeta(meta, codec, extended)
      return this.#saves.add({ id: meta.task_id, status: meta.status, values })
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async load(ids: readonly string[]): Promise<readonly (ResultMeta | undefined)[]> {
    const rows = await this.#reading(ids.join(', '), () => this.#tables.select('task', ids, this.#columns))
    return readEach(ids, (id) => {
      const row = rows.get(id)
      return row === undefined ? undefined : metaOfRow(row, id, this.#options.codec)
    })
  }

  forget(ids: readonly string[]): Promise<void> {
    return this.#storing(ids.join(', '), () => this.#tables.remove('task', ids))
  }

  async cleanup(): Promise<void> {
    const { expires, clock } = this.#options
    if (expires === undefined) return
    const before = databaseDate(new Date(clock.now() - expires))
    await this.#storing('what has expired', async () => {
      await this.#tables.removeOlder('task', before)
      await this.#tables.removeOlder('group', before)
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#saves.drain()
    await this.#tables.close()
  }

  async #saveAll(batch: readonly PendingSave[]): Promise<SaveFailures> {
    const last = new Map<string, PendingSave>()
    for (const save of batch) {
      if (last.get(save.id)?.status !== SUCCESS) last.set(save.id, save)
    }
    // In one order everywhere, so that two who write the same rows do not wait for each other.
    const saves = [...last.values()].sort((one, other) => (one.id < other.id ? -1 : 1))
    const failures = new Map<string, Error>()
    for (const rows of portions(saves)) await this.#write(rows, failures)
    return failures
  }

  /** Rows together; each alone when one of them is refused, since that is no fault of the others. */
  async #write(rows: readonly PendingSave[], failures: Map<string, Error>): Promise<void> {
    try {
      await this.#tables.upsert('task', this.#columns, rows)
    } catch (cause) {
      if (rows.length > 1 && this.#tables.refusesValue(cause)) {
        for (const row of rows) await this.#write([row], failures)
        return
      }
      for (const { id } of rows) failures.set(id, notStored(id, cause))
    }
  }

  #saveGroup(id: string, group: GroupTuple): Promise<void> {
    const values = [encodeGroupPickle(group), databaseDate(new Date(this.#options.clock.now()))]
    return this.#storing(`group ${id}`, () =>
      this.#tables.upsert('group', ['result', 'date_done'], [{ id, values }]),
    )
  }

  async #loadGroup(id: string): Promise<GroupTuple | undefined> {
    const rows = await this.#reading(`group ${id}`, () => this.#tables.select('group', [id], ['result']))
    const pickle = rows.get(id)?.['result']
    if (!(pickle instanceof Uint8Array)) return undefined
    try {
      return decodeGroupPickle(pickle)
    } catch (cause) {
      throw new BackendGetMetaError(`The stored group ${id} is unreadable: ${messageOf(cause)}`, { cause })
    }
  }

  async #reading<T>(what: string, operation: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new BackendGetMetaError('The result backend is closed')
    try {
      return await operation()
    } catch (cause) {
      throw new BackendGetMetaError(`${abridged(what)} could not be read: ${messageOf(cause)}`, { cause })
    }
  }

  async #storing(what: string, operation: () => Promise<void>): Promise<void> {
    try {
      await operation()
    } catch (cause) {
      throw notStored(what, cause)
    }
  }
}

function notStored(what: string, cause: unknown): BackendStoreError {
  return new BackendStoreError(`The result backend could not store ${abridged(what)}: ${messageOf(cause)}`, {
    cause,
  })
}

function portions(saves: readonly PendingSave[]): readonly (readonly PendingSave[])[] {
  const all: PendingSave[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const save of saves) {
    const size = save.values.reduce<number>((sum, value) => sum + sizeOf(value), 0)
    const current = all.at(-1)
    if (current === undefined || bytes + size > MAX_BYTES) {
      all.push([save])
      bytes = size
    } else {
      current.push(save)
      bytes += size
    }
  }
  return all
}

function sizeOf(value: SqlValue): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 8
}

function abridged(what: string): string {
  return what.length > 200 ? `${what.slice(0, 200)}…` : what
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
