import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setOwn } from '../../../src/util/set-own.ts'

test('a property may have any name', () => {
  const target: Record<string, unknown> = {}
  setOwn(target, 'a', 1)
  setOwn(target, '__proto__', { b: 2 })
  assert.deepEqual(Object.entries(target), [
    ['a', 1],
    ['__proto__', { b: 2 }],
  ])
  assert.equal(Object.getPrototypeOf(target), Object.prototype)
})
