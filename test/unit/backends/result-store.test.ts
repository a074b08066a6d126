import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  BackendGetMetaError,
  BackendNotConfigured,
  BackendStoreError,
  EncodeError,
} from '../../../src/errors.ts'
import { AsyncResult } from '../../../src/result/async-result.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestResults, settle, TestBackend } from '../result/test-results.ts'

suite('the shell around backends', () => {
  test('opens the backend on first use, once, and again when that failed', async () => {
    let opened = 0
    const backend = new TestBackend({ pushes: true })
    const { store } = createTestResults({
      open: async () => {
        opened += 1
        if (opened === 1) throw new RangeError('not yet')
        return backend
      },
    })
    assert.equal(opened, 0)
    assert.equal(store.opened, undefined)
    await assert.rejects(store.load('a'), RangeError)
    await Promise.all([store.load('a'), store.load('b'), store.backend()])
    assert.equal(opened, 2)
    assert.equal(store.opened, backend)
  })

  test('hands over how long results are kept and who waits for them [4-062]', async () => {
    const { store, backend, put } = createTestResults({ expires: 5000 })
    await put('a', 'SUCCESS', 1)
    const [meta] = backend.metas.values()
    assert.ok(meta !== undefined)
    await store.save(meta, { replyTo: 'me' })
    assert.deepEqual(backend.saved, [
      { expires: 5000, replyTo: undefined },
      { expires: 5000, replyTo: 'me' },
    ])
  })

  test('reads what is asked for in one turn in one trip', async () => {
    const { store, backend, put } = createTestResults()
    await put('a', 'SUCCESS', 1)
    const [a, b, again] = await Promise.all([store.load('a'), store.load('b'), store.load('a')])
    assert.equal(a?.result, 1)
    assert.equal(b, undefined)
    assert.equal(again, a)
    assert.deepEqual(backend.loads, [['a', 'b']])
  })

  test('tells all of a trip that failed', async () => {
    const { store, backend } = createTestResults()
    backend.failures.push(new BackendGetMetaError('no'))
    const outcomes = await Promise.allSettled([store.load('a'), store.load('b')])
    assert.ok(outcomes.every(({ status }) => status === 'rejected'))
  })

  test('a result that cannot be understood keeps no others of its trip from those who ask', async () => {
    const { store, backend, clock, put } = createTestResults({
      retry: { maxRetries: Number.POSITIVE_INFINITY, base: 10, max: 10 },
    })
    await put('a', 'SUCCESS', 1)
    backend.unreadable.add('b')
    const [a, b, c] = await Promise.allSettled([store.load('a'), store.load('b'), store.load('c')])
    assert.deepEqual(a.status === 'fulfilled' && a.value?.result, 1)
    assert.deepEqual(c, { status: 'fulfilled', value: undefined })
    assert.ok(b.status === 'rejected' && b.reason instanceof BackendGetMetaError)
    assert.equal(b.reason.taskId, 'b')
    // Nor is it tried again, which would not help.
    assert.deepEqual(backend.loads, [['a', 'b', 'c']])
    assert.equal(clock.pending, 0)
  })

  test('closes what it opened, and nothing else', async () => {
    const { store, backend } = createTestResults()
    await store.load('a')
    await store.close()
    assert.equal(backend.closed, true)
    const unused = createTestResults()
    await unused.store.close()
    assert.equal(unused.store.opened, undefined)
    assert.equal(unused.backend.closed, false)
    // Nor is it opened any more: nobody would close it.
    await assert.rejects(unused.store.load('a'), /was closed/)
    assert.equal(unused.store.opened, undefined)
  })
})

suite('without a backend [4-058]', () => {
  test('storing does nothing, reading is an error that helps', async () => {
    const { store, put } = createTestResults({ open: undefined })
    await put('a', 'SUCCESS', 1)
    await store.cleanup()
    assert.equal(store.enabled, false)
    assert.equal(store.prepareSend('a'), undefined)
    await assert.rejects(store.load('a'), BackendNotConfigured)
    await assert.rejects(store.forget(['a']), /No result backend is configured: set resultBackend/)
  })
})

