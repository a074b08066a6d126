import { inflateSync } from 'node:zlib'
import { BackendError, OperationalError } from '../../errors.ts'
import type { Clock } from '../../util/clock.ts'
import { systemClock } from '../../util/clock.ts'
import type { KeepOptions, KeyValueFeatures, KeyValueStore } from '../key-value.ts'
import { MemcachedConnection } from './memcached-connection.ts'
import type { MemcachedOptions } from './memcached-options.ts'
import type { MemcachedItem } from './reply-reader.ts'

/** Flags of pylibmc and python-memcached. */
const PICKLED = 1
const COMPRESSED = 8
const TEXT = 16

/** Keys asked for in one command: some proxies take no longer lines. */
const MAX_KEYS = 100
const LONGEST_KEY = 250
/** Longer times to live are taken for seconds since 1970. */
const LONGEST_TTL_S = 30 * 86_400

/** What a `MemcachedStore` works with. */
export interface MemcachedStoreOptions extends MemcachedOptions {
  /** Whether values are texts, which Python's clients then get as such. */
  readonly isText: boolean
  readonly clock?: Clock
}

/** Values in one or more servers of Memcached. */
export class MemcachedStore implements KeyValueStore {
  readonly features: KeyValueFeatures = { persistent: true, autoExpire: true, nativeJoin: true }
  readonly #options: MemcachedStoreOptions
  readonly #clock: Clock
  readonly #connections: readonly MemcachedConnection[]
  #closed = false

  constructor(options: MemcachedStoreOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#connections = options.servers.map((address) => new MemcachedConnection({ ...options, address }))
  }

  checkKey(key: string): void {
    bytesOfKey(key)
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.getMany([key]))[0]
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const found = new Map<string, Uint8Array>()
    const reads = [...Map.groupBy(keys, (key) => this.#serverOf(key))].flatMap(([server, own]) =>
      chunked(own, MAX_KEYS).map(async (some) => {
        for (const item of await server.get(some)) found.set(item.key, plainValue(item))
      }),
    )
    await Promise.all(reads)
    return keys.map((key) => found.get(key))
  }

  async set(key: string, value: Uint8Array, options: KeepOptions): Promise<void> {
    const server = this.#serverOf(key)
    const flags = this.#options.isText ? TEXT : 0
    const answer = await this.#store('set', server, key, value, flags, options).catch((cause: unknown) => {
      throw tooLarge(cause) ?? cause
    })
    if (answer !== 'STORED') throw unexpected('set', key, answer)
  }

  async delete(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.#serverOf(key).command(`delete ${key}`)))
  }

  async increment(key: string, options: KeepOptions): Promise<number> {
    const server = this.#serverOf(key)
    // Whoever comes first makes the counter; all others meet it there.
    for (;;) {
      const answer = await server.command(`incr ${key} 1`)
      if (/^\d+$/.test(answer)) return Number(answer)
      if (answer !== 'NOT_FOUND') throw unexpected('incr', key, answer)
      const added = await this.#store('add', server, key, Buffer.from('1'), TEXT, options)
      if (added === 'STORED') return 1
    }
  }

  async startCounter(key: string, options: KeepOptions): Promise<void> {
    const answer = await this.#store('set', this.#serverOf(key), key, Buffer.from('0'), 0, options)
    if (answer !== 'STORED') throw unexpected('set', key, answer)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#connections.map((connection) => connection.close()))
  }

  #store(
    verb: 'set' | 'add',
    server: MemcachedConnection,
    key: string,
    value: Uint8Array,
    flags: number,
    { ttl }: KeepOptions,
  ): Promise<string> {
    return server.command(`${verb} ${key} ${flags} ${this.#expiry(ttl)} ${value.length}`, value)
  }

  /** In whole seconds; 0 is for ever. */
  #expiry(ttl: number | undefined): number {
    if (ttl === undefined) return 0
    const seconds = Math.max(1, Math.ceil(ttl / 1000))
    return seconds <= LONGEST_TTL_S ? seconds : Math.ceil(this.#clock.now() / 1000) + seconds
  }

  #serverOf(key: string): MemcachedConnection {
    if (this.#closed) throw new BackendError('The result backend is closed')
    const bytes = bytesOfKey(key)
    const { hash } = this.#options
    const connections = this.#connections
    const connection =
      connections.length === 1 ? connections[0] : connections[hash(bytes) % connections.length]
    if (connection === undefined) throw new BackendError('There is no server of Memcached')
    return connection
  }
}

function bytesOfKey(key: string): Uint8Array {
  const bytes = new TextEncoder().encode(key)
  if (bytes.length <= LONGEST_KEY && !/[\s\p{Cc}]/u.test(key)) return bytes
  throw new BackendError(
    `${JSON.stringify(key)} is no key for Memcached: at most ${LONGEST_KEY} bytes, no blanks, no control characters`,
  )
}

/** As the client that wrote it meant it. */
function plainValue({ key, flags, value }: MemcachedItem): Uint8Array {
  if (flags & PICKLED) {
    throw new BackendError(`What Memcached has under ${JSON.stringify(key)} is pickled, which is not read`)
  }
  return flags & COMPRESSED ? inflateSync(value) : value
}

function tooLarge(error: unknown): OperationalError | undefined {
  if (!(error instanceof OperationalError) || !error.message.includes('too large')) return undefined
  return new OperationalError(
    `${error.message} (a result may have 1 MiB unless memcached is started with a larger limit, such as -I 8m)`,
    { cause: error, recoverable: false },
  )
}

function unexpected(verb: string, key: string, answer: string): OperationalError {
  return new OperationalError(`Memcached answered '${answer}' to '${verb} ${key}'`)
}

function chunked<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const chunks: (readonly T[])[] = []
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size))
  return chunks
}
