import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Duration } from '../../../src/util/duration.ts'
import { fromMilliseconds, toMilliseconds } from '../../../src/util/duration.ts'

const cases: [Duration, number][] = [
  [10, 10_000],
  [0, 0],
  [-1.5, -1500],
  ['250ms', 250],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['1h 30m', 5_400_000],
  ['1.5s', 1500],
  ['2d', 172_800_000],
  ['1w', 604_800_000],
  ['-5m', -300_000],
  ['10', 10_000],
  [' 2.5 ', 2500],
  [{ days: 1, hours: 1 }, 90_000_000],
  [{ milliseconds: 5, seconds: 1 }, 1005],
]

for (const [value, milliseconds] of cases) {
  test(`${JSON.stringify(value)} is ${milliseconds} ms`, () => {
    assert.equal(toMilliseconds(value, 'countdown'), milliseconds)
  })
}

test('what is no duration is refused with the name of the option', () => {
  const wrong: unknown[] = [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    'soon',
    '5 parsecs',
    '5mm',
    null,
    undefined,
    {},
  ]
  for (const value of [...wrong, { days: '1' }, { fortnights: 1 }, [1], true]) {
    assert.throws(
      () => Reflect.apply(toMilliseconds, undefined, [value, 'visibilityTimeout']),
      (error) => error instanceof TypeError && error.message.startsWith('visibilityTimeout: '),
      String(value),
    )
  }
  assert.throws(() => toMilliseconds('5 parsecs', 'expires'), /'5 parsecs' is no duration; give seconds/)
})

test('fromMilliseconds gives seconds', () => {
  assert.equal(fromMilliseconds(1500), 1.5)
})
