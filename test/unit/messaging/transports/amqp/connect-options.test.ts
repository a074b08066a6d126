import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImproperlyConfigured } from '../../../../../src/errors.ts'
import type { TransportOptions } from '../../../../../src/messaging/transport.ts'
import type { ConnectOptions } from '../../../../../src/messaging/transports/amqp/connect-options.ts'
import { resolveConnectOptions } from '../../../../../src/messaging/transports/amqp/connect-options.ts'

test('URLs of brokers, read as kombu reads them [1-013 11-017]', () => {
  const cases: readonly (readonly [string, readonly [string, number, string, string, string]])[] = [
    ['amqp://', ['127.0.0.1', 5672, 'guest', 'guest', '/']],
    ['amqp://localhost', ['127.0.0.1', 5672, 'guest', 'guest', '/']],
    ['amqp://guest:guest@localhost:5672//', ['127.0.0.1', 5672, 'guest', 'guest', '/']],
    ['pyamqp://rabbit:5673/shop', ['rabbit', 5673, 'guest', 'guest', 'shop']],
    ['amqp://user@rabbit', ['rabbit', 5672, 'user', 'guest', '/']],
    ['amqp://us%40er:p%3A%2F%23w@rabbit/%2Fshop', ['rabbit', 5672, 'us@er', 'p:/#w', '/shop']],
    ['amqp://user:p@ss@rabbit//shop', ['rabbit', 5672, 'user', 'p@ss', '/shop']],
    ['amqps://rabbit', ['rabbit', 5671, 'guest', 'guest', '/']],
    ['amqp://[::1]:5672/a%20b', ['::1', 5672, 'guest', 'guest', 'a b']],
  ]
  for (const [url, expected] of cases) {
    const { host, port, username, password, vhost } = resolve(url)
    assert.deepEqual([host, port, username, password, vhost], expected, url)
  }
})

test('transport options win over the query of the URL, and that over the settings [1-254 1-024]', () => {
  assert.equal(resolve('amqp://h?heartbeat=30', {}, { heartbeat: 120 }).heartbeat, 30)
  assert.equal(resolve('amqp://h?heartbeat=30', { heartbeat: 10 }).heartbeat, 10)
  assert.equal(resolve('amqp://h', {}, { heartbeat: 120 }).heartbeat, 120)
  assert.equal(resolve('amqp://h', { heartbeat: null }, { heartbeat: 120 }).heartbeat, 120)
  const options = resolve('amqp://h', {
    frame_max: 8192,
    channel_max: 10,
    locale: 'de_DE',
    virtual_host: 'other',
    userid: 'u',
    password: 'p',
  })
  const { frameMax, channelMax, locale, vhost, username, password } = options
  assert.deepEqual(
    [frameMax, channelMax, locale, vhost, username, password],
    [8192, 10, 'de_DE', 'other', 'u', 'p'],
  )
})

test('seconds of connect_timeout become milliseconds; the setting is in milliseconds already [1-018]', () => {
  assert.equal(resolve('amqp://h').connectTimeout, 5000)
  assert.equal(resolve('amqp://h', {}, { connectTimeout: 4000 }).connectTimeout, 4000)
  assert.equal(resolve('amqp://h', { connect_timeout: 1.5 }, { connectTimeout: 4000 }).connectTimeout, 1500)
})

test('login method and response [1-026 1-218 1-254]', () => {
  assert.equal(resolve('amqp://h').loginMethod, 'PLAIN')
  assert.equal(resolve('amqp://h', { login_method: 'amqplain' }).loginMethod, 'AMQPLAIN')
  assert.equal(resolve('amqp://h?login_method=EXTERNAL').loginMethod, 'EXTERNAL')
  // The setting, if neither URL nor options say anything.
  assert.equal(resolve('amqp://h', {}, { loginMethod: 'external' }).loginMethod, 'EXTERNAL')
  assert.equal(resolve('amqp://h?login_method=PLAIN', {}, { loginMethod: 'EXTERNAL' }).loginMethod, 'PLAIN')
  assert.deepEqual(resolve('amqp://h', { login_response: '\0u\0p' }).loginResponse, Buffer.from('\0u\0p'))
})

