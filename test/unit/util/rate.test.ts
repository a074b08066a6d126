import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { parseRate } from '../../../src/util/rate.ts'

test('rates are times per second, minute or hour; a bare number is per second [7-084]', () => {
  const rates = ['10/s', '10/m', '7200/h', '0.5/s', '3', 10, 0.25, ' 6 / m '].map((rate) =>
    parseRate(rate, 'x'),
  )
  assert.deepEqual(rates, [10, 10 / 60, 2, 0.5, 3, 10, 0.25, 0.1])
})

test('nothing and 0 are no limit [7-084]', () => {
  for (const rate of [undefined, null, '', 0, '0', '0/m']) assert.equal(parseRate(rate, 'x'), 0)
})

test('what is no rate is refused, with its place', () => {
  for (const rate of ['10/d', 'ten', '/s', -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => parseRate(rate, 'Task t: rateLimit'), ImproperlyConfigured, String(rate))
  }
  assert.throws(
    () => parseRate('10/d', 'Task t: rateLimit'),
    /^ImproperlyConfigured: Task t: rateLimit must .* not "10\/d"$/,
  )
})