suite('retries [4-059]', () => {
  const retry = { maxRetries: 2, base: 10, max: 10_000 }

  test('are made for failures of the backend when they are wanted', async () => {
    const { store, backend, clock, put } = createTestResults({ retry })
    backend.failures.push(new BackendStoreError('busy'), new BackendStoreError('busy'))
    const saving = put('a', 'SUCCESS', 1)
    await settle()
    await clock.advance(100)
    await saving
    backend.failures.push(new BackendGetMetaError('busy'))
    const loading = store.load('a')
    await settle()
    await clock.advance(100)
    assert.equal((await loading)?.result, 1)
  })

  test('end, and are not made for what stays wrong', async () => {
    const { backend, clock, put } = createTestResults({ retry })
    backend.failures.push(...[1, 2, 3].map((n) => new BackendStoreError(`busy ${n}`)))
    const saving = assert.rejects(put('a', 'SUCCESS', 1), /busy 3/)
    await settle()
    await clock.advance(1000)
    await saving
    backend.failures.push(new EncodeError('never'))
    await assert.rejects(put('a', 'SUCCESS', 1), EncodeError)
  })

  test('are given up when the store is closed', async () => {
    const { store, backend, put } = createTestResults({
      retry: { ...retry, maxRetries: Number.POSITIVE_INFINITY },
    })
    backend.failures.push(new BackendStoreError('busy'))
    const saving = assert.rejects(put('a', 'SUCCESS', 1), /was closed/)
    await settle()
    await store.close()
    await saving
  })
})

suite('the cache [1-145 4-018]', () => {
  test('keeps successful results only, as many as it may', async () => {
    const { store, backend, put } = createTestResults({ cacheMax: 1 })
    await put('a', 'SUCCESS', 1)
    await put('b', 'FAILURE', new Error('no'))
    await store.load('a')
    await store.load('a')
    assert.equal(backend.loads.length, 1)
    await store.load('b')
    await store.load('b')
    assert.equal(backend.loads.length, 3)
    await put('c', 'SUCCESS', 3)
    await store.load('c')
    await store.load('a')
    assert.equal(backend.loads.length, 5)
  })

  test('is bypassed after a result was forgotten', async () => {
    const { store, put } = createTestResults({ cacheMax: 0 })
    await put('a', 'SUCCESS', 1)
    await store.load('a')
    await store.forget(['a'])
    assert.equal(await store.load('a'), undefined)
  })
})

