import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { parseSqliteUrl } from '../../../src/util/sqlite-url.ts'

const paths: readonly (readonly [url: string, path: string])[] = [
  ['sqlite://', 'celery.sqlite3'],
  ['sqlite:///', 'celery.sqlite3'],
  ['sqlite:///tasks.db', 'tasks.db'],
  ['sqlite:///data/tasks.db', 'data/tasks.db'],
  ['sqlite:////var/lib/tasks.db', '/var/lib/tasks.db'],
  ['sqlite:///C:/data/tasks.db', 'C:/data/tasks.db'],
  ['sqlite:////tmp/my%20tasks%3F.db', '/tmp/my tasks?.db'],
  ['sqlite:////tmp/a.db?synchronous=full', '/tmp/a.db'],
]
for (const [url, path] of paths) {
  // As in SQLAlchemy: three slashes are a relative path, four an absolute one.
  test(`${url} is ${path}`, () => {
    assert.equal(parseSqliteUrl(url, {}).path, path)
  })
}

for (const url of ['sqlite://tasks.db', 'sqlite://var/tasks.db', 'sqlite:///:memory:', 'sqlite:tasks.db']) {
  // A forgotten slash is the usual mistake.
  test(`${url} is refused with a remedy`, () => {
    assert.throws(
      () => parseSqliteUrl(url, {}),
      (error) => {
        return (
          error instanceof ImproperlyConfigured && /write sqlite:\/\/\/|use memory:\/\//.test(error.message)
        )
      },
    )
  })
}

// Defaults suit most; the URL wins over the options.
test('options come from the URL and from the transport options', () => {
  assert.deepEqual(parseSqliteUrl('sqlite://', {}), {
    path: 'celery.sqlite3',
    busyTimeout: 30_000,
    synchronous: 'normal',
  })
  const options = { busy_timeout: 5, synchronous: 'FULL', visibility_timeout: 3600 }
  assert.deepEqual(parseSqliteUrl('sqlite://?busy_timeout=250ms', options), {
    path: 'celery.sqlite3',
    busyTimeout: 250,
    synchronous: 'full',
  })
  assert.throws(
    () => parseSqliteUrl('sqlite://?synchronous=off', {}),
    /must be "normal" or "full", not "off"/,
  )
  assert.throws(() => parseSqliteUrl('sqlite://', { busy_timeout: true }), ImproperlyConfigured)
})
