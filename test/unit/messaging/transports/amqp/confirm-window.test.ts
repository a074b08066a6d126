import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConfirmWindow } from '../../../../../src/messaging/transports/amqp/confirm-window.ts'
import { sameEveryRun } from '../../../../support/seed.ts'

sameEveryRun()

interface Entry {
  readonly number: number
}

test('confirmations find their messages, in any order', () => {
  const confirm = fc.record({
    push: fc.nat(4),
    number: fc.integer({ min: 1, max: 60 }),
    multiple: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(confirm, { maxLength: 60 }), (steps) => {
      const window = new ConfirmWindow<Entry>()
      const open = new Set<number>()
      let last = 0
      for (const { push, number, multiple } of steps) {
        for (let count = 0; count < push; count++) {
          window.push({ number: ++last })
          open.add(last)
        }
        // A broker confirms only what it got.
        if (number > last) continue
        const taken = multiple ? window.takeUpTo(number) : [window.take(number)]
        const expected = multiple
          ? [...open].filter((one) => one <= number)
          : [number].filter((one) => open.has(one))
        assert.deepEqual(
          taken.flatMap((entry) => (entry === undefined ? [] : [entry.number])),
          expected,
        )
        for (const one of expected) open.delete(one)
        assert.equal(window.isEmpty, open.size === 0)
      }
      assert.deepEqual(
        window.reset().map((entry) => entry.number),
        [...open],
      )
    }),
  )
})

test('a long window forgets what is confirmed', () => {
  const window = new ConfirmWindow<Entry>()
  for (let number = 1; number <= 10_000; number++) {
    window.push({ number })
    if (number > 100) assert.equal(window.take(number - 100)?.number, number - 100)
  }
  assert.equal(window.find(() => true)?.number, 9_901)
  assert.equal(window.takeUpTo(10_000).length, 100)
  assert.ok(window.isEmpty)
})

test('after a reset counting begins anew', () => {
  const window = new ConfirmWindow<Entry>()
  window.push({ number: 1 })
  assert.equal(window.reset().length, 1)
  window.push({ number: 1 })
  assert.equal(window.take(1)?.number, 1)
})
