import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPlainObject, isRecord, isStringArray } from '../../../src/util/is-record.ts'

test('records, plain objects and lists of texts are told apart', () => {
  assert.deepEqual([{}, new Date(), [], null, 'x'].map(isRecord), [true, true, false, false, false])
  assert.deepEqual([{}, Object.create(null), new Date(), []].map(isPlainObject), [true, true, false, false])
  assert.deepEqual([[], ['a'], ['a', 1], 'a'].map(isStringArray), [true, true, false, false])
})
