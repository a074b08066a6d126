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

function delivered(count: number): UnsettledTags {
  const tags = new UnsettledTags()
  for (let tag = 1; tag <= count; tag++) tags.delivered(tag, false)
  return tags
}
