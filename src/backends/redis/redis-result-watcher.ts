/**
 * Tells of results as they are published.
 *
 * One connection subscribes to the channels of all results that anybody watches. When it is lost it is made again, and
 * what was stored meanwhile is loaded and told, so that nothing is missed; some of it may be told twice.
 */

import type { ResultMeta } from '../../protocol/result-meta.ts'
import type { Clock } from '../../util/clock.ts'
import type { RedisConnection } from '../../util/redis/redis-connection.ts'
import type { ResultWatch } from '../backend.ts'
import { UnreadableResults, unreadableResult } from '../unreadable-results.ts'
import type { RedisBackendOptions } from './redis-backend-options.ts'
import { RedisLink } from './redis-link.ts'
import type { RedisResultKeys } from './redis-result-keys.ts'

/** Told of one result. */
export type Deliver = (meta: ResultMeta) => void
/** Told of one that cannot be understood. */
export type Unreadable = (id: string, error: Error) => void

interface Listener {
  readonly deliver: Deliver
  readonly unreadable: Unreadable | undefined
}

/** What a `RedisResultWatcher` works with. */
export interface RedisResultWatcherOptions {
  readonly options: RedisBackendOptions
  readonly keys: RedisResultKeys
  readonly decode: (bytes: Uint8Array, id: string) => ResultMeta
  readonly load: (ids: readonly string[]) => Promise<readonly (ResultMeta | undefined)[]>
  readonly clock: Clock
  readonly warn: (message: string) => void
}

/** Channels that are subscribed to with one command. */
const BATCH = 1000

/** See the module's description. */
export class RedisResultWatcher {
  readonly #options: RedisResultWatcherOptions
  readonly #link: RedisLink
  readonly #watched = new Map<string, Set<Listener>>()
  #reconnected = false

  constructor(options: RedisResultWatcherOptions) {
    this.#options = options
    this.#link = new RedisLink({
      options: options.options,
      clock: options.clock,
      warn: options.warn,
      opened: (connection) => this.#opened(connection),
      wanted: () => this.#watched.size > 0,
    })
  }

  /** See `Backend.watch`. */
  watch(deliver: Deliver, unreadable?: Unreadable): ResultWatch {
    const listener: Listener = { deliver, unreadable }
    const ids = new Set<string>()
    return {
      add: (added) => {
        for (const id of added) ids.add(id)
        return this.#add(added, listener)
      },
      remove: (removed) => {
        for (const id of removed) ids.delete(id)
        return this.#remove(removed, listener)
      },
      close: async () => {
        const all = [...ids]
        ids.clear()
        await this.#remove(all, listener)
      },
    }
  }

  close(): Promise<void> {
    this.#watched.clear()
    return this.#link.close()
  }

  async #add(ids: readonly string[], listener: Listener): Promise<void> {
    const { keys } = this.#options
    for (const id of ids) {
      const key = keys.task(id)
      const listeners = this.#watched.get(key)
      if (listeners === undefined) this.#watched.set(key, new Set([listener]))
      else listeners.add(listener)
    }
    // Subscribing again to what is subscribed is no harm, and then it is certain for all of them.
    const channels = ids.map((id) => keys.task(id))
    if (channels.length > 0) await this.#link.run((connection) => subscribe(connection, channels))
  }

  async #remove(ids: readonly string[], listener: Listener): Promise<void> {
    const unused: string[] = []
    for (const id of ids) {
      const key = this.#options.keys.task(id)
      const listeners = this.#watched.get(key)
      if (listeners?.delete(listener) && listeners.size === 0) {
        this.#watched.delete(key)
        unused.push(key)
      }
    }
    // The next connection subscribes to what is watched then.
    if (unused.length > 0) await this.#link.runIfOpen((connection) => connection.unsubscribe(unused))
  }

  async #opened(connection: RedisConnection): Promise<void> {
    connection.listen((channel, payload) => this.#told(channel, payload))
    const channels = [...this.#watched.keys()]
    await subscribe(connection, channels)
    if (this.#reconnected) await this.#catchUp(channels)
    this.#reconnected = true
  }

  /** Tells what was stored while nobody listened. */
  async #catchUp(channels: readonly string[]): Promise<void> {
    const { keys, load } = this.#options
    for (let from = 0; from < channels.length; from += BATCH) {
      const some = channels.slice(from, from + BATCH)
      let found: readonly (ResultMeta | undefined)[]
      try {
        found = await load(some.map((channel) => keys.idOfTask(channel)))
      } catch (error) {
        if (!(error instanceof UnreadableResults)) throw error
        found = error.metas
        for (const [id, reason] of error.errors) this.#tellUnreadable(keys.task(id), reason)
      }
      for (const meta of found) {
        if (meta !== undefined) this.#deliver(keys.task(meta.task_id), meta)
      }
    }
  }

  #told(channel: string, payload: unknown): void {
    if (!this.#watched.has(channel) || !(payload instanceof Uint8Array)) return
    const id = this.#options.keys.idOfTask(channel)
    let meta: ResultMeta
    try {
      meta = this.#options.decode(payload, id)
    } catch (cause) {
      const error = unreadableResult(id, cause)
      this.#options.warn(`A result that was published on ${channel} cannot be read: ${error.message}`)
      this.#tellUnreadable(channel, error)
      return
    }
    this.#deliver(channel, meta)
  }

  #deliver(channel: string, meta: ResultMeta): void {
    for (const { deliver } of [...(this.#watched.get(channel) ?? [])]) deliver(meta)
  }

  #tellUnreadable(channel: string, error: Error): void {
    const id = this.#options.keys.idOfTask(channel)
    for (const { unreadable } of [...(this.#watched.get(channel) ?? [])]) unreadable?.(id, error)
  }
}

async function subscribe(connection: RedisConnection, channels: readonly string[]): Promise<void> {
  for (let from = 0; from < channels.length; from += BATCH) {
    await connection.subscribe(channels.slice(from, from + BATCH))
  }
}
