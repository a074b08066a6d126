import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestApp } from '../../../src/testing.ts'
import { expandNodeName, normalizeWorkerOptions } from '../../../src/worker/worker-options.ts'

test('a concurrency of 0 is none that was given [1-171 6-019]', () => {
  const concurrencyOf = (concurrency: number, workerConcurrency: number): number | undefined => {
    const { workerSettings } = createTestApp({ workerConcurrency })
    return normalizeWorkerOptions({ concurrency }, workerSettings).concurrency
  }
  assert.equal(concurrencyOf(0, 0), undefined)
  assert.equal(concurrencyOf(0, 3), 3)
  assert.equal(concurrencyOf(2, 3), 2)
  assert.throws(() => concurrencyOf(-1, 3), /concurrency must be a whole number above 0, not -1/)
})

test('a limit of 0 on the memory is none [1-181 6-019 7-028]', () => {
  const { workerSettings } = createTestApp({ workerMaxMemoryPerChild: 0 })
  assert.equal(normalizeWorkerOptions({}, workerSettings).maxMemoryPerChild, undefined)
  assert.equal(normalizeWorkerOptions({ maxMemoryPerChild: 5 }, workerSettings).maxMemoryPerChild, 5)
})

test('a time limit of 0 is none that was given [6-019]', () => {
  const { workerSettings } = createTestApp()
  const { timeLimit, softTimeLimit } = normalizeWorkerOptions(
    { timeLimit: 0, softTimeLimit: '5s' },
    workerSettings,
  )
  assert.deepEqual([timeLimit, softTimeLimit], [undefined, 5000])
})

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
