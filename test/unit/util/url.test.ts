import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UrlParts } from '../../../src/util/url.ts'
import { buildUrl, parseUrl, sanitizeUrl, splitUrls } from '../../../src/util/url.ts'

const none: Omit<UrlParts, 'scheme'> = {
  hostname: undefined,
  port: undefined,
  username: undefined,
  password: undefined,
  path: undefined,
  query: {},
}

const urls: [string, Partial<UrlParts>][] = [
  ['amqp://', { scheme: 'amqp' }],
  ['memory://localhost/', { scheme: 'memory', hostname: 'localhost' }],
  [
    'redis://:secret@Example.COM:6379/1',
    { scheme: 'redis', password: 'secret', hostname: 'example.com', port: 6379, path: '1' },
  ],
  [
    'amqp://user:p%40ss@h:1/%2Fv',
    { scheme: 'amqp', username: 'user', password: 'p@ss', hostname: 'h', port: 1, path: '/v' },
  ],
  [
    'amqp://guest:guest@localhost:5672//',
    { scheme: 'amqp', username: 'guest', password: 'guest', hostname: 'localhost', port: 5672, path: '/' },
  ],
  [
    'redis+socket:///tmp/redis.sock?virtual_host=1',
    { scheme: 'redis+socket', path: 'tmp/redis.sock', query: { virtual_host: '1' } },
  ],
  ['redis://[::1]:6379/0', { scheme: 'redis', hostname: '::1', port: 6379, path: '0' }],
  ['sqs://AKIA:a%2Fb%2Bc@', { scheme: 'sqs', username: 'AKIA', password: 'a/b+c' }],
  [
    'db+postgresql://u@h/db?a=1&b=&a=2',
    { scheme: 'db+postgresql', username: 'u', hostname: 'h', path: 'db', query: { a: '2' } },
  ],
  ['mongodb://a:1,b:2/db', { scheme: 'mongodb', hostname: 'a:1,b:2', path: 'db' }],
  ['amqp://u:p@w@h', { scheme: 'amqp', username: 'u', password: 'p@w', hostname: 'h' }],
  ['amqp://u:100%@h', { scheme: 'amqp', username: 'u', password: '100%', hostname: 'h' }],
  ['file:///var/results', { scheme: 'file', path: 'var/results' }],
  ['redis://h:/0', { scheme: 'redis', hostname: 'h', path: '0' }],
  [
    'redis://h?ssl_cert_reqs=required',
    { scheme: 'redis', hostname: 'h', query: { ssl_cert_reqs: 'required' } },
  ],
]

for (const [url, parts] of urls) {
  test(`${url} is taken apart`, () => {
    assert.deepEqual(parseUrl(url), { ...none, ...parts })
  })
}

test('what is no URL is refused without showing the password', () => {
  assert.throws(() => parseUrl('localhost:6379'), /'localhost:6379' is no URL; it needs a scheme/)
  for (const url of ['redis://u:secret@h:port/0', 'redis://u:secret@h:99999/0', 'redis://u:secret@[::1/0']) {
    assert.throws(
      () => parseUrl(url),
      (error) =>
        error instanceof Error && error.name === 'ImproperlyConfigured' && !error.message.includes('secret'),
    )
  }
})

test('lists of URLs are split', () => {
  const sentinels = ['sentinel://a:1/0', 'sentinel://b:2/0']
  assert.deepEqual(splitUrls('sentinel://a:1/0;sentinel://b:2/0'), sentinels)
  assert.deepEqual(splitUrls(['sentinel://a:1/0; sentinel://b:2/0;', '']), sentinels)
  assert.deepEqual(splitUrls(''), [])
})

test('passwords are masked, everything else stays', () => {
  const shown: [string, string][] = [
    ['redis://:secret@h:6379/0', 'redis://:**@h:6379/0'],
    ['amqp://guest:guest@localhost:5672//', 'amqp://guest:**@localhost:5672//'],
    ['amqp://localhost', 'amqp://localhost'],
    ['amqp://u:p@w@h', 'amqp://u:**@h'],
    ['sentinel://:a@a:1/0;sentinel://:b@b:2/0', 'sentinel://:**@a:1/0;sentinel://:**@b:2/0'],
    ['rediss://h/0?password=hidden&x=1', 'rediss://h/0?password=**&x=1'],
    ['redis://h:6379/0', 'redis://h:6379/0'],
    ['nonsense', 'nonsense'],
  ]
  for (const [url, sanitized] of shown) assert.equal(sanitizeUrl(url), sanitized)
})

test('URLs are put together', () => {
  assert.equal(buildUrl(parseUrl('amqp://user:p%40ss@h:1/v')), 'amqp://user:p%40ss@h:1/v')
  assert.equal(buildUrl(parseUrl('amqp://user:p%40ss@h:1/v'), { mask: '**' }), 'amqp://user:**@h:1/v')
  assert.equal(buildUrl(parseUrl('redis://[::1]:6379/0')), 'redis://[::1]:6379/0')
  assert.equal(buildUrl({ scheme: 'amqp', path: '/' }), 'amqp:////')
})
