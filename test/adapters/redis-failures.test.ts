import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ConnectionError } from '../../src/errors.ts'
import { Inheritance } from '../../src/messaging/transports/redis/inheritance.ts'
import { uuid } from '../../src/util/uuid.ts'
import { eventually, eventuallyValue } from '../support/eventually.ts'
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
import { startSentinel } from '../support/servers/sentinel.ts'
import { startProcess } from '../support/spawn.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const HOLDER = fileURLToPath(new URL('../support/redis-holder.ts', import.meta.url))
/** Looks for expired messages all the time. */
const EAGER = { unacked_restore_interval: 0.1, unacked_restore_throttle: 1 }

suite('Redis and what goes wrong', needs('redis-server'), () => {
  test('messages of a killed consumer are restored within seconds, in their order', {
    timeout: 240_000,
  }, async (t) => {
    const { url } = await startRedis(t)
    const { store, warnings } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    const texts = Array.from({ length: 25 }, (_, index) => `${index}`)
    await store.put(
      'q',
      texts.map((text) => textMessage(text)),
    )
    const holder = startProcess(process.execPath, [HOLDER, url, 'q', '25'], { t })
    await holder.waitForOutput(/holding 25/)
    assert.equal(await store.size('q'), 0)
    await holder.kill()
    // The time limit of the test is far below the visibility timeout, which is an hour.
    const taken = await takeNext(store, ['q'])
    assert.deepEqual(taken.map(textOf), texts)
    assert.ok(taken.every(({ message }) => message.redelivered))
    // It is told, and forgotten, after its messages are back.
    await eventually(() => assert.match(warnings.join('\n'), /A consumer is gone .*25 message\(s\)/))
    await store.settle(taken)
    assert.equal(await redis.send('ZCARD', 'celeriac:consumers'), 1)
    assert.equal(await redis.send('EXISTS', 'unacked', 'unacked_index'), 0)
  })

  test('a silent consumer is not dead as long as it is connected', { timeout: 240_000 }, async (t) => {
    const { url } = await startRedis(t)
    const { store: busy } = await openTestStore(t, url)
    const { store: other } = await openTestStore(t, url)
    const redis = await openTestConnection(t, url)
    await busy.put('q', [textMessage('a')])
    await takeNow(busy, ['q'])
    const [id] = [await redis.send('ZRANGE', 'celeriac:consumers', 0, -1)].flat().map(String)
    assert.ok(id)
    const gone = uuid()
    await redis.send('ZADD', 'celeriac:consumers', 1, id, 2, gone)
    await takeNow(other, ['q'])
    // Whoever looks for the two first finds that one is gone and the other one is there.
    await eventually(async () => assert.equal(await redis.send('ZSCORE', 'celeriac:consumers', gone), null))
    assert.equal(await redis.send('HLEN', 'unacked'), 1)
    assert.equal(await other.size('q'), 0)
  })

  test('who may not list connections relies on the visibility timeout, and says so', {
    timeout: 240_000,
  }, async (t) => {
    const server = await startRedis(t)
    await server.command('ACL SETUSER shy on >secret ~* &* +@all -client|list')
    const { store, warnings } = await openTestStore(t, server.url.replace('://', '://shy:secret@'))
    const redis = await openTestConnection(t, server.url)
    await takeNow(store, ['q'])
    await redis.send('ZADD', 'celeriac:consumers', 1, 'somebody')
    await eventually(() => assert.match(warnings.join('\n'), /cannot be named or listed.*visibility_timeout/))
    await store.put('q', [textMessage('a')])
    assert.equal((await takeNow(store, ['q'])).length, 1)
  })

  test('a renewed lease keeps a message from being given to others [1-257] [1-268] [1-269]', {
    timeout: 240_000,
  }, async (t) => {
    const { url } = await startRedis(t)
    const options = { ...EAGER, visibility_timeout: 2 }
    const { store: holder } = await openTestStore(t, url, { options })
    const { store: other } = await openTestStore(t, url, { options })
    assert.equal(holder.lease.everyMs, 2000 / 3)
    await holder.put(
      'q',
      ['kept', 'lost'].map((text) => textMessage(text)),
    )
    const [kept, lost] = await takeNow(holder, ['q'])
    assert.ok(kept && lost)
    const renewal = setInterval(() => void holder.lease.renew([kept]), holder.lease.everyMs)
    t.after(() => clearInterval(renewal))
    const [restored] = await takeNext(other, ['q'])
    assert.deepEqual([restored && textOf(restored), restored?.message.redelivered], ['lost', true])
    // The lease of the other one would have run out twice by the time that this one's does again.
    await eventually(async () => assert.equal((await takeNow(other, ['q'])).map(textOf).join(), 'lost'))
    await holder.settle([kept])
    assert.deepEqual(await takeNow(other, ['q']), [])
  })

  test('expired messages of Python go where they were published to [5-108]', {
    timeout: 240_000,
  }, async (t) => {
    const { url } = await startRedis(t)
    const redis = await openTestConnection(t, url)
    const envelope = (n: number) =>
      `{"body": "${Buffer.from(`${n}`).toString('base64')}", "headers": {"big": 12345678901234567890}, "properties": ` +
      `{"priority": ${n}, "delivery_info": {"exchange": "ex"}, "body_encoding": "base64", "delivery_tag": "t${n}"}}`
    const hold = async (tag: string, record: string): Promise<void> => {
      await redis.send('HSET', 'unacked', tag, record)
      await redis.send('ZADD', 'unacked_index', 1000, tag)
    }
    await redis.send(
      'SADD',
      '_kombu.binding.ex',
      'k\x06\x16\x06\x16bound',
      'a.#\x06\x16^a\\..*?$\x06\x16topic',
    )
    await hold('t3', `[${envelope(3)}, "ex", "k"]`)
    await hold('t0', `[${envelope(0)}, "", "plain}, \\"q\\u00f6"]`)
    await hold('t9', `[${envelope(9)}, "ex", "a.b.c"]`)
    await hold('t5', `[${envelope(5)}, "ex", "nobody"]`)
    await hold('junk', 'not json')
    await redis.send('ZADD', 'unacked_index', 1000, 'orphan')
    const { store, warnings } = await openTestStore(t, url)
    await takeNow(store, ['q'])
    await eventually(async () =>
      assert.equal(await redis.send('EXISTS', 'unacked', 'unacked_index', 'unacked_mutex'), 0),
    )
    const marked = (n: number) =>
      envelope(n)
        .replace('"headers": {', '"headers": {"redelivered": true, ')
        .replace(
          '"delivery_info": {',
          '"delivery_info": {"celeriac_delivery_count": 1, "redelivered": true, ',
        )
    assert.equal(await redis.send('LPOP', 'bound\x06\x163'), marked(3))
    assert.equal(await redis.send('LPOP', 'plain}, "qö'), marked(0))
    assert.equal(await redis.send('LPOP', 'topic\x06\x169'), marked(9))
    assert.equal(await redis.send('LPOP', 'celeriac:dead:nobody'), envelope(5))
    assert.equal(await redis.send('LPOP', 'celeriac:dead:unacked'), 'not json')
    assert.match(warnings.join('\n'), /Nothing is bound to ex for nobody/)
  })

  test('nobody restores while another one holds the lock [1-265] [1-266]', {
    timeout: 240_000,
  }, async (t) => {
    const { url } = await startRedis(t)
    const redis = await openTestConnection(t, url)
    await redis.send('SET', 'unacked_mutex', 'python')
    await redis.send('HSET', 'unacked', 't', '[{"body": "", "properties": {}}, "", "q"]')
    await redis.send('ZADD', 'unacked_index', 1000, 't')
    const { store } = await openTestStore(t, url, { options: { ...EAGER, unacked_mutex_expire: 7 } })
    await takeNow(store, ['q'])
    for (let index = 0; index < 20; index += 1) await redis.send('PING')
    assert.equal(await redis.send('HLEN', 'unacked'), 1)
    assert.equal(await redis.send('GET', 'unacked_mutex'), 'python')
    await redis.send('DEL', 'unacked_mutex')
    assert.equal((await takeNext(store, ['q'])).length, 1)
  })

  test('as many are restored at a time as may be [1-267]', { timeout: 240_000 }, async (t) => {
    const { url } = await startRedis(t)
    const redis = await openTestConnection(t, url)
    for (let index = 0; index < 250; index += 1) {
      await redis.send('HSET', 'unacked', `t${index}`, `[{"body": "${index}", "properties": {}}, "", "q"]`)
      await redis.send('ZADD', 'unacked_index', index + 1, `t${index}`)
    }
    const { store } = await openTestStore(t, url, { options: { unacked_restore_limit: 120 } })
    await takeNow(store, ['other'])
    await eventually(async () => assert.equal(await store.size('q'), 120))
    assert.equal(await redis.send('HLEN', 'unacked'), 130)
    // kombu begins with the latest; of these the earliest is served first.
    assert.deepEqual((await takeNow(store, ['q'], 2)).map(textOf), ['130', '131'])
  })

  test('a lost connection closes the store and rejects what is under way', {
    timeout: 240_000,
  }, async (t) => {
    const server = await startRedis(t)
    const { store } = await openTestStore(t, server.url)
    // It may end before the store says so, or not fail at all.
    const waiting = takeNext(store, ['q']).catch((error: unknown) =>
      assert.ok(error instanceof ConnectionError),
    )
    await eventually(async () => String(await server.command('CLIENT LIST')).includes('sub=1'))
    await server.kill()
    const reason = await store.closed
    assert.ok(reason instanceof ConnectionError)
    assert.equal(reason.recoverable, true)
    await waiting
    await assert.rejects(store.put('q', [textMessage('a')]), ConnectionError)
    await assert.rejects(takeNow(store, ['q']), ConnectionError)
    await store.close()
  })

  test('a connection that carries nothing any more is noticed [1-272]', { timeout: 240_000 }, async (t) => {
    const server = await startRedis(t)
    const proxy = await startTcpProxy(t, server.port)
    const { store } = await openTestStore(t, proxy.through(server.url), {
      options: { health_check_interval: 0.2 },
    })
    await store.put('q', [textMessage('a')])
    proxy.stall()
    assert.match(String(await store.closed), /ConnectionError: .*does not answer \(health_check_interval\)/)
  })

  test('a reply that is overdue ends the connection [1-270]', { timeout: 240_000 }, async (t) => {
    const server = await startRedis(t)
    const proxy = await startTcpProxy(t, server.port)
    const { store } = await openTestStore(t, proxy.through(server.url), { options: { socket_timeout: 0.2 } })
    proxy.stall()
    await assert.rejects(store.put('q', [textMessage('a')]), /Socket timeout/)
    assert.ok((await store.closed) instanceof ConnectionError)
  })

  test('a server without memory says so, and the store lives on', { timeout: 240_000 }, async (t) => {
    const server = await startRedis(t, { args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] })
    const { store } = await openTestStore(t, server.url)
    const large = textMessage('x'.repeat(500_000))
    await assert.rejects(async () => {
      for (let index = 0; index < 20; index += 1) await store.put('q', [large])
    }, /OOM.*maxmemory/)
    const taken = await takeNow(store, ['q'], 1)
    assert.equal(taken.length, 1)
    await store.settle(taken)
  })

  test('a server that may evict queues is warned of [5-115] [11-025]', { timeout: 240_000 }, async (t) => {
    const server = await startRedis(t, { args: ['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru'] })
    const { store, warnings } = await openTestStore(t, server.url)
    await takeNow(store, ['q'])
    await eventually(() => assert.match(warnings.join(), /maxmemory-policy allkeys-lru/))
  })

  test('sentinel: the master is found, and after a failover the new one [1-278] [1-279] [1-280]', {
    timeout: 240_000,
  }, async (t) => {
    const cluster = await startSentinel(t)
    const options = {
      master_name: cluster.masterName,
      min_other_sentinels: 0,
      sentinel_kwargs: { password: undefined },
    }
    const url = `sentinel://127.0.0.1:1;${cluster.url}`
    const { store } = await openTestStore(t, url, { options })
    await store.put('q', [textMessage('a')])
    await eventually(async () => assert.equal((await cluster.replica.command('LLEN q'))[0], '1'))
    await cluster.failOver()
    assert.ok((await store.closed) instanceof ConnectionError)
    // The sentinels need a moment to believe in the new master.
    const { store: next } = await eventuallyValue(() => openTestStore(t, url, { options }))
    assert.deepEqual((await takeNow(next, ['q'])).map(textOf), ['a'])
    await assert.rejects(
      openTestStore(t, url, { options: { ...options, min_other_sentinels: 2 } }),
      /knows 0 others, and min_other_sentinels is 2/,
    )
    await assert.rejects(
      openTestStore(t, url, { options: { master_name: 'nobody' } }),
      /No sentinel knows .*"nobody"/,
    )
  })

  test('what a broken connection held goes to the next one, queue by queue [7-102]', {
    timeout: 240_000,
  }, async (t) => {
    const { url } = await startRedis(t)
    const proxy = await startTcpProxy(t, Number(new URL(url).port))
    const inheritance = new Inheritance()
    const { store } = await openTestStore(t, proxy.through(url), { inheritance })
    for (const queue of ['a', 'b', 'c']) await store.put(queue, [textMessage(queue)])
    for (const queue of ['a', 'b', 'c']) await takeNow(store, [queue])
    proxy.cut()
    await store.closed
    const { store: next } = await openTestStore(t, proxy.through(url), { inheritance })
    // One who only looks does not work on anything.
    assert.deepEqual((await takeNow(next, ['a'])).map(textOf), [])
    const redelivered = async (queues: readonly string[]): Promise<readonly string[]> => {
      const taken = await takeNext(next, queues)
      return taken.map((message) => `${textOf(message)} ${message.message.redelivered}`)
    }
    assert.deepEqual(await redelivered(['b']), ['b true'])
    assert.deepEqual((await redelivered(['a', 'b', 'c'])).toSorted(), ['a true', 'c true'])
    const redis = await openTestConnection(t, url)
    assert.equal(await redis.send('HLEN', 'unacked'), 3)
  })

  // After an outage everybody connects again, but not at the same moment: Celery pauses for up to 32 seconds.
  test('who connects again takes nobody for dead who is later', { timeout: 240_000 }, async (t) => {
    const { url } = await startRedis(t)
    const redis = await openTestConnection(t, url)
    const proxy = await startTcpProxy(t, Number(new URL(url).port))
    const [early, late] = [new Inheritance(), new Inheritance()]
    const { store: one } = await openTestStore(t, proxy.through(url), { inheritance: early })
    const { store: other } = await openTestStore(t, proxy.through(url), { inheritance: late })
    await other.put('q', [textMessage('a')])
    await takeNow(other, ['q'])
    proxy.cut()
    await Promise.all([one.closed, other.closed])
    const [lost] = [await redis.send('ZRANGE', 'celeriac:consumers', 0, -1)].flat().map(String)
    const clock = new VirtualClock()
    const options = { health_check_interval: 0 }
    const { store } = await openTestStore(t, url, { inheritance: early, clock, options })
    await takeNow(store, ['other'])
    // A timer for each of: signs of life, leases, bindings.
    const pass = async (seconds: number): Promise<void> => {
      for (let at = 0; at < seconds; at += 2) {
        await eventually(() => assert.equal(clock.pending, 3))
        // It has been silent since the connections broke.
        await redis.send('ZADD', 'celeriac:consumers', 'XX', 1, lost ?? '')
        await clock.advance(2000)
      }
    }
    await pass(36)
    await eventually(() => assert.equal(clock.pending, 3))
    assert.equal(await store.size('q'), 0)
    const { store: back } = await openTestStore(t, url, { inheritance: late })
    assert.deepEqual((await takeNext(back, ['q'])).map(textOf), ['a'])
    // Whoever does not come back by then is dead.
    await redis.send('HSET', 'unacked', 'celeriac:gone:1', '[{"body": "", "properties": {}}, "", "q"]')
    await redis.send('ZADD', 'unacked_index', Date.now() / 1000, 'celeriac:gone:1')
    await redis.send('ZADD', 'celeriac:consumers', 1, 'gone')
    await pass(6)
    await eventually(async () => assert.equal(await redis.send('HEXISTS', 'unacked', 'celeriac:gone:1'), 0))
    assert.equal(await back.size('q'), 1)
  })

  test('what a broken connection held is taken over as soon as its queue is consumed, though nothing is taken', {
    timeout: 240_000,
  }, async (t) => {
    const { url } = await startRedis(t)
    const redis = await openTestConnection(t, url)
    const proxy = await startTcpProxy(t, Number(new URL(url).port))
    const inheritance = new Inheritance()
    const { store } = await openTestStore(t, proxy.through(url), { inheritance })
    const held = async (): Promise<string> => [await redis.send('HKEYS', 'unacked')].flat().join()
    for (const text of ['a', 'b']) await store.put('q', [textMessage(text)])
    await takeNext(store, ['q'])
    const before = await held()
    proxy.cut()
    await store.closed
    const { store: next } = await openTestStore(t, url, { inheritance })
    await next.consuming(['q'])
    const after = await held()
    assert.notEqual(after, before)
    const consumers = [await redis.send('ZRANGE', 'celeriac:consumers', 0, -1)].flat().map(String)
    assert.ok(consumers.some((consumer) => after.includes(consumer)))
    // Nobody renews the lease of what waits here for its turn but the store itself.
    for (const tag of after.split(',')) await redis.send('ZADD', 'unacked_index', 1, tag)
    await eventually(async () => {
      for (const tag of after.split(',')) {
        assert.ok(Number(await redis.send('ZSCORE', 'unacked_index', tag)) > 1)
      }
    })
    assert.deepEqual((await takeNext(next, ['q'], 1)).map(textOf), ['a'])
    assert.equal(await next.size('q'), 0)
    await next.consuming([])
    assert.deepEqual((await takeNow(next, ['q'])).map(textOf), ['b'])
  })

  test('what is held when Redis refuses to go on goes to the next connection', {
    timeout: 240_000,
  }, async (t) => {
    const server = await startRedis(t)
    const inheritance = new Inheritance()
    const { store } = await openTestStore(t, server.url, {
      inheritance,
      options: { polling_interval: 0.05 },
    })
    await store.put('q', [textMessage('a')])
    assert.equal((await takeNext(store, ['q'])).length, 1)
    await server.command('CONFIG SET min-replicas-to-write 1')
    await assert.rejects(takeNext(store, ['q']), /NOREPLICAS/)
    assert.match(String(await store.closed), /NOREPLICAS/)
    await store.close()
    await server.command('CONFIG SET min-replicas-to-write 0')
    const { store: next } = await openTestStore(t, server.url, { inheritance })
    const taken = await takeNext(next, ['q'])
    assert.deepEqual(
      taken.map((message) => `${textOf(message)} ${message.message.redelivered}`),
      ['a true'],
    )
    await next.settle(taken)
    assert.ok(!String(await server.command('INFO commandstats')).includes('cmdstat_rpush:'))
  })

  test('a full Redis: what is there is still taken, renewed, postponed, given back, taken over and settled', {
    timeout: 240_000,
  }, async (t) => {
    const server = await startRedis(t)
    const inheritance = new Inheritance()
    const proxy = await startTcpProxy(t, Number(new URL(server.url).port))
    const { store: first } = await openTestStore(t, proxy.through(server.url), { inheritance })
    const { store } = await openTestStore(t, server.url, { inheritance, options: EAGER })
    await first.put('p', [textMessage('held')])
    await takeNow(first, ['p'])
    for (const text of ['a', 'b', 'c', 'd']) await store.put('q', [textMessage(text)])
    await store.put('z', [textMessage('z'), textMessage('y', { properties: { priority: 9 } })])
    await server.command('CONFIG SET maxmemory 1')
    assert.equal(await store.purge('z'), 2)
    await assert.rejects(store.put('q', [textMessage('e')]), /OOM/)
    const urgent = textMessage('f', { properties: { priority: 9 } })
    await assert.rejects(store.put('q', [textMessage('e'), urgent]), /OOM.*maxmemory/)
    assert.equal(await store.size('q'), 4)
    for (const queue of ['q', 'expires']) {
      const args = queue === 'q' ? {} : { 'x-expires': 60_000 }
      await store.declare(queue, { durable: true, autoDelete: false, arguments: args })
      await store.bindings.add('e', { queue, routingKey: 'k', pattern: '' })
    }
    assert.equal((await store.bindings.list('e')).length, 2)
    const [a, b, c, d] = await takeNow(store, ['q'])
    assert.ok(a && b && c && d)
    await store.lease.renew([a, b, c, d])
    await store.postpone?.([{ taken: a, until: Date.now() }])
    await store.restore([b], 'front')
    await store.restore([c], 'back')
    await store.settle([d])
    const texts: string[] = []
    await eventually(async () => {
      const taken = await takeNow(store, ['q'])
      texts.push(...taken.map(textOf))
      await store.settle(taken)
      assert.deepEqual(texts.toSorted(), ['a', 'b', 'c'])
    })
    proxy.cut()
    await first.closed
    assert.deepEqual((await takeNext(store, ['p'])).map(textOf), ['held'])
    await store.bindings.remove('e', { queue: 'q', routingKey: 'k', pattern: '' })
  })

  test('a server that has become a replica ends the connection', { timeout: 240_000 }, async (t) => {
    const server = await startRedis(t)
    const { store } = await openTestStore(t, server.url)
    await server.command('REPLICAOF 127.0.0.1 1')
    await assert.rejects(store.put('q', [textMessage('a')]), /READONLY.*this server is a replica now/)
    assert.match(String(await store.closed), /READONLY/)
  })
})