suite('following results', () => {
  test('subscribes once for all who wait, and ends with the last', async () => {
    const { store, backend, clock, put } = createTestResults()
    const told: string[] = []
    const listen = (who: string) => (meta: { readonly task_id: string }) =>
      void told.push(`${who} ${meta.task_id}`)
    const [first, second] = await Promise.all([
      store.follow(['a'], listen('first')),
      store.follow(['a', 'b'], listen('second')),
    ])
    assert.deepEqual(backend.subscriptions, ['+a,b'])
    await put('a', 'SUCCESS', 1)
    first()
    await put('b', 'SUCCESS', 2)
    assert.deepEqual(told.toSorted(), ['first a', 'second a', 'second b'])
    assert.deepEqual(backend.subscriptions, ['+a,b'])
    second()
    await clock.advance(100)
    assert.deepEqual(backend.subscriptions, ['+a,b', '-a,b'])
    await put('a', 'SUCCESS', 3)
    assert.equal(told.length, 3)
  })

  test('leaves what nobody waits for any more together, a moment later, unless somebody does again', async () => {
    const { store, backend, clock } = createTestResults()
    const follow = (id: string): Promise<() => void> => store.follow([id], () => undefined)
    for (const id of ['a', 'b', 'c']) (await follow(id))()
    const stop = await follow('b')
    await clock.advance(100)
    assert.deepEqual(backend.subscriptions, ['+a', '+b', '+c', '+b', '-a,c'])
    stop()
    // Many leave at once, without waiting.
    backend.subscriptions.length = 0
    const many = Array.from({ length: 15 }, (_, index) => `m${index}`)
    for (const id of many) (await follow(id))()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(backend.subscriptions.at(-1), `-b,${many.join()}`)
    assert.equal(clock.pending, 0)
  })

  test('looks for the result of a call that is being sent a moment after it could be told of it', async () => {
    const { store, backend, put } = createTestResults()
    const told: unknown[] = []
    const stop = await store.follow(['a', 'b'], (meta) => told.push(meta.result), { fresh: true })
    assert.deepEqual(backend.loads, [])
    await put('b', 'SUCCESS', 'told')
    const [meta] = backend.metas.values()
    assert.ok(meta !== undefined)
    backend.metas.set('a', { ...meta, task_id: 'a', result: 'stored before' })
    await eventually(() => assert.deepEqual(told.slice(0, 2), ['told', 'stored before']))
    assert.deepEqual(backend.loads, [['a', 'b']])
    stop()
    // Who has gone by then is not looked for.
    ;(await store.follow(['c'], () => undefined, { fresh: true }))()
    const last = await store.follow(['d'], () => undefined, { fresh: true })
    await eventually(() => assert.equal(backend.loads.length, 2))
    assert.deepEqual(backend.loads[1], ['d'])
    last()
  })

  test('tells who waits for a call that is being sent when looking fails', async () => {
    const { store, backend } = createTestResults()
    const failed: unknown[] = []
    await store.follow(['a'], () => undefined, { fresh: true, failed: (error) => failed.push(error) })
    const error = new BackendGetMetaError('gone')
    backend.failures.push(error)
    await eventually(() => assert.deepEqual(failed, [error]))
  })

  test('misses nothing that is stored while it subscribes', async () => {
    const { store, put } = createTestResults()
    const told: unknown[] = []
    const following = store.follow(['a'], (meta) => told.push(meta.result))
    await put('a', 'SUCCESS', 1)
    const stop = await following
    assert.ok(told.includes(1))
    stop()
  })

  test('asks again and again where nothing is pushed, in one trip for all, as often as the hurriest wants', async () => {
    const { store, backend, clock, put } = createTestResults({ pushes: false })
    const told: string[] = []
    const stops = await Promise.all([
      store.follow(['a'], (meta) => void told.push(meta.task_id), { interval: 500 }),
      store.follow(['b'], (meta) => void told.push(meta.task_id), { interval: 200 }),
    ])
    backend.loads.length = 0
    await put('a', 'SUCCESS', 1)
    await clock.advance(200)
    assert.deepEqual(backend.loads, [['a', 'b']])
    assert.deepEqual(told, ['a'])
    for (const stop of stops) stop()
    assert.equal(clock.pending, 0)
  })

  test('tells those who wait when asking fails', async () => {
    const { store, backend, clock } = createTestResults({ pushes: false })
    const failed: unknown[] = []
    await store.follow(['a'], () => undefined, { interval: 100, failed: (error) => failed.push(error) })
    const error = new BackendGetMetaError('gone')
    backend.failures.push(error)
    await clock.advance(100)
    assert.deepEqual(failed, [error])
  })

  test('looks now and then even where results are pushed, because a push can get lost', async () => {
    const { store, backend, clock, put } = createTestResults()
    const told: unknown[] = []
    const stop = await store.follow(['a'], (meta) => told.push(meta.result))
    await put('b', 'SUCCESS', 1)
    const [meta] = backend.metas.values()
    assert.ok(meta !== undefined)
    backend.metas.set('a', { ...meta, task_id: 'a', result: 'lost' })
    await clock.advance(10_000)
    assert.deepEqual(told, ['lost'])
    stop()
  })

  test('one look at a time, even when all leave and others come while it is under way', async () => {
    for (const pushes of [true, false]) {
      const { store, backend, clock } = createTestResults({ pushes })
      const first = await store.follow(['a'], () => undefined)
      const look = Promise.withResolvers<void>()
      backend.gate = look.promise
      await clock.advance(10_000)
      first()
      backend.gate = undefined
      const second = await store.follow(['b'], () => undefined)
      await clock.advance(10_000)
      assert.deepEqual(backend.loads, [['a'], ['a'], ['b']])
      look.resolve()
      await settle()
      assert.equal(clock.pending, 1)
      backend.loads.length = 0
      await clock.advance(pushes ? 10_000 : 500)
      assert.deepEqual(backend.loads, [['b']])
      second()
      await clock.advance(100)
      assert.equal(clock.pending, 0)
    }
  })

  test('who is in more of a hurry than those before does not wait for their next look', async () => {
    const { store, backend, clock } = createTestResults({ pushes: false })
    const stops = [await store.follow(['a'], () => undefined, { interval: 60_000 })]
    stops.push(await store.follow(['b'], () => undefined, { interval: 200 }))
    backend.loads.length = 0
    await clock.advance(200)
    assert.deepEqual(backend.loads, [['a', 'b']])
    for (const stop of stops) stop()
    assert.equal(clock.pending, 0)
  })
})