test('client properties carry the name of the connection and keep our capabilities [1-254]', () => {
  const { clientProperties } = resolve('amqp://h', {
    client_properties: { product: 'Shop', capabilities: { extra: true } },
  })
  assert.equal(clientProperties['product'], 'Shop')
  assert.equal(clientProperties['connection_name'], 'unit')
  const { capabilities } = clientProperties
  assert.deepEqual(capabilities, {
    ...(resolve('amqp://h').clientProperties['capabilities'] ?? {}),
    extra: true,
  })
})

test('hooks for blocked connections are called [1-254]', () => {
  const said: unknown[] = []
  const options = resolve('amqp://h', {
    on_blocked: (reason: string) => said.push(reason),
    on_unblocked: () => said.push('free'),
  })
  options.onBlocked('low on memory')
  options.onUnblocked()
  assert.deepEqual(said, ['low on memory', 'free'])
})

test('TLS: on by scheme, by setting, by option; verified unless told otherwise [1-030 1-256 10-049]', () => {
  assert.equal(resolve('amqp://h').tls, undefined)
  assert.equal(resolve('amqp://h', { ssl: false }, { ssl: true }).tls, undefined)
  assert.deepEqual(resolve('amqps://h').tls, { servername: 'h', rejectUnauthorized: true })
  assert.deepEqual(resolve('amqp://10.0.0.1', {}, { ssl: true }).tls, { rejectUnauthorized: true })
  assert.deepEqual(resolve('amqps://h?ssl_cert_reqs=CERT_NONE').tls, {
    servername: 'h',
    rejectUnauthorized: false,
  })
  for (const none of [0, 'CERT_NONE', 'none']) {
    assert.equal(resolve('amqp://h', {}, { ssl: { cert_reqs: none } }).tls?.rejectUnauthorized, false)
  }
  for (const some of [1, 2, 'CERT_REQUIRED', 'required', 'CERT_OPTIONAL']) {
    assert.equal(resolve('amqp://h', {}, { ssl: { cert_reqs: some } }).tls?.rejectUnauthorized, true)
  }
  const named = resolve('amqp://h', {}, { ssl: { server_hostname: 'cert.example', ssl_ciphers: 'HIGH' } }).tls
  assert.deepEqual([named?.servername, named?.ciphers], ['cert.example', 'HIGH'])
  assert.equal(resolve('amqp://h', {}, { ssl: { server_hostname: null } }).tls?.servername, 'h')
  const file = new URL(import.meta.url).pathname
  const read = resolve('amqp://h', {}, { ssl: { keyfile: file, certfile: file, ca_certs: file } }).tls
  assert.ok(Buffer.isBuffer(read?.key) && Buffer.isBuffer(read.cert) && Buffer.isBuffer(read.ca))
})

test('values that make no sense are refused by name, without the password', () => {
  const wrong = (what: () => unknown, pattern: RegExp): void => {
    assert.throws(what, (error) => {
      assert.ok(error instanceof ImproperlyConfigured)
      assert.match(error.message, pattern)
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
  }
  wrong(() => resolve('amqp://u:secret@h', { heartbeat: 'often' }), /heartbeat must be a number/)
  wrong(() => resolve('amqp://u:secret@h', { on_blocked: 1 }), /on_blocked must be a function/)
  wrong(() => resolve('amqp://u:secret@h', { global_qos: 'maybe' }), /global_qos must be true or false/)
  wrong(
    () => resolve('amqp://u:secret@h', {}, { ssl: { cert_reqs: 'sure' } }),
    /cert_reqs must be CERT_REQUIRED/,
  )
  wrong(
    () => resolve('amqp://u:secret@h', {}, { ssl: { keyfile: '/no/such/file' } }),
    /keyfile "\/no\/such\/file"/,
  )
  wrong(() => resolve('amqp://u:secret@h:port'), /port/)
  assert.equal(resolve('amqp://u:secret@h').broker, 'amqp://u:**@h')
})

function resolve(
  url: string,
  transportOptions: TransportOptions['transportOptions'] = {},
  settings: Partial<TransportOptions> = {},
): ConnectOptions {
  return resolveConnectOptions({
    url,
    transportOptions,
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'unit',
    ...settings,
  })
}
