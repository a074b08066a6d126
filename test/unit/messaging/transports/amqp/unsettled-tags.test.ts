import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { UnsettledTags } from '../../../../../src/messaging/transports/amqp/unsettled-tags.ts'
import { sameEveryRun } from '../../../../support/seed.ts'

sameEveryRun()

test('what is contiguous from the oldest on is settled by one frame', () => {
  const tags = delivered(5)
  assert.deepEqual(tags.settle([1, 2, 3]), [{ tag: 3, multiple: true }])
  assert.deepEqual(tags.settle([5]), [{ tag: 5, multiple: false }])
  assert.deepEqual(tags.settle([4]), [{ tag: 4, multiple: false }])
  assert.equal(tags.size, 0)
})

test('a gap is never settled along', () => {
  const tags = delivered(5)
  assert.deepEqual(tags.settle([1, 3, 2, 5]), [
    { tag: 3, multiple: true },
    { tag: 5, multiple: false },
  ])
  assert.equal(tags.size, 1)
})

test('settling twice, and what was never delivered, is left out', () => {
  const tags = delivered(2)
  tags.settle([1, 2])
  assert.deepEqual(tags.settle([1, 2, 3, 0, -1]), [])
})

test('deliveries that need no acknowledgement are no gap', () => {
  const tags = new UnsettledTags()
  tags.delivered(1, false)
  tags.delivered(2, true)
  tags.delivered(3, false)
  assert.deepEqual(tags.settle([1, 3]), [{ tag: 3, multiple: true }])
})

test('what is seen out of order can be settled, too', () => {
  const tags = new UnsettledTags()
  for (const tag of [1, 3, 2]) tags.delivered(tag, false)
  assert.deepEqual(tags.settle([3]), [{ tag: 3, multiple: false }])
  assert.deepEqual(tags.settle([1, 2]), [{ tag: 2, multiple: true }])
})

test('the broker settles exactly what was settled, in any order and grouping', () => {
  const step = fc.record({ deliver: fc.nat(5), settle: fc.array(fc.nat(30), { maxLength: 8 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const tags = new UnsettledTags()
      const broker = new Set<number>()
      const settled = new Set<number>()
      let last = 0
      for (const { deliver, settle } of steps) {
        for (let count = 0; count < deliver; count++) {
          tags.delivered(++last, false)
          broker.add(last)
        }
        for (const { tag, multiple } of tags.settle(settle)) {
          // RabbitMQ closes the channel over a tag that it doesn't hold.
          assert.ok(broker.has(tag), `unknown delivery tag ${tag}`)
          for (const held of [...broker]) if (held === tag || (multiple && held < tag)) broker.delete(held)
        }
        for (const tag of settle) if (tag >= 1 && tag <= last) settled.add(tag)
        assert.equal(broker.size, last - settled.size)
        assert.equal(tags.size, broker.size)
        for (const held of broker) assert.ok(!settled.has(held))
      }
    }),
  )
})

// A message may be held for days while millions of others come and go. A set takes 2 ** 24 at most.
test('what was settled since an old delivery is not remembered', () => {
  const tags = delivered(1)
  const batch = 1000
  for (let last = 1; last < 2 ** 24 + batch; last += batch) {
    const some: number[] = []
    for (let tag = last + 1; tag <= last + batch; tag++) {
      tags.delivered(tag, false)
      some.push(tag)
    }
    assert.equal(tags.settle(some).length, batch)
  }
  assert.equal(tags.size, 1)
  assert.deepEqual(tags.settle([1, 1]), [{ tag: 1, multiple: false }])
  assert.equal(tags.size, 0)
})

test('behind what was left behind frames are single ones, until that is settled', () => {
  const tags = delivered(3000)
  const others = Array.from({ length: 2998 }, (_, index) => index + 2)
  assert.equal(tags.settle(others).length, 2998)
  for (const tag of [3001, 3002, 3003]) tags.delivered(tag, false)
  tags.delivered(3004, true)
  assert.equal(tags.size, 5)
  assert.deepEqual(tags.settle([3001, 2, 3002]), [
    { tag: 3001, multiple: false },
    { tag: 3002, multiple: false },
  ])
  assert.deepEqual(tags.settle([1, 3000]), [
    { tag: 1, multiple: false },
    { tag: 3000, multiple: false },
  ])
  tags.delivered(3005, false)
  assert.deepEqual(tags.settle([3003, 3005]), [{ tag: 3005, multiple: true }])
  assert.equal(tags.size, 0)
})

function delivered(count: number): UnsettledTags {
  const tags = new UnsettledTags()
  for (let tag = 1; tag <= count; tag++) tags.delivered(tag, false)
  return tags
}
