import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ImproperlyConfigured } from '../../../../src/errors.ts'
import type { RedisTargetOptions } from '../../../../src/util/redis/redis-target.ts'
import { redisTarget } from '../../../../src/util/redis/redis-target.ts'

const target = (url: string, more: Partial<RedisTargetOptions> = {}) => {
  return redisTarget({ url, options: {}, where: 'place', ssl: false, ...more })
}

suite('redisTarget', () => {
  test('host, port, database, login [4-067] [11-020]', () => {
    assert.deepEqual(
      [
        'redis://',
        'redis://h',
        'redis://h:1/',
        'redis://h//',
        'redis://h/5',
        'redis://h?virtual_host=3',
        'redis://[::1]:2/1',
        'redis',
      ].map((url) => [target(url).address, target(url).database]),
      [
        [{ host: '127.0.0.1', port: 6379 }, 0],
        [{ host: 'h', port: 6379 }, 0],
        [{ host: 'h', port: 1 }, 0],
        [{ host: 'h', port: 6379 }, 0],
        [{ host: 'h', port: 6379 }, 5],
        [{ host: 'h', port: 6379 }, 3],
        [{ host: '::1', port: 2 }, 1],
        [{ host: '127.0.0.1', port: 6379 }, 0],
      ],
    )
    const { username, password, label } = target('redis://us%40er:p%3A%2F@h/2')
    assert.deepEqual([username, password, label], ['us@er', 'p:/', 'redis://us%40er:**@h/2'])
    assert.deepEqual([target('redis://:pw@h').username, target('redis://:pw@h').password], [undefined, 'pw'])
  })

  test('what the URL does not say is taken from the defaults', () => {
    const defaults = { host: 'd', port: 9, database: 4, username: 'u', password: 'p' }
    const bare = target('redis', { defaults })
    assert.deepEqual(
      [bare.address, bare.database, bare.username, bare.password],
      [{ host: 'd', port: 9 }, 4, 'u', 'p'],
    )
    const full = target('redis://a:b@h:1/2', { defaults })
    assert.deepEqual(
      [full.address, full.database, full.username, full.password],
      [{ host: 'h', port: 1 }, 2, 'a', 'b'],
    )
  })

  test('sockets of the file system', () => {
    for (const scheme of ['redis+socket', 'socket']) {
      const { address, database, password } = target(`${scheme}://:pw@/run/redis.sock?virtual_host=2`)
      assert.deepEqual([address, database, password], [{ path: '/run/redis.sock' }, 2, 'pw'])
    }
    assert.throws(() => target('redis+socket://'), /needs the path of a socket/)
  })

  test('sentinels [1-278] [1-279] [1-280] [1-330] [4-069] [11-020]', () => {
    const options = {
      master_name: 'm',
      min_other_sentinels: 1,
      sentinel_kwargs: { username: 'su', password: 'sp', ssl_cert_reqs: 'none' },
    }
    const { address, database, password } = target('sentinel://:pw@a:1/3;sentinel://b;sentinel://c:2', {
      options,
    })
    assert.ok('sentinels' in address)
    assert.deepEqual(address.sentinels, [
      { host: 'a', port: 1 },
      { host: 'b', port: 26379 },
      { host: 'c', port: 2 },
    ])
    assert.deepEqual(
      [
        address.masterName,
        address.minOtherSentinels,
        address.username,
        address.password,
        address.tls?.rejectUnauthorized,
      ],
      ['m', 1, 'su', 'sp', false],
    )
    assert.deepEqual([database, password], [3, 'pw'])
    assert.throws(() => target('sentinel://a'), /place: sentinel:\/\/ needs the option master_name/)
  })

  test('options, and those of the query before them [1-270]', () => {
    const options = {
      socket_timeout: 3,
      socket_connect_timeout: '500ms',
      socket_keepalive: true,
      socket_keepalive_options: { 4: 60 },
    }
    const { socketTimeout, connectTimeout, keepAlive } = target('redis://h?socket_timeout=1.5', { options })
    assert.deepEqual([socketTimeout, connectTimeout, keepAlive], [1500, 500, 60_000])
    assert.equal(target('redis://h', { options: { socket_keepalive: true } }).keepAlive, 0)
    assert.equal(target('redis://h', { options: { socket_keepalive: false } }).keepAlive, undefined)
    assert.equal(target('redis://h', { connectTimeout: 7 }).connectTimeout, 7)
    assert.throws(
      () => target('redis://h', { options: { socket_timeout: 'soon' } }),
      /place: socket_timeout: 'soon' is no duration/,
    )
  })

  test('credential providers: a function or the name of one [1-276]', () => {
    const provider = () => ({ password: 'p' })
    assert.equal(target('redis://h', { options: { credential_provider: provider } }).credentials, provider)
    assert.equal(target('redis://h?credential_provider=./auth.js%23login').credentials, './auth.js#login')
    assert.throws(
      () => target('redis://h', { options: { credential_provider: 5 } }),
      /credential_provider must be a function/,
    )
  })

  test('TLS: by scheme, dictionary, query', () => {
    assert.equal(target('redis://h').tls, undefined)
    assert.equal(target('rediss://h').tls?.rejectUnauthorized, true)
    assert.equal(target('redis://h', { ssl: true }).tls?.rejectUnauthorized, true)
    const none = target('rediss://h?ssl_cert_reqs=CERT_NONE')
    assert.equal(none.tls?.rejectUnauthorized, false)
    assert.match(none.warnings.join(), /not verified/)
    assert.equal(
      target('sentinel://h', { ssl: { ssl_cert_reqs: 'optional' }, options: { master_name: 'm' } }).tls
        ?.rejectUnauthorized,
      true,
    )
    assert.equal(
      target('rediss://h?ssl_cert_reqs=none', { ssl: { ssl_cert_reqs: 'required' } }).tls?.rejectUnauthorized,
      false,
    )
    assert.throws(() => target('redis://h?ssl_cert_reqs=none'), /write rediss:\/\//)
  })

  test('what cannot be understood is refused', () => {
    for (const url of ['amqp://h', 'redis://h/db', 'redis://h?socket_timeot=1', 'redis://h:99999', '']) {
      assert.throws(() => target(url), ImproperlyConfigured, url)
    }
    assert.throws(
      () => target('redis://:secret@h/db'),
      (error: Error) => !error.message.includes('secret'),
    )
  })
})
