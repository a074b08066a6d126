import { BackendGetMetaError, BackendStoreError } from '../../errors.ts'
import type { ResultMeta } from '../../protocol/result-meta.ts'
import { readResultMeta } from '../../protocol/result-meta.ts'
import { SUCCESS } from '../../protocol/states.ts'
import { Batcher } from '../../util/batcher.ts'
import type { Clock } from '../../util/clock.ts'
import type { SqliteFile } from '../../util/sqlite-file.ts'
import type {
  Backend,
  BackendFeatures,
  ChordStore,
  GroupStore,
  ResultCodec,
  ResultWatch,
  SaveOptions,
} from '../backend.ts'
import { readEach, unreadableResult } from '../unreadable-results.ts'
import { expiryOf } from './expiry.ts'
import { SqliteChords } from './sqlite-chords.ts'
import { SqliteCleaner } from './sqlite-cleaner.ts'
import { SqliteGroups } from './sqlite-groups.ts'
import type { SqlitePartOptions } from './sqlite-part.ts'
import { SqliteWatch } from './sqlite-watch.ts'

/** Largest number of results stored in one transaction. */
const MAX_BATCH = 500

interface PendingSave {
  readonly id: string
  readonly status: string
  readonly document: Uint8Array
  readonly expires: number | undefined
}

/** Results in the file of the embedded broker. What is saved in one turn of the event loop is one transaction. */
export class SqliteBackend implements Backend {
  readonly features: BackendFeatures = { persistent: true, autoExpire: true, nativeJoin: true, groups: true }
  readonly groups: GroupStore
  readonly chords: ChordStore
  readonly #file: SqliteFile
  readonly #codec: ResultCodec
  readonly #clock: Clock
  readonly #saves: Batcher<PendingSave>
  readonly #cleaner: SqliteCleaner
  readonly #watches = new Set<SqliteWatch>()
  #closing: Promise<void> | undefined

  constructor(options: SqlitePartOptions) {
    this.#file = options.file
    this.#codec = options.codec
    this.#clock = options.clock
    this.groups = new SqliteGroups(options)
    this.chords = new SqliteChords(options)
    this.#saves = new Batcher((batch) => this.#saveAll(batch), { maxSize: MAX_BATCH })
    this.#cleaner = new SqliteCleaner(options)
  }

  save(meta: ResultMeta, { expires }: SaveOptions): Promise<void> {
    if (this.#closing !== undefined) {
      return Promise.reject(new BackendStoreError('The result backend is closed'))
    }
    let document: Uint8Array
    try {
      document = this.#codec.encode(meta)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#saves.add({ id: meta.task_id, status: meta.status, document, expires })
  }

  async load(ids: readonly string[]): Promise<readonly (ResultMeta | undefined)[]> {
    if (this.#closing !== undefined) throw new BackendGetMetaError('The result backend is closed')
    if (ids.length === 0) return []
    const documents = new Map<string, unknown>()
    try {
      const select = this.#file.prepare(
        `SELECT id, document FROM celeriac_results
         WHERE id IN (SELECT value FROM json_each(?)) AND (expires_at IS NULL OR expires_at > ?)`,
      )
      for (const row of this.#file.read(() => select.all(JSON.stringify(ids), this.#clock.now()))) {
        documents.set(String(row['id']), row['document'])
      }
    } catch (error) {
      throw new BackendGetMetaError(`Results could not be read: ${messageOf(error)}`, { cause: error })
    }
    return readEach(ids, (id) => this.#decode(documents.get(id), id))
  }

  async forget(ids: readonly string[]): Promise<void> {
    const remove = this.#file.prepare(
      'DELETE FROM celeriac_results WHERE id IN (SELECT value FROM json_each(?))',
    )
    try {
      await this.#file.write(() => void remove.run(JSON.stringify(ids)))
    } catch (error) {
      throw new BackendStoreError(`Results could not be forgotten: ${messageOf(error)}`, { cause: error })
    }
  }

  watch(
    deliver: (meta: ResultMeta) => void,
    unreadable: (id: string, error: Error) => void = () => undefined,
  ): ResultWatch {
    const watch = new SqliteWatch(this.#file, (id, document) => {
      let meta: ResultMeta | undefined
      try {
        meta = this.#decode(document, id)
      } catch (cause) {
        unreadable(id, unreadableResult(id, cause))
        return
      }
      if (meta !== undefined) deliver(meta)
    })
    this.#watches.add(watch)
    return watch
  }

  cleanup(): Promise<void> {
    return this.#cleaner.clean()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#cleaner.stop()
    for (const watch of this.#watches) await watch.close()
    await this.#saves.drain()
    await this.#file.close()
  }

  async #saveAll(batch: readonly PendingSave[]): Promise<void> {
    const now = this.#clock.now()
    try {
      const status = this.#file.prepare(
        'SELECT status FROM celeriac_results WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)',
      )
      // Replacing gives the row a new number, by which watchers see that it has changed.
      const replace = this.#file.prepare(
        'INSERT OR REPLACE INTO celeriac_results (id, status, expires_at, document) VALUES (?, ?, ?, ?)',
      )
      await this.#file.write(
        () => {
          for (const save of batch) {
            if (status.get(save.id, now)?.['status'] === SUCCESS) continue
            replace.run(save.id, save.status, expiryOf(save.expires, now), save.document)
          }
        },
        { announce: true },
      )
    } catch (error) {
      const others = batch.length > 1 ? ` and ${batch.length - 1} more` : ''
      throw new BackendStoreError(
        `The result of ${batch[0]?.id}${others} could not be stored: ${messageOf(error)}`,
        { cause: error },
      )
    }
  }

  #decode(document: unknown, id: string): ResultMeta | undefined {
    return document instanceof Uint8Array ? readResultMeta(this.#codec.decode(document), id) : undefined
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
