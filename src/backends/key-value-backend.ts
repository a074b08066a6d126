/**
 * A result backend on a `KeyValueStore`, with Celery's layout: `celery-task-meta-<task id>` holds the document of a
 * task, `celery-taskset-meta-<group id>` that of a group, `chord-unlock-<group id>` counts a chord.
 * Celery: `KeyValueStoreBackend`.
 */
import { BackendGetMetaError, BackendStoreError } from '../errors.ts'
import type { ResultMeta } from '../protocol/result-meta.ts'
import { readResultMeta } from '../protocol/result-meta.ts'
import { SUCCESS } from '../protocol/states.ts'
import { isRecord } from '../util/is-record.ts'
import type {
  Backend,
  BackendFeatures,
  BackendOptions,
  ChordStore,
  GroupStore,
  ResultCodec,
  ResultWatch,
  SaveOptions,
} from './backend.ts'
import type { KeyValueStore, KeyWatch } from './key-value.ts'
import { KeyValueChords } from './key-value-chords.ts'
import { KeyValueKeys } from './key-value-keys.ts'
import type { SaveFailures } from './save-batcher.ts'
import { SaveBatcher } from './save-batcher.ts'
import { readEach } from './unreadable-results.ts'

interface PendingSave {
  readonly id: string
  readonly status: string
  readonly key: string
  readonly document: Uint8Array
  readonly expires: number | undefined
}

/** See the module's description. Transport option: `global_keyprefix`, put before all keys. */
export class KeyValueBackend implements Backend {
  readonly features: BackendFeatures
  readonly groups: GroupStore
  readonly chords?: ChordStore
  readonly watch?: (deliver: (meta: ResultMeta) => void) => ResultWatch
  readonly cleanup?: () => Promise<void>
  readonly #store: KeyValueStore
  readonly #codec: ResultCodec
  readonly #keys: KeyValueKeys
  readonly #saves: SaveBatcher<PendingSave>
  #closing: Promise<void> | undefined

  constructor(store: KeyValueStore, { codec, transportOptions }: BackendOptions) {
    this.#store = store
    this.#codec = codec
    this.#keys = new KeyValueKeys(transportOptions['global_keyprefix'])
    this.#saves = new SaveBatcher((batch) => this.#saveAll(batch))
    this.features = { ...store.features, groups: true }
    this.groups = {
      save: async (id, group, { expires }) => {
        const value = codec.encode({ result: group })
        await this.#storing(`group ${id}`, store.set(this.#keys.group(id), value, { ttl: expires }))
      },
      load: (id) => this.#loadGroup(id),
      forget: (id) => this.#storing(`group ${id}`, store.delete([this.#keys.group(id)])),
    }
    const { increment, watch, cleanup } = store
    if (increment !== undefined) {
      this.chords = new KeyValueChords({
        store,
        codec,
        keys: this.#keys,
        increment: (key, options) => increment.call(store, key, options),
        loadGroup: (id) => this.#loadGroup(id),
        load: (ids) => this.load(ids),
      })
    }
    if (watch !== undefined) {
      this.watch = (deliver) =>
        this.#watch(watch.call(store, (key, value) => this.#report(key, value, deliver)))
    }
    if (cleanup !== undefined) this.cleanup = () => cleanup.call(store)
  }

  save(meta: ResultMeta, { expires }: SaveOptions): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(closed())
    const { task_id: id, status } = meta
    let save: PendingSave
    try {
      // Here, and not with its batch: what cannot be written must not hold up the others.
      save = { id, status, key: this.#keys.task(id), document: this.#codec.encode(meta), expires }
    } catch (error) {
      return Promise.reject(error)
    }
    try {
      this.#store.checkKey?.(save.key)
    } catch (error) {
      return Promise.reject(notStored(id, error))
    }
    return this.#saves.add(save)
  }