suite('a result that cannot be understood', () => {
  const fails = (told: string[]) => (error: unknown) => {
    assert.ok(error instanceof BackendGetMetaError)
    told.push(`${error.taskId}`)
  }

  test('where nothing is pushed ends the wait for it, and no other', async () => {
    const { store, backend, clock, put } = createTestResults({ pushes: false })
    const told: string[] = []
    for (const id of ['a', 'b']) {
      const listener = ({ task_id }: { readonly task_id: string }) => void told.push(`${task_id} is there`)
      await store.follow([id], listener, { failed: fails(told) })
    }
    backend.unreadable.add('b')
    await put('a', 'SUCCESS', 1)
    await clock.advance(500)
    assert.deepEqual(told, ['a is there', 'b'])
  })

  test('ends the wait for it when it is pushed, and no other', async () => {
    const { store, backend } = createTestResults()
    const told: string[] = []
    await store.follow(['a'], () => undefined, { failed: fails(told) })
    await store.follow(['b'], () => undefined, { failed: fails(told) })
    backend.pushUnreadable('b')
    assert.deepEqual(told, ['b'])
  })

  test('ends the wait when no push told of it and it stays so', async () => {
    const { store, backend, clock, put } = createTestResults()
    const told: string[] = []
    await store.follow(['a'], ({ status }) => void told.push(status), { failed: fails(told) })
    await store.follow(['b'], () => undefined, { failed: fails(told) })
    backend.unreadable.add('b')
    await put('a', 'STARTED')
    await clock.advance(10_000)
    assert.deepEqual(told, ['STARTED', 'STARTED'])
    await clock.advance(10_000)
    assert.deepEqual(told, ['STARTED', 'STARTED', 'STARTED', 'b'])
  })

  test('ends the wait for a call that is being sent, and no other', async () => {
    const { store, backend, put } = createTestResults()
    const told: string[] = []
    const wait = (id: string): Promise<unknown> =>
      store.follow([id], ({ status }) => void told.push(status), { fresh: true, failed: fails(told) })
    backend.unreadable.add('b')
    await put('a', 'STARTED')
    await Promise.all([wait('a'), wait('b')])
    await eventually(() => assert.deepEqual(told, ['STARTED', 'b']))
  })
})

test('who still waits when the backend is closed is told so', async () => {
  for (const pushes of [true, false]) {
    const { store, context, clock } = createTestResults({ pushes })
    const waiting = assert.rejects(new AsyncResult('a', context).get(), /The result backend was closed/)
    await settle()
    await store.close()
    await waiting
    assert.equal(clock.pending, 0)
    await assert.rejects(
      store.follow(['a'], () => undefined),
      /was closed/,
    )
  }
})
