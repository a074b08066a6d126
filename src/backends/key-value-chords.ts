/**
 * Chords on a key/value store that can count.
 *
 * Celery counts the parts of a chord in `chord-unlock-<group id>` and takes the results from the tasks themselves, so a
 * part that is reported twice makes the body run too early. Here each count also gets a slot in which the part is kept;
 * at and after the last count the slots are read, and only when as many different parts are there as belong to the chord
 * it is complete, for the one who first says so in another counter. Parts that Celery's workers counted have no slot:
 * they are found through the saved group.
 */
import { BackendError } from '../errors.ts'
import type { ResultMeta } from '../protocol/result-meta.ts'
import { READY_STATES } from '../protocol/states.ts'
import { isRecord } from '../util/is-record.ts'
import type { ChordPart, ChordStore, ResultCodec } from './backend.ts'
import type { KeepOptions, KeyValueStore } from './key-value.ts'
import type { KeyValueKeys } from './key-value-keys.ts'

/** What `KeyValueChords` works with. */
export interface KeyValueChordsOptions {
  readonly store: KeyValueStore
  readonly codec: ResultCodec
  readonly keys: KeyValueKeys
  readonly increment: (key: string, options: KeepOptions) => Promise<number>
  readonly loadGroup: (id: string) => Promise<readonly unknown[] | undefined>
  readonly load: (ids: readonly string[]) => Promise<readonly (ResultMeta | undefined)[]>
}

type AddResult = Awaited<ReturnType<ChordStore['add']>>

/** What is in a slot. */
interface StoredPart extends ChordPart {
  /** Whoever added it found the chord complete. */
  readonly found?: boolean
}

interface Parts {
  readonly parts: readonly ChordPart[]
  /** Ids of those with `found`. */
  readonly finders: ReadonlySet<string>
}

/** See the module's description. */
export class KeyValueChords implements ChordStore {
  readonly #options: KeyValueChordsOptions
  readonly #store: KeyValueStore
  readonly #keys: KeyValueKeys
  readonly begin?: NonNullable<ChordStore['begin']>

  constructor(options: KeyValueChordsOptions) {
    const { store, keys } = options
    this.#options = options
    this.#store = store
    this.#keys = keys
    const { startCounter } = store
    if (startCounter !== undefined) {
      this.begin = (groupId, { expires }) => startCounter.call(store, keys.chord(groupId), { ttl: expires })
    }
  }

  async setSize(
    groupId: string,
    size: number,
    { expires }: { readonly expires: number | undefined },
  ): Promise<void> {
    const value = this.#options.codec.encode(size)
    await this.#store.set(this.#keys.chordSize(groupId), value, { ttl: expires })
  }

