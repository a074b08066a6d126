import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KEY_HASHES } from '../../../src/backends/memcached/key-hash.ts'

const KEYS = [
  'a',
  'aaaaaaaa-0000-4000-8000-000000000001',
  'bbbbbbbb-0000-4000-8000-000000000002',
  'c3',
  'x'.repeat(60),
  'snö',
  '1',
  '2',
].map((id) => new TextEncoder().encode(`celery-task-meta-${id}`))

/** On which of three servers pylibmc 1.6.3 put these keys; `crc` is also where python-memcached 1.62 did. */
const SERVERS = { default: [2, 2, 2, 2, 0, 1, 1, 2], crc: [1, 2, 1, 2, 1, 0, 1, 1] }

// A result that a Python worker has stored is looked for on the same server.
test('keys lie on the servers on which Python’s clients look for them [4-073]', () => {
  for (const [name, expected] of Object.entries(SERVERS)) {
    const hash = KEY_HASHES.get(name)
    assert.deepEqual(
      KEYS.map((key) => (hash?.(key) ?? Number.NaN) % 3),
      expected,
      name,
    )
  }
})
