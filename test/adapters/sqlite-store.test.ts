import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { ConnectionError } from '../../src/errors.ts'
import { BROKER_TABLES } from '../../src/messaging/transports/sqlite/schema.ts'
import { SqliteQueueStore } from '../../src/messaging/transports/sqlite/store.ts'
import type { StoredMessage, Taken } from '../../src/messaging/virtual/queue-store.ts'
import type { SqliteFile } from '../../src/util/sqlite-file.ts'
import { openSqliteFile } from '../../src/util/sqlite-file.ts'
import { eventually } from '../support/eventually.ts'
import { tempDir } from '../support/temp-dir.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { onEnd } from './fixtures/on-end.ts'

interface Fixture {
  readonly clock: VirtualClock
  readonly file: SqliteFile
  readonly open: () => Promise<SqliteQueueStore>
}

async function fixture(t: TestContext): Promise<Fixture> {
  const path = join(tempDir(t), 'celery.sqlite3')
  const options = { tables: BROKER_TABLES, busyTimeout: 10_000, synchronous: 'normal' } as const
  const clock = new VirtualClock()
  const file = await openSqliteFile(path, options)
  onEnd(t, () => file.close())
  const open = async (): Promise<SqliteQueueStore> => {
    const store = new SqliteQueueStore(await openSqliteFile(path, options), clock)
    onEnd(t, () => store.close())
    return store
  }
  return { clock, file, open }
}

function message(text: string, properties: StoredMessage['properties'] = {}): StoredMessage {
  const body = new TextEncoder().encode(text)
  return { body, properties, headers: {}, exchange: '', routingKey: 'q', redelivered: false }
}

const NEVER = new AbortController().signal

async function take(
  store: SqliteQueueStore,
  queues: readonly string[],
  max = 100,
): Promise<readonly Taken[]> {
  return store.take(queues, { max, signal: NEVER, wait: false })
}

function texts(taken: readonly Taken[]): readonly string[] {
  return taken.map(({ message: { body } }) => new TextDecoder().decode(body))
}

function count(file: SqliteFile, table: string): number {
  return Number(file.read(() => file.prepare(`SELECT count(*) AS n FROM ${table}`).get())?.['n'])
}

const DECLARATION = { durable: true, autoDelete: false, arguments: {} }

// Old commands must not be carried out, and must not pile up either.
test('messages expire by their own time and by that of their queue', async (t) => {
  const { clock, file, open } = await fixture(t)
  const store = await open()
  await store.declare('short', { ...DECLARATION, arguments: { 'x-message-ttl': 1000 } })
  await store.put('short', [
    message('queue'),
    message('own', { expiration: '500' }),
    message('none', { expiration: '9999' }),
  ])
  await store.put('long', [message('kept'), message('gone', { expiration: '2000' })])
  await clock.advance(499)
  assert.equal(await store.size('short'), 3)
  await clock.advance(1)
  assert.equal(await store.size('short'), 2)
  await clock.advance(500)
  assert.equal(await store.size('short'), 0)
  await clock.advance(1000)
  assert.deepEqual(texts(await take(store, ['short', 'long'])), ['kept'])
  await eventually(async () => {
    await clock.advance(1000)
    assert.equal(count(file, 'celeriac_messages'), 1)
  })
})

// A message that was given back is not younger than before.
test('the time of a message goes on while it is held', async (t) => {
  const { clock, open } = await fixture(t)
  const store = await open()
  await store.put('q', [message('a', { expiration: '1000' }), message('b', { expiration: '1000' })])
  const [a, b] = await take(store, ['q'])
  assert.ok(a && b)
  await clock.advance(600)
  await store.restore([a], 'front')
  await store.restore([b], 'back')
  assert.equal(await store.size('q'), 2)
  await clock.advance(400)
  assert.deepEqual(await take(store, ['q']), [])
})