  async add(
    groupId: string,
    part: ChordPart,
    options: { readonly expires: number | undefined; readonly size: number | undefined },
  ): Promise<AddResult> {
    const keep = { ttl: options.expires }
    const slot = await this.#options.increment(this.#keys.chord(groupId), keep)
    await this.#store.set(this.#keys.chordPart(groupId, slot), this.#options.codec.encode(part), keep)
    // Looked at after the part is in its slot: whoever comes last sees all the others.
    const { counted, size } = await this.#count(groupId, options.size)
    if (size === undefined || counted < size) return { complete: false, count: counted, size }
    const { parts, finders } = await this.#parts(groupId, counted, size)
    const count = parts.length
    if (count < size) return { complete: false, count, size }
    if (finders.has(part.id)) return { complete: true, count, size }
    // Whoever finds the chord complete leaves word before it is decided who was the first: if its worker dies now and
    // the part comes again, the chord is still to be completed.
    const found: StoredPart = { ...part, found: true }
    await this.#store.set(this.#keys.chordPart(groupId, slot), this.#options.codec.encode(found), keep)
    const first = (await this.#options.increment(this.#keys.chordDone(groupId), keep)) === 1
    return { complete: first, count, size }
  }

  async grow(
    groupId: string,
    by: number,
    { expires }: { readonly expires: number | undefined },
  ): Promise<void> {
    for (let count = 0; count < by; count += 1) {
      await this.#options.increment(this.#keys.chordGrowth(groupId), { ttl: expires })
    }
  }

  async collect(groupId: string): Promise<readonly ChordPart[]> {
    const { counted, size } = await this.#count(groupId)
    const { parts } = await this.#parts(groupId, counted, size)
    return parts
  }

  async forget(groupId: string): Promise<void> {
    const { counted } = await this.#count(groupId)
    const parts = Array.from({ length: counted }, (_, index) => this.#keys.chordPart(groupId, index + 1))
    await this.#store.delete([
      ...parts,
      this.#keys.chordSize(groupId),
      this.#keys.chordGrowth(groupId),
      this.#keys.chordDone(groupId),
      this.#keys.chord(groupId),
      ...(this.begin === undefined ? [] : [this.#keys.group(groupId)]),
    ])
  }

  async #count(
    groupId: string,
    told?: number,
  ): Promise<{ readonly counted: number; readonly size: number | undefined }> {
    const [counter, sizeValue, growth] = await this.#store.getMany([
      this.#keys.chord(groupId),
      this.#keys.chordSize(groupId),
      this.#keys.chordGrowth(groupId),
    ])
    const size =
      sizeValue === undefined
        ? (told ?? (await this.#sizeOfGroup(groupId)))
        : this.#options.codec.decode(sizeValue)
    return {
      counted: countOf(counter),
      size: typeof size === 'number' ? size + countOf(growth) : undefined,
    }
  }

  /** Each part once, in order of index. */
  async #parts(groupId: string, counted: number, size: number | undefined): Promise<Parts> {
    const keys = Array.from({ length: counted }, (_, index) => this.#keys.chordPart(groupId, index + 1))
    const parts = new Map<string, ChordPart>()
    const finders = new Set<string>()
    for (const value of await this.#store.getMany(keys)) {
      if (value === undefined) continue
      const { found, ...part } = readPart(this.#options.codec.decode(value), groupId)
      if (!parts.has(part.id)) parts.set(part.id, part)
      if (found === true) finders.add(part.id)
    }
    if (parts.size < (size ?? counted)) {
      for (const part of await this.#partsOfGroup(groupId)) if (!parts.has(part.id)) parts.set(part.id, part)
    }
    return { parts: [...parts.values()].sort((one, other) => one.index - other.index), finders }
  }

  /**
   * Where Celery has its store count, its clients tell no size: it is that of the saved group. Elsewhere the group outlives
   * its chord, and would bring a chord that is over back to life.
   */
  async #sizeOfGroup(groupId: string): Promise<number | undefined> {
    return this.begin === undefined ? undefined : (await this.#childrenOfGroup(groupId))?.length
  }

  async #childrenOfGroup(groupId: string): Promise<readonly unknown[] | undefined> {
    const children: unknown = (await this.#options.loadGroup(groupId))?.[1]
    return Array.isArray(children) ? children : undefined
  }

  async #partsOfGroup(groupId: string): Promise<readonly ChordPart[]> {
    const children = await this.#childrenOfGroup(groupId)
    const ids = children?.flatMap((child) => idOf(child) ?? []) ?? []
    const metas = ids.length === 0 ? [] : await this.#options.load(ids)
    return metas.flatMap((meta, index) => {
      if (meta === undefined || !READY_STATES.has(meta.status)) return []
      return [{ index, id: meta.task_id, state: meta.status, result: meta.result }]
    })
  }
}

function countOf(counter: Uint8Array | undefined): number {
  return counter === undefined ? 0 : Number(new TextDecoder().decode(counter))
}

/** The id in a result tuple `[[id, parent], children]`. */
function idOf(tuple: unknown): string | undefined {
  const own: unknown = Array.isArray(tuple) ? tuple[0] : undefined
  const id: unknown = Array.isArray(own) ? own[0] : own
  return typeof id === 'string' ? id : undefined
}

function readPart(value: unknown, groupId: string): StoredPart {
  if (isRecord(value)) {
    const { index, id, state, result, found } = value
    if (typeof index === 'number' && typeof id === 'string' && typeof state === 'string') {
      return { index, id, state, result, found: found === true }
    }
  }
  throw new BackendError(`A stored part of chord ${groupId} is unreadable: ${JSON.stringify(value)}`)
}
