import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { RedisStore } from '../../src/messaging/transports/redis/redis-store.ts'
import type { RedisConnection } from '../../src/util/redis/redis-connection.ts'
import { eventually } from '../support/eventually.ts'
import type { TestStore } from '../support/redis-store.ts'
import {
  openTestConnection,
  openTestStore,
  takeNext,
  takeNow,
  textMessage,
  textOf,
} from '../support/redis-store.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

/** Longer than a test may take: what comes before that came without polling. */
const NO_POLLING = { polling_interval: 600 }

/** Users who may do less and less. */
const USERS = {
  tracking: '+@all',
  blocking: '+@all -client|tracking',
  polling: '+@all -client|tracking -blmove',
}

async function urlsOf(
  t: Parameters<typeof startRedis>[0],
): Promise<Readonly<Record<keyof typeof USERS, string>>> {
  const server = await startRedis(t)
  for (const [name, rights] of Object.entries(USERS)) {
    await server.command(`ACL SETUSER ${name} on >secret ~* &* ${rights}`)
  }
  const url = (name: string): string => server.url.replace('://', `://${name}:secret@`)
  return { tracking: url('tracking'), blocking: url('blocking'), polling: url('polling') }
}

const withPriority = (text: string, priority: number) => textMessage(text, { properties: { priority } })

/** How many scripts have run so far: each look at queues is one. */
async function looks(redis: RedisConnection): Promise<number> {
  const info = String(await redis.send('INFO', 'commandstats'))
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0)
}

/** Replies of one connection come in order: who was to look at its queues has looked after these. */
async function roundTrips(store: RedisStore): Promise<void> {
  for (let index = 0; index < 5; index += 1) await store.size('q')
}

