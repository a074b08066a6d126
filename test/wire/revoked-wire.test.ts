/** Revoked tasks between workers: their time stamps are floats, whatever is in them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSerializerRegistry } from '../../src/messaging/serialization/registry.ts'
import { encodeRevoked, readRevoked } from '../../src/worker/remote-control/revoked-wire.ts'

const HOUR = 3_600_000

test('stamps are floats of the monotonic clock, and come back as times [5-090 12-034]', () => {
  const at = Date.now() - 60_000
  const sent = encodeRevoked([['a', at]])
  const { body } = createSerializerRegistry().encode(sent, 'json')
  const text = new TextDecoder().decode(body)
  assert.match(text, /^\{"a":\[-?\d+\.\d+,"a"\]\}$/)
  const [entry] = readRevoked(JSON.parse(text), HOUR)
  assert.equal(entry?.[0], 'a')
  assert.ok(Math.abs(Number(entry?.[1]) - at) < 1_000)
})

test('stamps that say nothing here count as now [5-089]', () => {
  const before = Date.now()
  const entries = readRevoked({ alone: 1.5, ahead: [1e12, 'ahead'], strange: 'x', none: null }, 1_000)
  assert.deepEqual(
    entries.map(([id]) => id),
    ['alone', 'ahead', 'strange', 'none'],
  )
  for (const [, at] of entries) assert.ok(at >= before && at <= Date.now())
  assert.deepEqual(readRevoked(null, HOUR), [])
})
