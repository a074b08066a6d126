import { BackendGetMetaError } from '../../errors.ts'
import type { ResultNode } from '../../protocol/result-tuple.ts'
import { readResultTuple } from '../../protocol/result-tuple.ts'
import { uuid } from '../../util/uuid.ts'
import type { ChordPart, ChordStore, GroupTuple, ResultCodec } from '../backend.ts'
import type { RedisLink } from './redis-link.ts'
import type { RedisResultKeys } from './redis-result-keys.ts'
import { ADD_PART, GROW, SETTLE } from './redis-result-scripts.ts'
import { secondsOf } from './result-writer.ts'

/** What `RedisChords` works with. */
export interface RedisChordsOptions {
  readonly link: RedisLink
  readonly keys: RedisResultKeys
  readonly codec: ResultCodec
  readonly loadGroup: (id: string) => Promise<GroupTuple | undefined>
  /** Whether parts are kept in the order of the header, or in that in which they come. Celery: `result_chord_ordered`. */
  readonly ordered: boolean
}

/**
 * Parts of chords' headers as Celery keeps them, so that Python and we can finish a chord together: `.j` has the parts
 * (`[1, task id, state, result]`, scored by their place), `.s` the size, `.t` what was added to it.
 */
export class RedisChords implements ChordStore {
  readonly #options: RedisChordsOptions

  constructor(options: RedisChordsOptions) {
    this.#options = options
  }

  async setSize(
    groupId: string,
    size: number,
    { expires }: { readonly expires: number | undefined },
  ): Promise<void> {
    const [, , key] = this.#options.keys.chord(groupId)
    const ttl = expires === undefined ? [] : (['EX', secondsOf(expires)] as const)
    await this.#options.link.run((connection) => connection.send('SET', key, size, ...ttl))
  }

  async add(
    groupId: string,
    { index, id, state, result }: ChordPart,
    { expires, size }: { readonly expires: number | undefined; readonly size: number | undefined },
  ): Promise<{ readonly complete: boolean; readonly count: number; readonly size: number | undefined }> {
    const { link, keys, codec, ordered } = this.#options
    const part = Buffer.from(codec.encode([1, id, state, result]))
    const score = ordered ? (Number.isFinite(index) ? index : '+inf') : ''
    const ttl = expires === undefined ? '' : secondsOf(expires)
    const args = [part, score, id, ttl, size ?? '']
    const all = [...keys.chord(groupId), keys.group(groupId)]
    const reply = await link.run((connection) => connection.run(ADD_PART, all, args))
    const [said, count, total, doubtful] = Array.isArray(reply) ? reply : []
    const complete = doubtful === 1 ? await this.#settle(groupId, id, ttl, said === 1) : said === 1
    return { complete, count: Number(count), size: total === '' ? undefined : Number(total) }
  }

  /** What the saved group says of a chord that seems to be complete. */
  async #settle(groupId: string, id: string, ttl: number | '', said: boolean): Promise<boolean> {
    const { link, keys, loadGroup } = this.#options
    const saved = await loadGroup(groupId)
    const group = saved === undefined ? undefined : readResultTuple(saved)
    if (group === undefined) return said
    const args = [leavesOf(group), id, ttl]
    const all = [...keys.chord(groupId), keys.group(groupId)]
    return (await link.run((connection) => connection.run(SETTLE, all, args))) === 1
  }

  async grow(
    groupId: string,
    by: number,
    { expires }: { readonly expires: number | undefined },
  ): Promise<void> {
    const { link, keys } = this.#options
    const args = [by, expires === undefined ? '' : secondsOf(expires), `grow:${uuid()}`]
    await link.run((connection) => connection.run(GROW, keys.chord(groupId), args))
  }

  async collect(groupId: string): Promise<readonly ChordPart[]> {
    const { link, keys, ordered } = this.#options
    const [key] = keys.chord(groupId)
    const reply = await link.run((connection) => {
      return ordered
        ? connection.sendForBytes('ZRANGE', [key, 0, -1, 'WITHSCORES'])
        : connection.sendForBytes('LRANGE', [key, 0, -1])
    })
    const entries: readonly unknown[] = Array.isArray(reply) ? reply : []
    if (!ordered) return entries.map((entry, index) => this.#decode(groupId, entry, index))
    const parts: ChordPart[] = []
    for (let at = 0; at < entries.length; at += 2) {
      const score = String(entries[at + 1])
      parts.push(
        this.#decode(groupId, entries[at], score === 'inf' ? Number.POSITIVE_INFINITY : Number(score)),
      )
    }
    return parts
  }

  async forget(groupId: string): Promise<void> {
    const { link, keys } = this.#options
    await link.run((connection) => connection.send('DEL', ...keys.chord(groupId)))
  }

  #decode(groupId: string, entry: unknown, index: number): ChordPart {
    const part = entry instanceof Uint8Array ? this.#options.codec.decode(entry) : undefined
    if (Array.isArray(part)) {
      const [, id, state, result] = part
      if (typeof id === 'string' && typeof state === 'string') return { index, id, state, result }
    }
    throw new BackendGetMetaError(
      `A part of chord ${groupId} is not [1, task id, state, result]: ${String(entry)}`,
    )
  }
}

/** How many results a group has, groups within it included. */
function leavesOf({ children }: ResultNode): number {
  return children === undefined ? 1 : children.reduce((sum, child) => sum + leavesOf(child), 0)
}
