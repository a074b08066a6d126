import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { OptionReader } from '../../../src/util/option-reader.ts'

const read = (values: Readonly<Record<string, unknown>>) => new OptionReader(values, 'place')

suite('OptionReader', () => {
  test('absent, undefined and null are the same', () => {
    const reader = read({ a: undefined, b: null })
    for (const name of ['a', 'b', 'c']) {
      assert.equal(reader.has(name), false)
      assert.equal(reader.text(name), undefined)
      assert.equal(reader.flag(name), undefined)
      assert.equal(reader.integer(name), undefined)
      assert.equal(reader.milliseconds(name), undefined)
      assert.equal(reader.record(name), undefined)
    }
  })

  test('values as they stand in code and in URLs', () => {
    const reader = read({
      yes: true,
      on: 'True',
      off: '0',
      n: '7',
      m: 7,
      s: 1.5,
      ms: '250ms',
      parts: { minutes: 1 },
      t: '',
      o: {},
    })
    assert.deepEqual([reader.flag('yes'), reader.flag('on'), reader.flag('off')], [true, true, false])
    assert.deepEqual([reader.integer('n'), reader.integer('m')], [7, 7])
    assert.deepEqual(
      [reader.milliseconds('s'), reader.milliseconds('ms'), reader.milliseconds('parts')],
      [1500, 250, 60_000],
    )
    assert.equal(reader.text('t'), '')
    assert.deepEqual(reader.record('o'), {})
  })

  test('what is wrong is named, with its place', () => {
    const reader = read({ a: [1], n: -1, x: 'x', f: () => 1, d: { lightyears: 1 } })
    assert.throws(() => reader.text('a'), /^ImproperlyConfigured: place: a must be a text, not \[1\]$/)
    assert.throws(() => reader.flag('x'), /place: x must be true or false, not "x"/)
    assert.throws(() => reader.integer('n', 1), /place: n must be a whole number of at least 1, not -1/)
    assert.throws(() => reader.integer('x'), ImproperlyConfigured)
    assert.throws(() => reader.milliseconds('n'), /place: n must be a number of seconds/)
    assert.throws(() => reader.milliseconds('x'), /place: x: 'x' is no duration/)
    assert.throws(() => reader.milliseconds('d'), ImproperlyConfigured)
    assert.throws(() => reader.record('f'), /place: f must be an object, not a function/)
  })

  test('unknown options are refused, with what may have been meant', () => {
    read({ known: 1 }).refuseUnknown(new Set(['known', 'other']))
    assert.throws(
      () => read({ nown: 1 }).refuseUnknown(new Set(['known', 'other'])),
      /place: there is no option "nown" \(did you mean "known"\?\)/,
    )
  })
})