suite('waiting for messages in Redis', needs('redis-server'), () => {
  for (const mode of ['tracking', 'blocking'] as const) {
    test(`a message wakes who waits, without polling (${mode}) [1-275]`, { timeout: 240_000 }, async (t) => {
      const urls = await urlsOf(t)
      const { store, warnings } = await openTestStore(t, urls[mode], { options: NO_POLLING })
      const { store: producer } = await openTestStore(t, urls.tracking)
      const redis = await openTestConnection(t, urls.tracking)
      for (const text of ['a', 'b', 'c']) {
        const looked = await looks(redis)
        const waiting = takeNext(store, ['p', 'q'])
        // Once it was told of a message, it knows without another look that there is no more.
        if (text === 'a' || mode === 'blocking') await eventually(async () => (await looks(redis)) > looked)
        else await roundTrips(store)
        if (mode === 'blocking') {
          await eventually(async () => String(await redis.send('CLIENT', 'LIST')).includes('cmd=blmove'))
        }
        await producer.put('q', [textMessage(text)])
        const taken = await waiting
        assert.deepEqual(taken.map(textOf), [text])
        await store.settle(taken)
      }
      assert.equal(warnings.length, mode === 'tracking' ? 0 : 1, warnings.join('\n'))
    })

    test(`waiting takes nothing and keeps the order (${mode})`, { timeout: 240_000 }, async (t) => {
      const urls = await urlsOf(t)
      const { store } = await openTestStore(t, urls[mode], { options: NO_POLLING })
      const redis = await openTestConnection(t, urls.tracking)
      const { store: producer } = await openTestStore(t, urls.tracking)
      const stop = new AbortController()
      const waiting = store.take(['q'], { max: 2, signal: stop.signal, wait: true })
      stop.abort()
      assert.deepEqual(await waiting, [])
      await producer.put(
        'q',
        ['a', 'b', 'c'].map((text) => textMessage(text)),
      )
      // The wait that was given up may be on its way yet; whatever it does, everything stays where it is.
      await eventually(async () => assert.equal(await redis.send('LLEN', 'q'), 3))
      const first = await takeNext(store, ['q'], 2)
      const second = await takeNext(store, ['q'], 2)
      assert.deepEqual([...first, ...second].map(textOf), ['a', 'b', 'c'])
    })
  }

  test('a message of any priority wakes (tracking)', { timeout: 240_000 }, async (t) => {
    const { tracking } = await urlsOf(t)
    const { store } = await openTestStore(t, tracking, { options: NO_POLLING })
    for (const priority of [9, 3, 0, 6]) {
      const waiting = takeNext(store, ['q'])
      await store.put('q', [withPriority(`${priority}`, priority)])
      assert.deepEqual((await waiting).map(textOf), [`${priority}`])
    }
  })

  test('with a connection for each list, lower priorities are waited for once they are used', {
    timeout: 240_000,
  }, async (t) => {
    const { blocking } = await urlsOf(t)
    const { store } = await openTestStore(t, blocking, { options: NO_POLLING })
    await store.put('q', [withPriority('a', 9)])
    assert.deepEqual((await takeNext(store, ['q'])).map(textOf), ['a'])
    const waiting = takeNext(store, ['q'])
    await store.put('q', [withPriority('b', 9)])
    assert.deepEqual((await waiting).map(textOf), ['b'])
  })

  test('a full consumer does not spin while messages wait', { timeout: 240_000 }, async (t) => {
    const urls = await urlsOf(t)
    for (const mode of ['tracking', 'blocking'] as const) {
      const { store } = await openTestStore(t, urls[mode], { options: NO_POLLING })
      const redis = await openTestConnection(t, urls.tracking)
      await store.put(
        'q',
        ['a', 'b', 'c'].map((text) => textMessage(text)),
      )
      await takeNext(store, ['q'], 1)
      const before = await looks(redis)
      for (let index = 0; index < 50; index += 1) await redis.send('PING')
      assert.ok((await looks(redis)) - before <= 2)
      await store.close()
      await redis.send('FLUSHDB')
    }
  })

  test('the last resort is to look now and then, and why is said', { timeout: 240_000 }, async (t) => {
    const { polling, tracking } = await urlsOf(t)
    const { store, warnings } = await openTestStore(t, polling, { options: { polling_interval: 0.05 } })
    const { store: producer } = await openTestStore(t, tracking)
    const waiting = takeNext(store, ['q'])
    await eventually(() => warnings.length === 2)
    await producer.put('q', [textMessage('a')])
    assert.deepEqual((await waiting).map(textOf), ['a'])
    assert.match(warnings.join('\n'), /client tracking.*NOPERM.*\n.*BLMOVE.*every 50 ms.*NOPERM/)
  })

  test('connections to wait with are limited [1-271]', { timeout: 240_000 }, async (t) => {
    const urls = await urlsOf(t)
    const options = { max_connections: 3, polling_interval: 0.05, client_name: 'limited' }
    const { store } = await openTestStore(t, urls.blocking, { options })
    const redis = await openTestConnection(t, urls.tracking)
    const waiting = takeNext(store, ['a', 'b', 'c'])
    await eventually(async () => {
      assert.match(String(await redis.send('CLIENT', 'LIST')), /cmd=blmove user=blocking/)
    })
    const clients = String(await redis.send('CLIENT', 'LIST'))
    assert.equal(clients.split('user=blocking').length - 1, 3)
    await store.put('c', [textMessage('x')])
    assert.deepEqual((await waiting).map(textOf), ['x'])
  })

  test('the silence of a server that has never told of anything proves nothing', {
    timeout: 20_000,
  }, async (t) => {
    const { url } = await startRedis(t)
    const proxy = await startTcpProxy(t, Number(new URL(url).port))
    const { store } = await openTestStore(t, proxy.through(url), { options: NO_POLLING })
    const { store: producer } = await openTestStore(t, url)
    await producer.put('q', [textMessage('a')])
    assert.deepEqual((await takeNext(store, ['q'])).map(textOf), ['a'])
    // The second connection is the one that hears of changes.
    assert.equal(proxy.connections, 2)
    proxy.stallOne(1)
    await producer.put('q', [textMessage('b')])
    assert.deepEqual((await takeNext(store, ['q'])).map(textOf), ['b'])
    proxy.cut()
    await store.closed
  })

  test('what was found empty together with the last messages is not asked again', {
    timeout: 20_000,
  }, async (t) => {
    const { url } = await startRedis(t)
    const { store } = await openTestStore(t, url, { options: NO_POLLING })
    const { store: producer } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    // What else is done by scripts, such as signs of life, may come between.
    await eventually(async () => {
      await producer.put('q', [textMessage('a')])
      await store.settle(await takeNext(store, ['q']))
      const looked = await looks(redis)
      const stop = new AbortController()
      const waiting = store.take(['q'], { max: 1, signal: stop.signal, wait: true })
      await roundTrips(store)
      const after = await looks(redis)
      stop.abort()
      await store.settle(await waiting)
      assert.equal(after, looked)
    })
  })

  test('a word of the server that gets lost delays a message by no more than polling_interval [1-251]', {
    timeout: 20_000,
  }, async (t) => {
    const { url } = await startRedis(t)
    const proxy = await startTcpProxy(t, Number(new URL(url).port))
    const { store } = await openTestStore(t, proxy.through(url), { options: { polling_interval: 0.05 } })
    const { store: producer } = await openTestStore(t, url)
    await producer.put('q', [textMessage('a')])
    await takeNext(store, ['q'])
    const waiting = takeNext(store, ['q'])
    await roundTrips(store)
    await producer.put('q', [textMessage('b')])
    assert.deepEqual((await waiting).map(textOf), ['b'])
    proxy.stallOne(1)
    for (const text of ['c', 'd']) {
      await producer.put('q', [textMessage(text)])
      assert.deepEqual((await takeNext(store, ['q'])).map(textOf), [text])
    }
    proxy.cut()
    await store.closed
  })

  test('many consumers who wait are all woken, and one gets the message', { timeout: 240_000 }, async (t) => {
    const { tracking } = await urlsOf(t)
    const stores: TestStore[] = []
    for (let index = 0; index < 5; index += 1)
      stores.push(await openTestStore(t, tracking, { options: NO_POLLING }))
    const stop = new AbortController()
    const waiting = stores.map(({ store }) => store.take(['q'], { max: 5, signal: stop.signal, wait: true }))
    const [first] = stores
    await first?.store.put('q', [textMessage('a')])
    const winner = await Promise.race(waiting)
    assert.deepEqual(winner.map(textOf), ['a'])
    await first?.store.put('q', [textMessage('b')])
    await eventually(async () => assert.equal(await first?.store.size('q'), 0))
    stop.abort()
    assert.deepEqual((await Promise.all(waiting)).flat().map(textOf).sort(), ['a', 'b'])
    assert.deepEqual(await takeNow(stores[1]?.store ?? assert.fail(), ['q']), [])
  })
})
