import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LruMap } from '../../../src/util/lru-map.ts'

test('the entry that was unused for longest makes room', () => {
  const map = new LruMap<string, number>(2)
  map.set('a', 1).set('b', 2)
  assert.equal(map.get('a'), 1)
  map.set('c', 3)
  assert.deepEqual(
    [...map],
    [
      ['a', 1],
      ['c', 3],
    ],
  )
  assert.equal(map.has('b'), false)
  assert.equal(map.get('b'), undefined)
  map.set('a', 4)
  assert.equal(map.size, 2)
  assert.equal(map.delete('a'), true)
  map.clear()
  assert.equal(map.size, 0)
})
