import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { uuid } from '../../src/util/uuid.ts'
import { eventually } from '../support/eventually.ts'
import {
  openTestConnection,
  openTestStore,
  takeNext,
  takeNow,
  textMessage,
  textOf,
} from '../support/redis-store.ts'
import { needs } from '../support/require-server.ts'
import type { RedisServer } from '../support/servers/redis.ts'
import { startRedis } from '../support/servers/redis.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const SEP = '\x06\x16'
const withPriority = (text: string, priority: number) => {
  return textMessage(text, { properties: { contentType: 'text/plain', contentEncoding: 'utf-8', priority } })
}

let shared: Promise<RedisServer> | undefined
let databases = 0
/** A database of its own on one server for all tests of this file. */
async function database(): Promise<string> {
  shared ??= startRedis(undefined, { args: ['--databases', '100'] })
  databases += 1
  return `${(await shared).url}/${databases}`
}

suite('Redis queues', needs('redis-server'), () => {
  test('priorities: the list of the highest step not above, the lowest served first [1-262] [5-102] [5-103] [10-039] [12-004]', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    await store.put(
      'q',
      [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((priority) => withPriority(`${priority}`, priority)),
    )
    const lengths = ['q', `q${SEP}3`, `q${SEP}6`, `q${SEP}9`].map((list) => redis.send('LLEN', list))
    assert.deepEqual(await Promise.all(lengths), [3, 3, 3, 2])
    assert.equal(await store.size('q'), 11)
    assert.deepEqual((await takeNow(store, ['q'])).map(textOf), [
      '2',
      '1',
      '0',
      '5',
      '4',
      '3',
      '8',
      '7',
      '6',
      '10',
      '9',
    ])
  })

  test('other steps and another separator [1-262] [1-263]', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url, { options: { priority_steps: [0, 5], sep: ':' } })
    const redis = await openTestConnection(t, url)
    await store.put('q', [withPriority('a', 4), withPriority('b', 5), textMessage('c')])
    assert.deepEqual([await redis.send('LLEN', 'q'), await redis.send('LLEN', 'q:5')], [2, 1])
    await store.bindings.add('ex', { queue: 'q', routingKey: 'k', pattern: '' })
    assert.deepEqual(await redis.send('SMEMBERS', '_kombu.binding.ex'), ['k::q'])
    assert.deepEqual(store.features.priorities, { levels: 2, lowFirst: true })
  })

  test('what is taken is on record as kombu records it, in the same step, and off it when it is settled [5-107, 5-109]', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    const before = Date.now() / 1000
    await store.put('q', [textMessage('a', { headers: { h: 1 } }), withPriority('b', 9)])
    const envelopes = [await redis.send('LINDEX', 'q', 0), await redis.send('LINDEX', `q${SEP}9`, 0)]
    const taken = await takeNow(store, ['q'])
    const tags = await redis.send('ZRANGE', 'unacked_index', 0, -1)
    assert.ok(Array.isArray(tags) && tags.length === 2)
    const records = await Promise.all(tags.map((tag) => redis.send('HGET', 'unacked', String(tag))))
    assert.deepEqual(
      records,
      envelopes.map((envelope) => `[${envelope}, "", "q"]`),
    )
    const score = Number(await redis.send('ZSCORE', 'unacked_index', String(tags[0])))
    assert.ok(score >= before - 1 && score <= Date.now() / 1000 + 1)
    await store.settle(taken)
    assert.equal(await redis.send('EXISTS', 'unacked', 'unacked_index'), 0)
  })

  test('a requeued message is served last, a restored one next, in the order of their taking [5-105] [5-108] [12-056]', async (t) => {
    const { store } = await openTestStore(t, await database())
    await store.put(
      'q',
      ['a', 'b', 'c', 'd'].map((text) => textMessage(text)),
    )
    const [a, b, c] = await takeNow(store, ['q'], 3)
    assert.ok(a && b && c)
    await store.restore([a], 'back')
    await store.restore([b, c], 'front')
    const again = await takeNow(store, ['q'])
    assert.deepEqual(again.map(textOf), ['b', 'c', 'd', 'a'])
    assert.deepEqual(
      again.map(({ message }) => message.redelivered),
      [true, true, false, true],
    )
    assert.equal(again[0]?.message.headers['redelivered'], true)
  })

  test('a message goes back into the list of its priority, and only once', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    await store.put('q', [withPriority('a', 7)])
    const taken = await takeNow(store, ['q'])
    await Promise.all([
      store.restore(taken, 'front'),
      store.restore(taken, 'front'),
      store.restore(taken, 'back'),
    ])
    assert.equal(await redis.send('LLEN', `q${SEP}6`), 1)
    assert.equal(await store.size('q'), 1)
    assert.equal(await redis.send('EXISTS', 'unacked', 'unacked_index'), 0)
  })

  test('closing restores what is held at once [5-116]', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    await store.put(
      'q',
      ['a', 'b'].map((text) => textMessage(text)),
    )
    await takeNow(store, ['q'])
    await store.close()
    assert.equal(await store.closed, undefined)
    assert.deepEqual(await redis.send('KEYS', '*'), ['q'])
    const { store: other } = await openTestStore(t, url)
    assert.deepEqual((await takeNow(other, ['q'])).map(textOf), ['a', 'b'])
  })

  test('without acknowledgements nothing is recorded [1-264]', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url, { options: { ack_emulation: false } })
    const redis = await openTestConnection(t, url)
    await store.put(
      'q',
      ['a', 'b'].map((text) => textMessage(text)),
    )
    const [a, b] = await takeNow(store, ['q'])
    assert.ok(a && b)
    assert.deepEqual(await redis.send('KEYS', '*'), [])
    await store.settle([a])
    await store.restore([b], 'back')
    assert.deepEqual(
      (await takeNow(store, ['q'])).map(({ message }) => message.redelivered),
      [true],
    )
  })

  test('keys of the record by other names [1-265]', async (t) => {
    const url = await database()
    const names = { unacked_key: 'u', unacked_index_key: 'i', unacked_mutex_key: 'm' }
    const { store } = await openTestStore(t, url, { options: names })
    const redis = await openTestConnection(t, url)
    await store.put('q', [textMessage('a')])
    await takeNow(store, ['q'])
    // The lock, m, is held while it looks for expired messages, as it does at the start.
    await eventually(async () => {
      const keys = await redis.send('KEYS', '*')
      assert.deepEqual(Array.isArray(keys) && keys.map(String).sort(), ['celeriac:consumers', 'i', 'u'])
    })
  })

  test('every key and channel carries the global prefix [1-258] [5-111]', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url, { options: { global_keyprefix: 'pre:' } })
    const redis = await openTestConnection(t, url)
    await store.put('q', [textMessage('a'), withPriority('b', 5)])
    await redis.send('LPUSH', 'pre:q', 'junk')
    await store.declare('expiring', { durable: true, autoDelete: false, arguments: { 'x-expires': 5000 } })
    await store.bindings.add('ex', { queue: 'expiring', routingKey: 'k', pattern: '' })
    await store.bindings.add('ex', { queue: 'q', routingKey: 'k', pattern: '' })
    await takeNext(store, ['q'])
    const { cancel } = await store.fanout.subscribe('fan', 'a.#', () => undefined)
    const keys = await redis.send('KEYS', '*')
    assert.ok(Array.isArray(keys) && keys.length >= 7, String(keys))
    for (const key of keys) assert.match(String(key), /^pre:/)
    assert.equal(await redis.send('PUBLISH', `pre:/${url.split('/').at(-1)}.fan/a.b`, 'x'), 1)
    await cancel()
  })

  test('what is no message is put aside and said, and others are not kept from their consumer', async (t) => {
    const url = await database()
    const { store, warnings } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    await store.put('q', [textMessage('a')])
    await redis.send('LPUSH', 'q', 'no json', '{"body": broken', '[1]')
    await store.put('q', [textMessage('b')])
    assert.deepEqual((await takeNow(store, ['q'])).map(textOf), ['a', 'b'])
    const aside = await redis.send('LRANGE', 'celeriac:dead:q', 0, -1)
    assert.deepEqual(
      Array.isArray(aside) && aside.map(String).sort(),
      ['[1]', 'no json', '{"body": broken'].sort(),
    )
    assert.equal(await redis.send('HLEN', 'unacked'), 2)
    assert.match(warnings.join('\n'), /2 item\(s\) of queue "q" .* put aside into the list "celeriac:dead:q"/)
  })

  test('a key that is no list fails the taking, and loses nothing', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    await redis.send('SET', 'q', 'x')
    await assert.rejects(takeNow(store, ['q']), /WRONGTYPE.*something else uses that key/)
    await store.put('other', [textMessage('a')])
    assert.deepEqual((await takeNow(store, ['q', 'other'])).map(textOf), ['a'])
  })

  test('what cannot be recorded stays in its queue', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    await store.put(
      'q',
      ['a', 'b', 'c'].map((text) => textMessage(text)),
    )
    await redis.send('SET', 'unacked', 'x')
    await assert.rejects(takeNow(store, ['q']), /WRONGTYPE/)
    await redis.send('DEL', 'unacked')
    assert.equal(await redis.send('EXISTS', 'unacked_index'), 0)
    assert.deepEqual((await takeNow(store, ['q'])).map(textOf), ['a', 'b', 'c'])
  })

  test('large batches go through in one piece', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    const texts = Array.from({ length: 5000 }, (_, index) => `${index}`)
    await store.put(
      'q',
      texts.map((text) => textMessage(text)),
    )
    const taken = await takeNow(store, ['q'], 5000)
    assert.deepEqual(taken.map(textOf), texts)
    assert.equal(await redis.send('HLEN', 'unacked'), 5000)
    await store.lease.renew(taken)
    await store.settle(taken.slice(0, 2500))
    await store.restore(taken.slice(2500), 'front')
    assert.equal(await redis.send('EXISTS', 'unacked', 'unacked_index'), 0)
    assert.deepEqual((await takeNow(store, ['q'], 5000)).map(textOf), texts.slice(2500))
  })

  test('size, purge, remove, exists [5-112]', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    await store.put('q', [textMessage('a'), withPriority('b', 9), textMessage('c')])
    assert.equal(await store.exists('q'), true)
    assert.equal(await store.size('q'), 3)
    assert.equal(await store.purge('q'), 3)
    assert.equal(await store.exists('q'), false)
    await store.put('q', [withPriority('b', 9)])
    await store.remove('q')
    assert.deepEqual(await redis.send('KEYS', '*'), [])
  })

  test('a queue with x-expires goes when nobody uses it, bindings get a deadline [1-277] [5-114]', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    await store.declare('q', { durable: true, autoDelete: false, arguments: { 'x-expires': 60_000 } })
    await store.put('q', [textMessage('a'), textMessage('b')])
    const ttl = async (): Promise<number> => Number(await redis.send('PTTL', 'q'))
    assert.ok((await ttl()) > 55_000)
    await redis.send('PEXPIRE', 'q', 50_000)
    await takeNow(store, ['q'], 1)
    assert.ok((await ttl()) > 55_000)
    await store.bindings.add('ex', { queue: 'q', routingKey: 'q', pattern: '' })
    const deadline = Number(await redis.send('ZSCORE', '_kombu.binding_deadlines', 'ex'))
    assert.ok(deadline > Date.now() + 3_500_000)
    assert.equal(await redis.send('EXISTS', '_kombu.binding_permanent.ex'), 0)
    await redis.send('ZADD', '_kombu.binding_deadlines', 1, 'ex', 1, 'gone')
    await redis.send('SADD', '_kombu.binding.gone', 'x')
    await store.bindings.refresh(['q'])
    assert.equal(await redis.send('EXISTS', '_kombu.binding.gone'), 0)
    assert.equal(await redis.send('SCARD', '_kombu.binding.ex'), 1)
    await store.declare('q', { durable: true, autoDelete: false, arguments: {} })
    await redis.send('PERSIST', 'q')
    await store.put('q', [textMessage('c')])
    assert.equal(await ttl(), -1)
  })

  // Channels of one connection take from different queues: whoever waited last was the only one that was thought of.
  test('all expiring queues that are consumed are kept, whichever are taken from last', async (t) => {
    const url = await database()
    const clock = new VirtualClock()
    // The server does not know that time flies: it would be late with its answer.
    const { store } = await openTestStore(t, url, { clock, options: { health_check_interval: 0 } })
    const redis = await openTestConnection(t, url)
    await store.declare('q', { durable: true, autoDelete: false, arguments: { 'x-expires': 60_000 } })
    await store.bindings.add('ex', { queue: 'q', routingKey: 'q', pattern: '' })
    await store.put('q', [textMessage('a')])
    await store.put('other', [textMessage('b')])
    await store.consuming(['q', 'other'])
    assert.equal((await takeNext(store, ['other'])).length, 1)
    await redis.send('ZADD', '_kombu.binding_deadlines', 1, 'ex')
    await redis.send('PERSIST', 'q')
    await clock.advance(60_000)
    await eventually(async () => {
      assert.ok(Number(await redis.send('PTTL', 'q')) > 0)
      assert.ok(Number(await redis.send('ZSCORE', '_kombu.binding_deadlines', 'ex')) > 1)
    })
  })

  // Remote control of an app named so would be deaf.
  test('broadcasts are heard whatever is in the names', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url, { options: { global_keyprefix: 'a[1]*' } })
    const heard: string[] = []
    for (const [exchange, key] of [
      ['all\\[x]?*', ''],
      ['some', 'k[1]?.*'],
    ] as const) {
      await store.fanout.subscribe(exchange, key, ({ body }) => heard.push(Buffer.from(body).toString()))
    }
    await store.fanout.publish('all\\[x]?*', 'k', textMessage('a'))
    await store.fanout.publish('all\\[x]?*', '', textMessage('b'))
    await store.fanout.publish('all\\xyz', '', textMessage('others'))
    await store.fanout.publish('some', 'k1x.y', textMessage('others'))
    await store.fanout.publish('some', 'k[1]?.y', textMessage('c'))
    await eventually(() => assert.deepEqual(heard, ['a', 'b', 'c']))
  })

  test('bindings are kept as kombu keeps them and go with their queue [5-106]', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    await store.bindings.add('ex', { queue: 'q', routingKey: 'k', pattern: '' })
    await store.bindings.add('ex', { queue: 'p', routingKey: 'a.*', pattern: '^a\\..*?[^\\.]$' })
    const members = await redis.send('SMEMBERS', '_kombu.binding.ex')
    assert.deepEqual(Array.isArray(members) && members.map(String).sort(), [
      `a.*${SEP}^a\\..*?[^\\.]$${SEP}p`,
      `k${SEP}${SEP}q`,
    ])
    assert.equal((await store.bindings.list('ex')).length, 2)
    await store.bindings.removeQueue('p')
    assert.deepEqual(await store.bindings.list('ex'), [{ queue: 'q', routingKey: 'k', pattern: '' }])
    await store.bindings.remove('ex', { queue: 'q', routingKey: 'k', pattern: '' })
    assert.deepEqual(await redis.send('KEYS', '*'), [])
  })

  test('in which order queues are served [1-261] [5-104]', async (t) => {
    const orderOf = async (strategy: string): Promise<string[]> => {
      const { store } = await openTestStore(t, await database(), {
        options: { queue_order_strategy: strategy },
      })
      const queues = ['b', 'a', 'c']
      for (const queue of queues)
        await store.put(
          queue,
          [1, 2].map((number) => textMessage(`${queue}${number}`)),
        )
      const order: string[] = []
      for (let index = 0; index < 6; index += 1) order.push(...(await takeNow(store, queues, 1)).map(textOf))
      return order
    }
    assert.deepEqual(await orderOf('round_robin'), ['b1', 'a1', 'c1', 'b2', 'a2', 'c2'])
    assert.deepEqual(await orderOf('priority'), ['b1', 'b2', 'a1', 'a2', 'c1', 'c2'])
    assert.deepEqual(await orderOf('sorted'), ['a1', 'a2', 'b1', 'b2', 'c1', 'c2'])
  })

  test('all queues of a priority come before those of the next [5-104]', async (t) => {
    const { store } = await openTestStore(t, await database())
    await store.put('a', [withPriority('a9', 9), withPriority('a0', 0)])
    await store.put('b', [withPriority('b3', 3), withPriority('b0', 0)])
    assert.deepEqual((await takeNow(store, ['a', 'b'])).map(textOf), ['a0', 'b0', 'b3', 'a9'])
  })

  test('consumers who compete lose nothing and share nothing', async (t) => {
    const url = await database()
    const stores = await Promise.all([1, 2, 3].map(async () => (await openTestStore(t, url)).store))
    const [producer] = stores
    assert.ok(producer)
    const total = 3000
    const stop = new AbortController()
    const got: string[] = []
    const consume = async (store: (typeof stores)[number]): Promise<void> => {
      while (!stop.signal.aborted) {
        const taken = await store.take(['q'], { max: 7, signal: stop.signal, wait: true })
        got.push(...taken.map(textOf))
        // Every tenth comes back once.
        const back = taken.filter(({ message }, index) => index === 3 && !message.redelivered)
        for (const each of back) got.splice(got.lastIndexOf(textOf(each)), 1)
        await store.restore(back, 'back')
        await store.settle(taken.filter((each) => !back.includes(each)))
      }
    }
    const consumers = stores.map(consume)
    for (let from = 0; from < total; from += 100) {
      await producer.put(
        'q',
        Array.from({ length: 100 }, (_, index) => textMessage(`${from + index}`)),
      )
    }
    await eventually(() => got.length >= total)
    stop.abort()
    await Promise.all(consumers)
    assert.equal(new Set(got).size, total)
    assert.equal(got.length, total)
    assert.equal(await producer.size('q'), 0)
  })

  test('a waiting take ends with the signal, and takes nothing then', async (t) => {
    const { store } = await openTestStore(t, await database())
    const stop = new AbortController()
    const waiting = store.take(['q'], { max: 1, signal: stop.signal, wait: true })
    stop.abort()
    assert.deepEqual(await waiting, [])
    await store.put('q', [textMessage('a')])
    assert.equal(await store.size('q'), 1)
  })

  test('the connection has the name that was asked for, with the id of the consumer [1-273]', async (t) => {
    const url = await database()
    const { store } = await openTestStore(t, url, { options: { client_name: `my name ${uuid()}` } })
    const redis = await openTestConnection(t, url)
    await eventually(async () =>
      assert.match(String(await redis.send('CLIENT', 'LIST')), /name=my_name_[-0-9a-f]{36} /),
    )
    await takeNow(store, ['q'])
    assert.match(String(await redis.send('CLIENT', 'LIST')), /name=my_name_[-0-9a-f]{36}#[-0-9a-f]{36} /)
  })
})
