import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatIsoDate,
  formatIsoTime,
  formatOffset,
  instantOf,
  parseIsoDate,
  parseIsoDateTime,
  parseIsoTime,
} from '../../../src/util/iso8601.ts'

const at = (...parts: [number, number, number, number?, number?, number?, number?]): number =>
  new Date(Date.UTC(...parts)).getTime()

const texts: [string, number][] = [
  ['2030-01-02T03:04:05.678901+00:00', at(2030, 0, 2, 3, 4, 5, 678)],
  ['2024-02-29T12:30:00', at(2024, 1, 29, 12, 30)],
  ['2024-02-29 12:30:00Z', at(2024, 1, 29, 12, 30)],
  ['2024-02-29T12:30:00+05:30', at(2024, 1, 29, 7, 0)],
  ['2024-02-29T12:30:00-03:30', at(2024, 1, 29, 16, 0)],
  ['2024-02-29T12:30:00+01:00:15', at(2024, 1, 29, 11, 29, 45)],
  ['2024-02-29T12:30', at(2024, 1, 29, 12, 30)],
  ['2024-02-29T12', at(2024, 1, 29, 12)],
  ['2024-02-29', at(2024, 1, 29)],
  ['20240229T123015.5+0200', at(2024, 1, 29, 10, 30, 15, 500)],
  ['2024-02-29T12:30:15.123456789Z', at(2024, 1, 29, 12, 30, 15, 123)],
  ['1969-12-31T23:59:59.999999+00:00', -1],
]

for (const [text, instant] of texts) {
  test(`${text} is read`, () => {
    assert.equal(parseIsoDate(text).getTime(), instant)
  })
}

test('years below 100 are what they say', () => {
  assert.equal(parseIsoDate('0001-01-01T00:00:00').getUTCFullYear(), 1)
  assert.equal(formatIsoDate(parseIsoDate('0001-01-01')), '0001-01-01T00:00:00+00:00')
})

test('all parts are kept: microseconds, offsets, and that a time is naive', () => {
  assert.deepEqual(parseIsoDateTime('2024-02-29T12:30:15.000045-01:00'), {
    year: 2024,
    month: 2,
    day: 29,
    hour: 12,
    minute: 30,
    second: 15,
    microsecond: 45,
    offset: -3600,
  })
  assert.equal(parseIsoDateTime('2024-02-29T12:30:15').offset, undefined)
  assert.equal(instantOf(parseIsoDateTime('2024-02-29T12:30:15'), 3600), at(2024, 1, 29, 11, 30, 15))
})

test('what is no date is refused', () => {
  const wrong = [
    '',
    'now',
    '2024',
    '2024-2-9',
    '2024-02-30',
    '2023-02-29',
    '2024-13-01',
    '2024-00-01',
    '0000-01-01',
  ]
  wrong.push('2024-02-29T', '2024-02-29T24:00', '2024-02-29T12:60', '2024-02-29T12:30:60', '2024-02-2912:30')
  wrong.push('2024-0229', '2024-02-29T12:30+24:00', '2024-02-29T12:30 +01:00', '2024-02-29x', ' 2024-02-29')
  for (const text of wrong) assert.throws(() => parseIsoDateTime(text), RangeError, text)
})

test('dates are printed as Python prints them', () => {
  assert.equal(
    formatIsoDate(new Date(Date.UTC(2030, 0, 2, 3, 4, 5, 678))),
    '2030-01-02T03:04:05.678000+00:00',
  )
  assert.equal(formatIsoDate(new Date(Date.UTC(2030, 0, 2))), '2030-01-02T00:00:00+00:00')
  assert.throws(() => formatIsoDate(new Date(Number.NaN)), /invalid Date/)
  assert.throws(() => formatIsoDate(new Date(Date.UTC(12_030, 0, 2))), /12030/)
})

test('times of day go both ways', () => {
  for (const text of [
    '00:00:00',
    '01:02:03.000045',
    '01:02:03+00:00',
    '23:59:59.999999-03:30',
    '01:02:03+01:00:15',
  ]) {
    assert.equal(formatIsoTime(parseIsoTime(text)), text)
  }
  assert.throws(() => parseIsoTime('25:00'), /'25:00' is no ISO 8601 time of day/)
})

test('offsets', () => {
  assert.equal(formatOffset(0), '+00:00')
  assert.equal(formatOffset(-12_600), '-03:30')
})