// Reply queues of programs that are gone go, too; a queue that is consumed never does, however busy its consumer is.
test('unused queues expire with their messages and bindings', async (t) => {
  const { clock, file, open } = await fixture(t)
  const [store, other] = [await open(), await open()]
  const expiring = { ...DECLARATION, arguments: { 'x-expires': 10_000 } }
  for (const queue of ['unused', 'consumed']) {
    await store.declare(queue, expiring)
    await store.put(queue, [message(queue)])
    await store.bindings.add('exchange', { queue, routingKey: '', pattern: '' })
  }
  await other.consuming(['consumed'])
  await eventually(async () => {
    await clock.advance(5000)
    assert.equal(await store.exists('unused'), false)
  })
  assert.deepEqual(await store.bindings.list('exchange'), [
    { queue: 'consumed', routingKey: '', pattern: '' },
  ])
  assert.deepEqual([await store.size('unused'), await store.size('consumed')], [0, 1])

  await other.close()
  assert.equal(await store.exists('consumed'), true)
  await store.consuming(['something else'])
  await eventually(async () => {
    await clock.advance(5000)
    assert.equal(await store.exists('consumed'), false)
  })
  assert.equal(count(file, 'celeriac_messages'), 0)
})

// What comes back to the front is served first, what comes back to the end last.
test('restored messages take their old place, or the last one', async (t) => {
  const { open } = await fixture(t)
  const store = await open()
  await store.put(
    'q',
    ['a', 'b', 'c', 'd'].map((text) => message(text)),
  )
  const [a, b, c] = await take(store, ['q'], 3)
  assert.ok(a && b && c)
  await store.restore([a, b], 'back')
  await store.restore([c], 'front')
  const again = await take(store, ['q'])
  assert.deepEqual(texts(again), ['c', 'd', 'a', 'b'])
  assert.deepEqual(
    again.map(({ message: { redelivered } }) => redelivered),
    [true, false, true, true],
  )
})

// Settling what others have got meanwhile must not take it away from them.
test('only the owner settles', async (t) => {
  const { open } = await fixture(t)
  const [store, other] = [await open(), await open()]
  await store.put('q', [message('a')])
  const taken = await take(store, ['q'])
  await other.settle(taken)
  await other.restore(taken, 'front')
  assert.equal(await store.size('q'), 0)
  await store.restore(taken, 'front')
  assert.equal(await store.size('q'), 1)
})

// A crowded queue must not starve the others, and urgent messages come first wherever they are.
test('several queues are served in turn, by priority', async (t) => {
  const { open } = await fixture(t)
  const store = await open()
  await store.put(
    'one',
    ['1', '2', '3', '4'].map((text) => message(text, { priority: 5 })),
  )
  await store.put('two', [
    message('a', { priority: 5 }),
    message('b', { priority: 5 }),
    message('!', { priority: 0 }),
  ])
  const served = texts(await take(store, ['one', 'two'], 5))
  assert.equal(served[0], '!')
  assert.deepEqual([...served.slice(1)].sort(), ['1', '2', 'a', 'b'])
})

// A few huge messages must neither fill the memory nor block the process.
test('huge messages are taken a few at a time', async (t) => {
  const { open } = await fixture(t)
  const store = await open()
  const huge = (name: string): StoredMessage => ({ ...message(name), body: new Uint8Array(5 * 1024 * 1024) })
  await store.put('q', [huge('a'), huge('b'), message('small')])
  assert.equal((await take(store, ['q'])).length, 1)
  assert.equal((await take(store, ['q'])).length, 2)
})

// `celery purge` on a long queue.
test('purging takes more than one transaction', async (t) => {
  const { open } = await fixture(t)
  const store = await open()
  await store.put(
    'q',
    Array.from({ length: 6000 }, () => message('x')),
  )
  assert.equal(await store.purge('q'), 6000)
  assert.equal(await store.size('q'), 0)
})

// The file of a worker that runs for months must not grow for ever.
test('space that is no longer needed is given back', async (t) => {
  const { clock, file, open } = await fixture(t)
  const store = await open()
  const pages = (): number => Number(file.read(() => file.prepare('PRAGMA page_count').get())?.['page_count'])
  const body = new Uint8Array(10_000)
  await store.put(
    'q',
    Array.from({ length: 2000 }, () => ({ ...message(''), body })),
  )
  const full = pages()
  for (let taken = await take(store, ['q'], 500); taken.length > 0; taken = await take(store, ['q'], 500)) {
    await store.settle(taken)
  }
  await eventually(async () => {
    await clock.advance(1000)
    assert.ok(pages() < full / 2, `${pages()} of ${full} pages`)
  })
})

