import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deferred } from '../../../src/util/deferred.ts'

test('a deferred settles once', async () => {
  const deferred = new Deferred<number>()
  assert.equal(deferred.settled, false)
  deferred.resolve(1)
  deferred.reject(new Error('too late'))
  assert.equal(deferred.settled, true)
  assert.equal(await deferred.promise, 1)
})
