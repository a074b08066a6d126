import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Decimal } from '../../../../src/messaging/serialization/decimal.ts'
import { PlainDate } from '../../../../src/messaging/serialization/plain-date.ts'
import { PlainTime } from '../../../../src/messaging/serialization/plain-time.ts'
import { PreciseDate } from '../../../../src/messaging/serialization/precise-date.ts'
import { Uuid } from '../../../../src/messaging/serialization/uuid.ts'
import { repr } from '../../../../src/util/repr.ts'

test('PlainDate', () => {
  const date = PlainDate.parse('2024-02-29')
  assert.equal(`${date}`, '2024-02-29')
  assert.equal(JSON.stringify({ date }), '{"date":"2024-02-29"}')
  assert.equal(date.toDate().toISOString(), '2024-02-29T00:00:00.000Z')
  assert.equal(new PlainDate(1, 2, 3).toDate().getUTCFullYear(), 1)
  assert.equal(repr(date), 'datetime.date(2024, 2, 29)')
  assert.throws(() => new PlainDate(2023, 2, 29), RangeError)
  assert.throws(() => PlainDate.parse('tomorrow'), RangeError)
})

test('PlainTime', () => {
  const time = PlainTime.parse('01:02:03.000045+05:30')
  assert.equal(`${time}`, '01:02:03.000045+05:30')
  assert.equal(JSON.stringify([new PlainTime({ hour: 5 })]), '["05:00:00"]')
  assert.equal(repr(new PlainTime({ hour: 5 })), 'datetime.time(5, 0)')
  assert.equal(
    repr(new PlainTime({ hour: 5, second: 1, offset: 0 })),
    'datetime.time(5, 0, 1, tzinfo=datetime.timezone.utc)',
  )
  assert.equal(
    repr(time),
    'datetime.time(1, 2, 3, 45, tzinfo=datetime.timezone(datetime.timedelta(seconds=19800)))',
  )
  assert.throws(() => new PlainTime({ hour: 24 }), RangeError)
})

test('PreciseDate is a Date that remembers what Python said', () => {
  const date = PreciseDate.fromIsoFormat('2024-02-29T12:30:15.123456-03:30')
  assert.ok(date instanceof PreciseDate)
  assert.equal(date.toISOString(), '2024-02-29T16:00:15.123Z')
  assert.equal(date.subMillisecond, 456)
  assert.equal(date.offset, -12_600)
  assert.equal(date.toIsoFormat(), '2024-02-29T12:30:15.123456-03:30')
  assert.equal(
    repr(date),
    'datetime.datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=73800)))',
  )
})

test('a PreciseDate that is changed drops its microseconds and keeps its offset', () => {
  const date = PreciseDate.fromIsoFormat('2024-02-29T12:30:15.123456+02:00')
  assert.ok(date instanceof PreciseDate)
  date.setUTCHours(0, 0, 0, 500)
  assert.equal(date.toIsoFormat(), '2024-02-29T02:00:00.500000+02:00')
})

test('datetimes that a Date can hold are plain Dates', () => {
  const date = PreciseDate.fromIsoFormat('2024-02-29T12:30:15.123+00:00')
  assert.equal(Object.getPrototypeOf(date), Date.prototype)
  assert.equal(date.getTime(), Date.UTC(2024, 1, 29, 12, 30, 15, 123))
  const naive = PreciseDate.fromIsoFormat('2024-02-29T12:30:15')
  assert.ok(naive instanceof PreciseDate)
  assert.equal(naive.offset, undefined)
  assert.equal(naive.getTime(), Date.UTC(2024, 1, 29, 12, 30, 15))
  assert.equal(repr(naive), 'datetime.datetime(2024, 2, 29, 12, 30, 15)')
})

test('Decimal keeps its text', () => {
  for (const text of ['1.10', '-0.000001', '1E+5', '.5', '5.', 'NaN', 'sNaN', '-Infinity', 'inf', '+1']) {
    assert.equal(new Decimal(text).toString(), text)
  }
  assert.equal(new Decimal('1.10').toNumber(), 1.1)
  assert.equal(new Decimal('-Infinity').toNumber(), Number.NEGATIVE_INFINITY)
  assert.equal(new Decimal('inf').toNumber(), Number.POSITIVE_INFINITY)
  assert.ok(Number.isNaN(new Decimal('sNaN').toNumber()))
  assert.equal(JSON.stringify([new Decimal('1.10')]), '["1.10"]')
  assert.equal(repr(new Decimal('1.10')), "Decimal('1.10')")
  for (const text of ['', '1,5', 'one', '1e', '.', '0x10', ' 1'])
    assert.throws(() => new Decimal(text), RangeError)
})

test('Uuid', () => {
  const uuid = new Uuid('12345678123456781234567812345678')
  assert.equal(`${uuid}`, '12345678-1234-5678-1234-567812345678')
  assert.equal(uuid.hex, '12345678123456781234567812345678')
  assert.equal(new Uuid('{12345678-1234-5678-1234-567812345678}').hex, uuid.hex)
  assert.equal(JSON.stringify([uuid]), '["12345678-1234-5678-1234-567812345678"]')
  assert.equal(repr(uuid), "UUID('12345678-1234-5678-1234-567812345678')")
  assert.throws(() => new Uuid('1234'), /'1234' is no UUID/)
})
