import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Float } from '../../../src/util/float.ts'
import { pythonFloat, pythonNumber } from '../../../src/util/python-number.ts'
import { pythonString } from '../../../src/util/python-string.ts'
import { repr, reprArgs, reprKwargs } from '../../../src/util/repr.ts'

interface Case {
  readonly value: unknown
  readonly maxLength: number
  readonly repr: string
  readonly tuple?: string
}

test("400 random values are shown and cut as Celery's saferepr does [5-012]", () => {
  const file = new URL('../../wire/vectors/saferepr.json', import.meta.url)
  const { entries }: { entries: Case[] } = JSON.parse(readFileSync(file, 'utf8'))
  assert.equal(entries.length, 400)
  for (const { value, maxLength, repr: expected, tuple } of entries) {
    assert.equal(repr(value, { maxLength }), expected)
    if (tuple !== undefined && Array.isArray(value)) assert.equal(reprArgs(value, maxLength), tuple)
  }
})

test('arguments are a tuple and a dict [5-012]', () => {
  assert.equal(reprArgs([]), '()')
  assert.equal(reprArgs([2]), '(2,)')
  assert.equal(reprArgs([2, [3], { x: null }]), "(2, [3], {'x': None})")
  assert.equal(reprKwargs({}), '{}')
  assert.equal(reprKwargs({ x: 2, y: undefined, z: "it's" }), "{'x': 2, 'z': 'it\\'s'}")
})

test('long arguments are cut at 1024 characters [5-012]', () => {
  const shown = reprArgs(['x'.repeat(3000), Array.from({ length: 2000 }, (_, i) => i)])
  assert.equal(shown, `('${'x'.repeat(1023)}...', ...)`)
})

test('numbers', () => {
  assert.equal(
    repr([1, -0, 0.5, 1e-7, 1e-5, 1e16, 1e100, 2 ** 53]),
    '[1, -0.0, 0.5, 1e-07, 1e-05, 1e+16, 1e+100, 9007199254740992.0]',
  )
  assert.equal(repr([Number.NaN, Infinity, -Infinity, 2n ** 70n]), '[nan, inf, -inf, 1180591620717411303424]')
  assert.equal(pythonNumber(1), '1')
  assert.equal(pythonFloat(1), '1.0')
  assert.equal(pythonFloat(1234567890123456), '1234567890123456.0')
  assert.equal(pythonFloat(-0.0001), '-0.0001')
})

test('objects of classes', () => {
  class Point {
    x = 1
  }
  class Money {
    pythonRepr(): string {
      return "Money('5')"
    }
  }
  class Broken {
    toJSON(): never {
      throw new Error('no')
    }
  }
  const shown: [unknown, string][] = [
    [
      new Date(Date.UTC(2024, 1, 29, 12, 30)),
      'datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)',
    ],
    [
      new Date(Date.UTC(2024, 1, 29, 12, 30, 0, 5)),
      'datetime.datetime(2024, 2, 29, 12, 30, 0, 5000, tzinfo=datetime.timezone.utc)',
    ],
    [new Date(Number.NaN), '<Invalid Date>'],
    [new Uint8Array([97, 98]), "b'ab'"],
    [Buffer.from([255, 0]), "b'ff00'"],
    [new Set(), 'set()'],
    [new Set([1, 2]), '{1, 2}'],
    [new Map<unknown, unknown>([[1, 'a']]), "{1: 'a'}"],
    [new TypeError("can't"), 'TypeError("can\'t")'],
    [new Point(), '<Point object>'],
    [new Money(), "Money('5')"],
    [new Float(5), '5.0'],
    [new Broken(), '<Unrepresentable Broken: Error: no>'],
    [{ toJSON: () => 1 }, "{'toJSON': <function toJSON>}"],
    [() => 1, '<function anonymous>'],
    [Symbol('s'), '<Symbol(s)>'],
    [Promise.resolve(), '<Promise object>'],
  ]
  for (const [value, text] of shown) assert.equal(repr(value), text)
})

test('bytes are cut, too', () => {
  assert.equal(repr(new Uint8Array(100).fill(97), { maxLength: 10 }), "b'aaaaaaaaaa...'")
})

test('depth and cycles', () => {
  assert.equal(repr([[[[1]]]]), '[[[[...]]]]')
  assert.equal(repr([[[[1]]]], { maxLevels: 0 }), '[[[[1]]]]')
  const circle: unknown[] = []
  circle.push(circle)
  assert.equal(repr(circle, { maxLevels: 0 }), '[<Recursion on list>]')
  const shared = [1]
  assert.equal(repr([shared, shared]), '[[1], [1]]')
})

test('pythonString chooses its quotes and escapes what cannot be seen', () => {
  const shown: [string, string][] = [
    ['plain', "'plain'"],
    ['with space', "'with space'"],
    ["it's", '"it\'s"'],
    ['a\'"b', "'a\\'\"b'"],
    ['back\\slash', "'back\\\\slash'"],
    ['\0\x7f\n\r\t', "'\\x00\\x7f\\n\\r\\t'"],
    ['é☃😀\u200b\u2028', "'é☃😀\\u200b\\u2028'"],
    ['\ud800', "'\\ud800'"],
    ['\u{e0001}', "'\\U000e0001'"],
  ]
  for (const [text, expected] of shown) assert.equal(pythonString(text), expected)
})
