import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Backend } from '../../../src/backends/backend.ts'
import type { KeyValueStore } from '../../../src/backends/key-value.ts'
import { KeyValueBackend } from '../../../src/backends/key-value-backend.ts'
import { memoryBackends } from '../../../src/backends/memory.ts'
import { UnreadableResults } from '../../../src/backends/unreadable-results.ts'
import {
  BackendGetMetaError,
  BackendStoreError,
  ImproperlyConfigured,
  OperationalError,
} from '../../../src/errors.ts'
import { backendOptions, KEEP, resultMeta } from '../../../src/testing/conformance/backend-session.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** A store that counts its trips and can be told to fail. */
class CountingStore implements KeyValueStore {
  readonly features = { persistent: true, autoExpire: false, nativeJoin: true }
  readonly values = new Map<string, Uint8Array>()
  readonly trips: string[] = []
  broken: Error | undefined
  /** Values with this in them are refused, and keys with it cannot be. */
  refused: string | undefined

  checkKey(key: string): void {
    if (this.refused !== undefined && key.includes(this.refused)) throw new RangeError('no such key')
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.getMany([key]))[0]
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#trip(`get ${keys.length}`)
    for (const key of keys) this.checkKey(key)
    return keys.map((key) => this.values.get(key))
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    this.#trip('set')
    if (this.refused !== undefined && Buffer.from(value).includes(this.refused)) {
      throw new OperationalError('too large')
    }
    this.values.set(key, value)
  }

  async delete(keys: readonly string[]): Promise<void> {
    this.#trip('delete')
    for (const key of keys) this.values.delete(key)
  }

  async close(): Promise<void> {}

  #trip(what: string): void {
    this.trips.push(what)
    if (this.broken !== undefined) throw this.broken
  }
}

function fixture(transportOptions: Readonly<Record<string, unknown>> = {}): {
  store: CountingStore
  backend: KeyValueBackend
} {
  const store = new CountingStore()
  return { store, backend: new KeyValueBackend(store, backendOptions('fake://', { transportOptions })) }
}

// Speed: what is saved in one turn is read in one trip before it is written.
test('saves of one turn share the read before the write [4-050]', async () => {
  const { store, backend } = fixture()
  const [one, two] = [resultMeta(), resultMeta()]
  const started = resultMeta({ task_id: one.task_id, status: 'STARTED' })
  await Promise.all([backend.save(started, KEEP), backend.save(one, KEEP), backend.save(two, KEEP)])
  assert.deepEqual(store.trips, ['get 2', 'set', 'set'])
  await backend.save(one, KEEP)
  assert.deepEqual(store.trips.slice(3), ['get 1'])
})

// Capabilities are those of the store.
test('a store that cannot count or push makes a backend without chords and watch [4-060]', () => {
  const { backend } = fixture()
  assert.deepEqual([backend.chords, backend.watch, backend.cleanup], [undefined, undefined, undefined])
  assert.deepEqual(backend.features, { persistent: true, autoExpire: false, nativeJoin: true, groups: true })
})

// The prefix is told from the rest of the key.
test('global_keyprefix gets an underscore unless it ends in a separator [4-048]', async () => {
  const keys = async (prefix: string): Promise<readonly string[]> => {
    const { store, backend } = fixture({ global_keyprefix: prefix })
    await backend.save(resultMeta({ task_id: 'id' }), KEEP)
    await backend.groups.save('id', [], KEEP)
    return [...store.values.keys()]
  }
  assert.deepEqual(await keys('app'), ['app_celery-task-meta-id', 'app_celery-taskset-meta-id'])
  assert.deepEqual(await keys('app:'), ['app:celery-task-meta-id', 'app:celery-taskset-meta-id'])
  assert.deepEqual(await keys(''), ['celery-task-meta-id', 'celery-taskset-meta-id'])
  assert.throws(() => fixture({ global_keyprefix: 1 }), ImproperlyConfigured)
})