// Broadcasts reach each subscriber once, and leave nothing behind.
test('broadcasts are forgotten when everybody has got them', async (t) => {
  const { clock, file, open } = await fixture(t)
  const [one, two, producer] = [await open(), await open(), await open()]
  await producer.fanout.publish('x', '', message('to nobody'))
  assert.equal(count(file, 'celeriac_broadcasts'), 0)
  const heard: string[] = []
  const listen = (name: string) => (heard_: StoredMessage) => {
    heard.push(`${name} ${new TextDecoder().decode(heard_.body)}`)
  }
  await one.consuming([])
  const first = await one.fanout.subscribe('x', '', listen('one'))
  await two.fanout.subscribe('x', '', listen('two'))
  await two.fanout.subscribe('y', '', listen('other'))
  await producer.fanout.publish('x', '', message('a'))
  await producer.fanout.publish('x', '', message('old', { expiration: '0' }))
  await eventually(() => heard.length === 2)
  assert.deepEqual(heard.sort(), ['one a', 'two a'])
  await first.cancel()
  await producer.fanout.publish('x', '', message('b'))
  await eventually(() => heard.length === 3)
  assert.equal(heard.at(-1), 'two b')
  await two.consuming(['q'])
  await eventually(async () => {
    await clock.advance(1000)
    assert.equal(count(file, 'celeriac_broadcasts'), 0)
  })
})

// Owners show that they live; who was taken for dead must stop, since others do its work now.
test('the lease is renewed, and losing it ends the store', async (t) => {
  const { clock, file, open } = await fixture(t)
  const store = await open()
  await store.consuming(['q'])
  const lease = (): number =>
    Number(file.read(() => file.prepare('SELECT lease_until FROM celeriac_owners').get())?.['lease_until'])
  const start = clock.now()
  await eventually(async () => {
    await clock.advance(1000)
    assert.ok(lease() > start + 120_000)
  })
  await file.write(() => void file.prepare('DELETE FROM celeriac_owners').run())
  await eventually(async () => {
    await clock.advance(1000)
    assert.notEqual(await Promise.race([store.closed, 'open']), 'open')
  })
  const reason = await store.closed
  assert.ok(reason instanceof ConnectionError && reason.message.includes('no sign of life'))
})

// Nobody is left in the books after a clean end.
test('closing gives everything back and leaves no owner', async (t) => {
  const { file, open } = await fixture(t)
  const store = await open()
  await store.put('q', [message('a')])
  await store.consuming(['q'])
  await take(store, ['q'])
  await store.fanout.subscribe('x', '', () => undefined)
  await store.close()
  await store.close()
  for (const table of ['celeriac_owners', 'celeriac_consumers', 'celeriac_subscribers']) {
    assert.equal(count(file, table), 0, table)
  }
  assert.equal(await (await open()).size('q'), 1)
})

// A worker waits without asking, and wakes at once.
test('a waiting take is woken by put, by restore and by the signal', async (t) => {
  const { open } = await fixture(t)
  const [store, other] = [await open(), await open()]
  const waiting = (signal = NEVER): Promise<readonly Taken[]> =>
    store.take(['q'], { max: 10, signal, wait: true })
  const first = waiting()
  await other.put('q', [message('a')])
  const taken = await first
  assert.deepEqual(texts(taken), ['a'])
  const second = waiting()
  await store.restore(taken, 'front')
  assert.deepEqual(texts(await second), ['a'])
  const abort = new AbortController()
  const third = waiting(abort.signal)
  abort.abort()
  assert.deepEqual(await third, [])
})

test('a postponed message waits in the file until it is due, and belongs to nobody', async (t) => {
  const { clock, file, open } = await fixture(t)
  const store = await open()
  await store.put('q', [message('later'), message('now')])
  const [later, now] = await take(store, ['q'])
  assert.ok(later !== undefined && now !== undefined)
  await store.postpone([{ taken: later, until: clock.now() + 60_000 }])
  await store.settle([now])
  await store.close()
  const other = await open()
  assert.deepEqual(texts(await take(other, ['q'])), [])
  assert.equal(await other.size('q'), 0)
  const waiting = other.take(['q'], { max: 1, signal: NEVER, wait: true })
  await clock.advance(59_000)
  assert.equal(count(file, 'celeriac_postponed'), 1)
  await clock.advance(2_000)
  const [taken] = await waiting
  assert.equal(new TextDecoder().decode(taken?.message.body), 'later')
  assert.deepEqual([taken?.message.redelivered, taken?.message.deliveryCount], [false, 0])
  assert.equal(count(file, 'celeriac_postponed'), 0)
})
