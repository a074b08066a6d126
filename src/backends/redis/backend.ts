/** Redis as a result backend, on Celery's layout: Python and we read each other's results. */
import { BackendGetMetaError } from '../../errors.ts'
import type { ResultMeta } from '../../protocol/result-meta.ts'
import { readResultMeta } from '../../protocol/result-meta.ts'
import { waitOrAbort } from '../../util/abort.ts'
import type { Clock } from '../../util/clock.ts'
import { systemClock } from '../../util/clock.ts'
import { isRecord } from '../../util/is-record.ts'
import type {
  Backend,
  BackendFeatures,
  BackendOptions,
  ChordStore,
  GroupStore,
  GroupTuple,
  ResultCodec,
  ResultWatch,
  SaveOptions,
} from '../backend.ts'
import { readEach } from '../unreadable-results.ts'
import type { RedisBackendOptions } from './redis-backend-options.ts'
import { redisBackendOptions } from './redis-backend-options.ts'
import { RedisChords } from './redis-chords.ts'
import { RedisLink } from './redis-link.ts'
import { RedisResultKeys } from './redis-result-keys.ts'
import { RedisResultWatcher } from './redis-result-watcher.ts'
import { ResultWriter, secondsOf } from './result-writer.ts'

/** Keys that are read or removed with one command. */
const BATCH = 500
/** How long a closing backend waits for what is being written, in milliseconds. */
const CLOSE_TIMEOUT = 10_000

/**
 * Makes the backend of `redis://`, `rediss://`, `redis+socket://` and `sentinel://`. It connects when it is first used,
 * and again when the connection was lost. Needs the package `ioredis`.
 *
 * @throws ImproperlyConfigured for unknown options and unusable values.
 */
export async function createRedisBackend(options: BackendOptions): Promise<Backend> {
  const warn = options.warn ?? (() => undefined)
  const resolved = redisBackendOptions(options)
  for (const warning of resolved.target.warnings) warn(warning)
  return new RedisBackend(resolved, { codec: options.codec, warn, clock: systemClock })
}

/** What a `RedisBackend` works with besides its options. */
export interface RedisBackendContext {
  readonly codec: ResultCodec
  readonly clock: Clock
  readonly warn: (message: string) => void
}

/** See the module's description. */
export class RedisBackend implements Backend {
  readonly features: BackendFeatures = {
    persistent: true,
    autoExpire: true,
    nativeJoin: true,
    groups: true,
    remoteWatch: true,
  }
  readonly groups: GroupStore
  readonly chords: ChordStore
  readonly #codec: ResultCodec
  readonly #keys: RedisResultKeys
  readonly #link: RedisLink
  readonly #writer: ResultWriter
  readonly #watcher: RedisResultWatcher
  readonly #warn: (error: Error) => void
  #closing: Promise<void> | undefined

  /** Use `createRedisBackend`. */
  constructor(options: RedisBackendOptions, { codec, clock, warn }: RedisBackendContext) {
    const keys = new RedisResultKeys(options.keyPrefix)
    const link = new RedisLink({ options, clock, warn })
    this.#codec = codec
    this.#warn = (error) =>
      warn(`The result backend was closed before all results were stored: ${error.message}`)
    this.#keys = keys
    this.#link = link
    this.#writer = new ResultWriter({ link, keys, codec })
    this.#watcher = new RedisResultWatcher({
      options,
      keys,
      decode: (bytes, id) => metaOf(codec.decode(bytes), id),
      load: (ids) => this.load(ids),
      clock,
      warn,
    })
    this.chords = new RedisChords({
      link,
      keys,
      codec,
      loadGroup: (id) => this.#loadGroup(id),
      ordered: options.orderedChords,
    })
    this.groups = {
      save: (id, group, { expires }) => this.#saveGroup(id, group, expires),
      load: (id) => this.#loadGroup(id),
      forget: async (id) => {
        await link.run((connection) => connection.send('DEL', keys.group(id)))
      },
    }
  }

  save(meta: ResultMeta, { expires }: SaveOptions): Promise<void> {
    return this.#writer.save(meta, expires)
  }

  async load(ids: readonly string[]): Promise<readonly (ResultMeta | undefined)[]> {
    const keys = ids.map((id) => this.#keys.task(id))
    const documents: unknown[] = []
    for (let from = 0; from < keys.length; from += BATCH) {
      const some = keys.slice(from, from + BATCH)
      const read = await this.#read('MGET', some)
      for (const index of some.keys()) documents.push(read[index])
    }
    return readEach(ids, (id, index) => this.#decode(id, documents[index]))
  }

  async forget(ids: readonly string[]): Promise<void> {
    const keys = ids.map((id) => this.#keys.task(id))
    for (let from = 0; from < keys.length; from += BATCH) {
      const some = keys.slice(from, from + BATCH)
      await this.#link.run((connection) => connection.sendAll('DEL', some))
    }
  }

  watch(deliver: (meta: ResultMeta) => void, unreadable?: (id: string, error: Error) => void): ResultWatch {
    return this.#watcher.watch(deliver, unreadable)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // With a server that is gone it would take as long as all attempts do.
    await waitOrAbort(this.#writer.drain(), { timeout: CLOSE_TIMEOUT }, 'the last results').catch(this.#warn)
    await Promise.all([this.#watcher.close(), this.#link.close()])
  }

  async #saveGroup(id: string, group: GroupTuple, expires: number | undefined): Promise<void> {
    const document = this.#codec.encode({ result: group })
    const ttl = expires === undefined ? [] : (['EX', secondsOf(expires)] as const)
    await this.#link.run((connection) => connection.send('SET', this.#keys.group(id), document, ...ttl))
  }

  async #loadGroup(id: string): Promise<GroupTuple | undefined> {
    const key = this.#keys.group(id)
    const [document] = await this.#read('MGET', [key])
    if (!(document instanceof Uint8Array)) return undefined
    const group = this.#codec.decode(document)
    if (isRecord(group) && Array.isArray(group['result'])) return group['result']
    throw new BackendGetMetaError(`What is stored as ${key} is no group`)
  }

  async #read(command: string, keys: readonly string[]): Promise<readonly unknown[]> {
    try {
      const reply = await this.#link.run((connection) => connection.sendForBytes(command, keys))
      return Array.isArray(reply) ? reply : []
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new BackendGetMetaError(`Results could not be read: ${reason}`, { cause })
    }
  }

  #decode(id: string, document: unknown): ResultMeta | undefined {
    if (!(document instanceof Uint8Array)) return undefined
    try {
      return metaOf(this.#codec.decode(document), id)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      const message = `What is stored as ${this.#keys.task(id)} cannot be read: ${reason}`
      throw new BackendGetMetaError(message, { cause, taskId: id })
    }
  }
}

/** Celery's documents are as they should be; others, such as old ones, are looked at more closely. */
function metaOf(value: unknown, id: string): ResultMeta {
  if (isMeta(value)) return value
  if (isRecord(value) && typeof value['status'] === 'string') return readResultMeta(value, id)
  throw new TypeError('it is no result, with a status')
}

function isMeta(value: unknown): value is ResultMeta {
  return (
    isRecord(value) &&
    typeof value['task_id'] === 'string' &&
    typeof value['status'] === 'string' &&
    isListOrNull(value['children']) &&
    isTextOrNull(value['traceback']) &&
    isTextOrNull(value['date_done'])
  )
}

function isListOrNull(value: unknown): boolean {
  return value === null || Array.isArray(value)
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string'
}