  async load(ids: readonly string[]): Promise<readonly (ResultMeta | undefined)[]> {
    if (this.#closing !== undefined) throw new BackendGetMetaError(closed().message)
    const keys = new Map(ids.map((id) => [id, this.#keys.task(id)]))
    const known = [...keys.values()].filter((key) => this.#canHave(key))
    const values = new Map<string, Uint8Array | undefined>()
    try {
      const found = await this.#store.getMany(known)
      known.forEach((key, index) => {
        values.set(key, found[index])
      })
    } catch (error) {
      throw new BackendGetMetaError(`The results of ${list(ids)} could not be read: ${messageOf(error)}`, {
        cause: error,
      })
    }
    return readEach(ids, (id) => {
      const key = keys.get(id) ?? ''
      if (!values.has(key)) this.#store.checkKey?.(key)
      return this.#decode(values.get(key), id)
    })
  }

  async forget(ids: readonly string[]): Promise<void> {
    const keys = ids.map((id) => this.#keys.task(id))
    await this.#storing(list(ids), this.#store.delete(keys))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#saves.drain()
    await this.#store.close()
  }

  /** Reads what is there first, since a result that is there must stay. */
  async #saveAll(batch: readonly PendingSave[]): Promise<SaveFailures> {
    const keys = new Map(batch.map(({ id, key }) => [id, key]))
    const ids = [...keys.keys()]
    const what = list(ids)
    const stored = await this.#storing(what, this.#store.getMany([...keys.values()]))
    const current = new Map(ids.map((id, index) => [id, this.#statusOf(stored[index], id)]))
    const last = new Map<string, PendingSave>()
    for (const save of batch) {
      if (current.get(save.id) === SUCCESS) continue
      current.set(save.id, save.status)
      last.set(save.id, save)
    }
    const failures = new Map<string, BackendStoreError>()
    const writes = [...last.values()].map(({ id, key, document, expires }) =>
      this.#store.set(key, document, { ttl: expires }).catch((error: unknown) => {
        failures.set(id, notStored(id, error))
      }),
    )
    await Promise.all(writes)
    return failures
  }

  #canHave(key: string): boolean {
    try {
      this.#store.checkKey?.(key)
      return true
    } catch {
      // Who asks for it is told below.
      return false
    }
  }

  #statusOf(value: Uint8Array | undefined, id: string): string | undefined {
    try {
      return this.#decode(value, id)?.status
    } catch {
      // What nobody can read is no result that would have to stay.
      return undefined
    }
  }

  async #loadGroup(id: string): Promise<readonly unknown[] | undefined> {
    const key = this.#keys.group(id)
    let value: Uint8Array | undefined
    try {
      value = await this.#store.get(key)
    } catch (error) {
      throw new BackendGetMetaError(`Group ${id} could not be read: ${messageOf(error)}`, { cause: error })
    }
    const document = value === undefined ? undefined : this.#codec.decode(value)
    const group = isRecord(document) ? document['result'] : undefined
    return Array.isArray(group) ? group : undefined
  }

  #watch(watch: KeyWatch): ResultWatch {
    const keysOf = (ids: readonly string[]): readonly string[] => ids.map((id) => this.#keys.task(id))
    return {
      add: (ids) => watch.add(keysOf(ids)),
      remove: (ids) => watch.remove(keysOf(ids)),
      close: () => watch.close(),
    }
  }

  #report(key: string, value: Uint8Array, deliver: (meta: ResultMeta) => void): void {
    const id = this.#keys.taskOf(key)
    if (id === undefined) return
    let meta: ResultMeta | undefined
    try {
      meta = this.#decode(value, id)
    } catch {
      // Celery writes large files in pieces: an event for the rest follows. Who loads it is told when it stays so.
      return
    }
    if (meta !== undefined) deliver(meta)
  }

  #decode(value: Uint8Array | undefined, id: string): ResultMeta | undefined {
    return value === undefined ? undefined : readResultMeta(this.#codec.decode(value), id)
  }

  async #storing<T>(what: string, operation: Promise<T>): Promise<T> {
    try {
      return await operation
    } catch (error) {
      throw notStored(what, error)
    }
  }
}

function closed(): BackendStoreError {
  return new BackendStoreError('The result backend is closed')
}

function notStored(what: string, cause: unknown): BackendStoreError {
  return new BackendStoreError(`The result backend could not store ${what}: ${messageOf(cause)}`, { cause })
}

function list(ids: readonly string[]): string {
  const more = ids.length > 3 ? ` and ${ids.length - 3} more` : ''
  return `${ids.slice(0, 3).join(', ')}${more}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
