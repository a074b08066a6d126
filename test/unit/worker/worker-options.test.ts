import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandNodeName } from '../../../src/worker/worker-options.ts'

test('names of nodes are those of Celery, however much of one is given [6-018 7-017]', () => {
  const names: Readonly<Record<string, string>> = {
    foo: 'celery@foo',
    'foo@': 'foo@web1.example.org',
    '@bar': 'celery@bar',
    '': 'celery@web1.example.org',
    '%h': 'celery@web1.example.org',
    'foo@%h': 'foo@web1.example.org',
    'foo@%n': 'foo@web1',
    'w%%@%d': 'w%@example.org',
    'a@b@c': 'a@b@c',
  }
  for (const [given, name] of Object.entries(names)) {
    assert.equal(expandNodeName(given, 'web1.example.org'), name, given)
  }
})
