import type { Stats } from 'node:fs'
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BackendError, OperationalError } from '../../errors.ts'
import type { Clock } from '../../util/clock.ts'
import { systemClock } from '../../util/clock.ts'
import { Slots } from '../../util/slots.ts'
import { uuid } from '../../util/uuid.ts'
import type { KeyValueFeatures, KeyValueStore, KeyWatch } from '../key-value.ts'
import { FolderWatch } from './folder-watch.ts'

/** Files worked on at once: each needs a file descriptor, of which a process has not many. */
const CONCURRENCY = 64
/** Files that are being written begin so, which is hidden from everybody. */
const UNFINISHED = '.celeriac-'
/** Nobody writes for so long: what is unfinished then was left by a process that died. */
const ABANDONED_MS = 3_600_000

/** What a `FolderStore` works with. */
export interface FolderStoreOptions {
  readonly folder: string
  /** Milliseconds after which `cleanup` removes a file; undefined: never. */
  readonly expires: number | undefined
  /** Whether a file of this name is one of Celery's: others are left alone. */
  readonly owns: (name: string) => boolean
  /** Milliseconds between two looks at watched files; undefined: the file system tells. */
  readonly pollingInterval: number | undefined
  readonly clock?: Clock
}

/** A folder with a file for each key. */
export class FolderStore implements KeyValueStore {
  readonly features: KeyValueFeatures = { persistent: true, autoExpire: false, nativeJoin: false }
  readonly #options: FolderStoreOptions
  readonly #clock: Clock
  readonly #slots = new Slots(CONCURRENCY)
  readonly #watches = new Set<FolderWatch>()
  #closed = false

  constructor(options: FolderStoreOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  checkKey(key: string): void {
    this.#path(key)
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const path = this.#path(key)
    const bytes = await this.#working('read', path, () => readFile(path).catch(undefinedIfMissing))
    // Celery empties a file before it writes: it is not there yet.
    return bytes === undefined || bytes.length === 0 ? undefined : bytes
  }

  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)))
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    const path = this.#path(key)
    const unfinished = this.#path(`${UNFINISHED}${uuid()}`)
    await this.#working('written', path, async () => {
      try {
        await writeFile(unfinished, value)
        await rename(unfinished, path)
      } catch (error) {
        await rm(unfinished, { force: true })
        throw error
      }
    })
  }

  async delete(keys: readonly string[]): Promise<void> {
    const removals = keys.map((key) => {
      const path = this.#path(key)
      return this.#working('removed', path, () => rm(path, { force: true }))
    })
    await Promise.all(removals)
  }

  watch(deliver: (key: string, value: Uint8Array) => void): KeyWatch {
    const watch = new FolderWatch({
      folder: this.#options.folder,
      pollingInterval: this.#options.pollingInterval,
      clock: this.#clock,
      read: (key) => this.get(key),
      stampOf: async (key) => stampOf(await this.#statsOf(this.#path(key))),
      deliver,
    })
    this.#watches.add(watch)
    return watch
  }

  /** Removes what was last written so long ago that it has expired. Several may clean up at once. */
  async cleanup(): Promise<void> {
    const { folder, owns, expires } = this.#options
    const now = this.#clock.now()
    const names = await this.#working('listed', folder, () => readdir(folder))
    const removals = names.map(async (name) => {
      const age = name.startsWith(UNFINISHED) ? ABANDONED_MS : owns(name) ? expires : undefined
      if (age === undefined) return
      const path = join(folder, name)
      const stats = await this.#statsOf(path)
      if (stats === undefined || stats.mtimeMs >= now - age) return
      await this.#working('removed', path, () => rm(path, { force: true }))
    })
    await Promise.all(removals)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#watches].map((watch) => watch.close()))
  }

  #statsOf(path: string): Promise<Stats | undefined> {
    return this.#working('looked at', path, () => stat(path).catch(undefinedIfMissing))
  }

  /** An id comes from outside: it must not lead to another folder. */
  #path(key: string): string {
    if (/[/\0]/.test(key) || (process.platform === 'win32' && /[\\:]/.test(key))) {
      throw new BackendError(
        `${JSON.stringify(key)} cannot be the name of a file: use ids without slashes with the backend file://`,
      )
    }
    return join(this.#options.folder, key)
  }

  async #working<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new BackendError('The result backend is closed')
    try {
      return await this.#slots.run(work)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new OperationalError(`${path} could not be ${what}: ${reason}`, { cause })
    }
  }
}

/** What differs when a file was written again. */
function stampOf(stats: Stats | undefined): string | undefined {
  return stats === undefined ? undefined : `${stats.ino} ${stats.mtimeMs} ${stats.size}`
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
