/** Writes results; those of one turn of the event loop in one step. */

import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { BackendStoreError } from '../../errors.ts'
import type { ResultMeta } from '../../protocol/result-meta.ts'
import { SUCCESS } from '../../protocol/states.ts'
import { Batcher } from '../../util/batcher.ts'
import type { RedisConnection } from '../../util/redis/redis-connection.ts'
import type { ResultCodec } from '../backend.ts'
import type { RedisLink } from './redis-link.ts'
import type { RedisResultKeys } from './redis-result-keys.ts'
import { SAVE } from './redis-result-scripts.ts'

interface Write {
  readonly key: string
  readonly document: string | Buffer
  readonly ttl: number | ''
  /** SHA-1 of what may be replaced; '' at first. */
  readonly replaces: string
}

/** What a `ResultWriter` works with. */
export interface ResultWriterOptions {
  readonly link: RedisLink
  readonly keys: RedisResultKeys
  readonly codec: ResultCodec
}

/** Results that are written in one step at most. */
const BATCH = 200
/** Redis's limit for a value, in bytes. */
const LARGEST = 536_870_912

/** See the module's description. */
export class ResultWriter {
  readonly #options: ResultWriterOptions
  readonly #batcher = new Batcher<Write>((writes) => this.#write(writes), { maxSize: BATCH })

  constructor(options: ResultWriterOptions) {
    this.#options = options
  }

  /** @throws BackendStoreError; RangeError for an empty id. */
  async save(meta: ResultMeta, expires: number | undefined): Promise<void> {
    const { keys, codec } = this.#options
    const key = keys.task(meta.task_id)
    const document = bytesOf(codec.encode(meta))
    if (document.length > LARGEST) {
      throw new BackendStoreError(
        `The result of task ${meta.task_id} is too large for Redis: ${document.length} bytes`,
        { taskId: meta.task_id, state: meta.status },
      )
    }
    const ttl = expires === undefined ? '' : secondsOf(expires)
    try {
      await this.#batcher.add({ key, document: writable(document), ttl, replaces: '' })
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new BackendStoreError(`The result of task ${meta.task_id} could not be stored: ${reason}`, {
        cause,
        taskId: meta.task_id,
        state: meta.status,
      })
    }
  }

  /** Resolves when everything is written, or has failed. */
  drain(): Promise<void> {
    return this.#batcher.drain()
  }

  async #write(writes: readonly Write[]): Promise<void> {
    const { link } = this.#options
    let unclear = writes
    while (unclear.length > 0) {
      const asked = unclear
      const reply = await link.run((connection) => run(connection, asked))
      unclear = this.#undecided(asked, Array.isArray(reply) ? reply : [])
    }
  }

  /** Those that may yet be written: what the script could not read is no success. */
  #undecided(asked: readonly Write[], reply: readonly unknown[]): readonly Write[] {
    const again: Write[] = []
    for (let at = 0; at < reply.length; at += 2) {
      const write = asked[Number(reply[at]) - 1]
      const current = reply[at + 1]
      if (write === undefined || !(current instanceof Uint8Array) || this.#isSuccess(current)) continue
      again.push({ ...write, replaces: createHash('sha1').update(current).digest('hex') })
    }
    return again
  }

  #isSuccess(document: Uint8Array): boolean {
    let stored: unknown
    try {
      stored = this.#options.codec.decode(document)
    } catch {
      // What nobody can read is no result that would have to stay, and no reason to lose those of the others.
      return false
    }
    return typeof stored === 'object' && stored !== null && 'status' in stored && stored.status === SUCCESS
  }
}

function run(connection: RedisConnection, writes: readonly Write[]): Promise<unknown> {
  const keys = writes.map(({ key }) => key)
  const args = writes.flatMap(({ document, ttl, replaces }) => [document, ttl, replaces])
  return connection.runForBytes(SAVE, keys, args)
}

/** Redis keeps things for whole seconds. */
export function secondsOf(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds / 1000))
}

function bytesOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Text as a text, if possible: ioredis has a slow way for commands in which there are bytes. */
function writable(document: Buffer): string | Buffer {
  return isUtf8(document) ? document.toString() : document
}
