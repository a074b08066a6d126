import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import type { BackendOptions } from '../../src/backends/backend.ts'
import type { KeepOptions, KeyValueStore } from '../../src/backends/key-value.ts'
import { KeyValueBackend } from '../../src/backends/key-value-backend.ts'
import { JsonSerializer } from '../../src/messaging/serialization/json.ts'
import { readResultMeta } from '../../src/protocol/result-meta.ts'
import { backendOptions } from '../../src/testing/conformance/backend-session.ts'
import { isRecord } from '../../src/util/is-record.ts'

/** One item of the server after Celery had stored something. */
interface Item {
  readonly key: string
  readonly value: string
  readonly expiresIn: number
}

interface Entry {
  readonly name: string
  readonly prefix: unknown
  readonly items: readonly Item[]
}

function load(): readonly Entry[] {
  const path = new URL('vectors/results-cache.json', import.meta.url)
  const document: unknown = JSON.parse(readFileSync(path, 'utf8'))
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  return document['entries']
    .filter(({ name }) => !name.startsWith('serializer-'))
    .map(({ name, items, settings }) => ({
      name: String(name),
      prefix: settings?.result_backend_transport_options?.global_keyprefix,
      items: items.map((item: { key: string; value: string; expires_in: number }) => ({
        key: item.key,
        value: item.value,
        expiresIn: item.expires_in,
      })),
    }))
}

/** A server whose items can be read as the captured ones. */
class Items implements KeyValueStore {
  readonly features = { persistent: true, autoExpire: true, nativeJoin: true }
  readonly items = new Map<string, Item>()

  async get(key: string): Promise<Uint8Array | undefined> {
    const item = this.items.get(key)
    return item === undefined ? undefined : new TextEncoder().encode(item.value)
  }

  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)))
  }

  async set(key: string, value: Uint8Array, { ttl }: KeepOptions): Promise<void> {
    this.items.set(key, { key, value: new TextDecoder().decode(value), expiresIn: Number(ttl) / 1000 })
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.items.delete(key)
  }

  async increment(key: string, { ttl }: KeepOptions): Promise<number> {
    const count = Number(this.items.get(key)?.value ?? 0) + 1
    this.items.set(key, { key, value: String(count), expiresIn: Number(ttl) / 1000 })
    return count
  }

  async close(): Promise<void> {}
}

const jsonSerializer = new JsonSerializer()
/** Documents are the same up to the spaces that Python puts behind commas and colons; the order of keys counts. */
function spaced(item: Item): Item {
  return { ...item, value: JSON.stringify(JSON.parse(item.value)) }
}

const DAY = { expires: 86_400_000, replyTo: undefined }
const entries = load()

function options(prefix: unknown): BackendOptions {
  return backendOptions('cache+memcached://', {
    codec: jsonSerializer,
    transportOptions: prefix === undefined ? {} : { global_keyprefix: prefix },
  })
}

/** Entries whose items are of one kind, as tests. */
function each(kind: string, check: (item: Item, prefix: unknown) => Promise<void>): void {
  for (const { name, prefix, items } of entries) {
    for (const [index, item] of items.entries()) {
      if (item.key.includes(kind)) test(`${name} #${index}`, () => check(item, prefix))
    }
  }
}

// Results of ours and of Celery's workers lie in the same cache.
suite('results in a cache, as Celery stores them [4-045] [4-048] [4-054] [4-073]', () => {
  each('celery-task-meta-', async (item, prefix) => {
    const store = new Items()
    const backend = new KeyValueBackend(store, options(prefix))
    const meta = readResultMeta(jsonSerializer.decode(new TextEncoder().encode(item.value)))
    await backend.save(meta, DAY)
    assert.deepEqual([...store.items.values()].map(spaced), [spaced(item)])
    assert.deepEqual(await backend.load([meta.task_id]), [meta])
  })
})

// A group saved by one is restored by the other.
suite('groups in a cache, as Celery stores them [4-046] [4-051]', () => {
  each('celery-taskset-meta-', async (item, prefix) => {
    const store = new Items()
    const backend = new KeyValueBackend(store, options(prefix))
    const document: unknown = JSON.parse(item.value)
    const group: unknown = isRecord(document) ? document['result'] : undefined
    assert.ok(Array.isArray(group))
    const id = item.key.replace(/^.*celery-taskset-meta-/, '')
    await backend.groups.save(id, group, DAY)
    assert.deepEqual([...store.items.values()].map(spaced), [spaced(item)])
    assert.deepEqual(await backend.groups.load(id), group)
    await backend.groups.forget(id)
    assert.equal(store.items.size, 0)
  })
})

// A chord whose header runs partly on Python: its workers only count, their results are found through the group.
suite('chords in a cache, together with workers of Celery [4-047] [4-052]', () => {
  const started = entries.find(({ name }) => name === 'chord-1-of-2')
  assert.ok(started)
  const groupId = started.items
    .find(({ key }) => key.startsWith('chord-unlock-'))
    ?.key.slice('chord-unlock-'.length)
  assert.ok(groupId !== undefined)
  const first = '000000c0-0000-4000-8000-000000000003'
  const second = '000000c0-0000-4000-8000-000000000004'
  const size = { expires: 86_400_000, size: 2 }

  function afterCelery(): { store: Items; backend: KeyValueBackend } {
    const store = new Items()
    for (const item of started?.items ?? []) store.items.set(item.key, item)
    return { store, backend: new KeyValueBackend(store, options(undefined)) }
  }

  test('the part that Celery counted and the one that is ours complete the chord', async () => {
    const { store, backend } = afterCelery()
    const part = { index: 0, id: first, state: 'SUCCESS', result: 10 }
    assert.deepEqual(await backend.chords?.add(groupId, part, size), { complete: true, count: 2, size: 2 })
    assert.equal(store.items.get(`chord-unlock-${groupId}`)?.value, '2')
    assert.deepEqual(await backend.chords?.collect(groupId), [
      part,
      { index: 1, id: second, state: 'SUCCESS', result: 20 },
    ])
  })

  test('the part that Celery counted, delivered to us again, completes nothing', async () => {
    const { backend } = afterCelery()
    const part = { index: 1, id: second, state: 'SUCCESS', result: 20 }
    assert.equal((await backend.chords?.add(groupId, part, size))?.complete, false)
    const last = { index: 0, id: first, state: 'SUCCESS', result: 10 }
    assert.equal((await backend.chords?.add(groupId, last, size))?.complete, true)
  })

  test('what ends the chord leaves no counter', async () => {
    const { store, backend } = afterCelery()
    await backend.chords?.setSize(groupId, 2, DAY)
    await backend.chords?.add(groupId, { index: 0, id: first, state: 'SUCCESS', result: 10 }, size)
    await backend.chords?.forget(groupId)
    assert.deepEqual(
      [...store.items.keys()].filter((key) => key.includes('chord')),
      [],
    )
  })
})