// An empty id would make all such tasks share a key.
test('an empty id is an error [4-049]', async () => {
  const { backend } = fixture()
  await assert.rejects(backend.load(['']), TypeError)
  await assert.rejects(backend.save(resultMeta({ task_id: '' }), KEEP), TypeError)
  await assert.rejects(backend.groups.load(''), TypeError)
})

// The shell retries on these.
test('errors of the store are typed and name the task', async () => {
  const { store, backend } = fixture()
  store.broken = new OperationalError('connection reset')
  await assert.rejects(backend.load(['task-1']), (error) => {
    return error instanceof BackendGetMetaError && /task-1.*connection reset/.test(error.message)
  })
  await assert.rejects(backend.save(resultMeta({ task_id: 'task-1' }), KEEP), (error) => {
    return error instanceof BackendStoreError && error.cause === store.broken
  })
  await assert.rejects(backend.forget(['task-1']), BackendStoreError)
  await assert.rejects(backend.groups.load('g'), BackendGetMetaError)
  await assert.rejects(backend.groups.save('g', [], KEEP), BackendStoreError)
})

// Another program's value under the key of a task.
test('an unreadable result is an error to read, and may be replaced', async () => {
  const { store, backend } = fixture()
  const meta = resultMeta({ task_id: 'id' })
  store.values.set('celery-task-meta-id', new TextEncoder().encode('{'))
  await assert.rejects(backend.load(['id']), BackendGetMetaError)
  await backend.save(meta, KEEP)
  assert.deepEqual(await backend.load(['id']), [meta])
})

// A worker stores results of many tasks in one turn: what is wrong with one is no fault of the others.
test('what a store refuses fails alone, for its size or its id', async () => {
  const { store, backend } = fixture()
  store.refused = '!'
  const large = resultMeta({ task_id: 'large', result: '!' })
  const failed = resultMeta({ task_id: 'large', status: 'FAILURE' })
  const strange = resultMeta({ task_id: '!' })
  const good = resultMeta({ task_id: 'good' })
  const saves = [large, strange, good].map((meta) => backend.save(meta, KEEP))
  const [one, two, three] = await Promise.allSettled(saves)
  assert.ok(one?.status === 'rejected' && one.reason instanceof BackendStoreError)
  assert.match(one.reason.message, /could not store large: too large/)
  assert.ok(two?.status === 'rejected' && two.reason instanceof BackendStoreError)
  assert.match(two.reason.message, /could not store !: no such key/)
  assert.equal(three?.status, 'fulfilled')
  await backend.save(failed, KEEP)
  await assert.rejects(backend.load(['good', '!', 'large']), (error) => {
    assert.ok(error instanceof UnreadableResults)
    assert.deepEqual(error.metas, [good, undefined, failed])
    return error.errors.get('!')?.taskId === '!'
  })
})

function memory(clock: VirtualClock): (url: string) => Promise<Backend> {
  const create = memoryBackends({ clock })
  return (url) => create(backendOptions(url))
}

// Memory is per process, and per URL.
test('cache+memory:// is shared by those who name it alike [4-073]', async () => {
  const open = memory(new VirtualClock())
  const meta = resultMeta()
  await (await open('cache+memory://')).save(meta, KEEP)
  assert.deepEqual(await (await open('cache+memory:///')).load([meta.task_id]), [meta])
  assert.deepEqual(await (await open('cache+memory://other')).load([meta.task_id]), [undefined])
})

// Results that nobody reads must not fill the memory.
test('results in memory expire to the millisecond [4-062]', async () => {
  const clock = new VirtualClock()
  const backend = await memory(clock)('cache+memory://')
  const meta = resultMeta()
  await backend.save(meta, { expires: 1000, replyTo: undefined })
  await clock.advance(999)
  assert.deepEqual(await backend.load([meta.task_id]), [meta])
  await clock.advance(1)
  assert.deepEqual(await backend.load([meta.task_id]), [undefined])
})
