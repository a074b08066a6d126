import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError, EncodeError } from '../../../../src/errors.ts'
import { Decimal } from '../../../../src/messaging/serialization/decimal.ts'
import { PlainDate } from '../../../../src/messaging/serialization/plain-date.ts'
import { PreciseDate } from '../../../../src/messaging/serialization/precise-date.ts'
import { loadYamlSerializer } from '../../../../src/messaging/serialization/yaml.ts'
import { Float } from '../../../../src/util/float.ts'

const yaml = await loadYamlSerializer()
const write = (value: unknown): string => Buffer.from(yaml.encode(value)).toString().trimEnd()
const read = (text: string): unknown => yaml.decode(Buffer.from(text))

// What PyYAML's safe_load makes of plain words.
const words: [text: string, value: unknown][] = [
  ['yes', true],
  ['Off', false],
  ['y', 'y'],
  ['~', null],
  ['', null],
  ['1e3', '1e3'],
  ['1.0e+3', 1000],
  ['1.5e3', '1.5e3'],
  ['1_000', 1000],
  ['0o17', '0o17'],
  ['017', 15],
  ['08', '08'],
  ['0x1F', 31],
  ['-0b11', -3],
  ['1:30', 90],
  ['-1:30:05', -5405],
  ['1:30.5', 90.5],
  ['+12', 12],
  ['.5', 0.5],
  ['-.inf', Number.NEGATIVE_INFINITY],
  ['.NaN', Number.NaN],
  ['9007199254740993', 9007199254740993n],
  ['2024-02-29', new PlainDate(2024, 2, 29)],
  ['2001-1-1 1:02:03.5 -5', new Date(Date.UTC(2001, 0, 1, 6, 2, 3, 500))],
  ['2001-12-14t21:59:43.10-05:00', new Date(Date.UTC(2001, 11, 15, 2, 59, 43, 100))],
]

for (const [text, expected] of words) {
  test(`${JSON.stringify(text)} is what PyYAML says it is [5-031]`, () => {
    const value = read(text)
    if (expected instanceof Date) assert.equal(Number(value), Number(expected))
    else assert.deepStrictEqual(value, expected)
  })
}

test('anchors, merges, sets and bytes are read', () => {
  assert.deepEqual(read('- &a [1]\n- *a'), [[1], [1]])
  assert.deepEqual(read('base: &b {x: 1, y: 2}\nall: {<<: *b, y: 3}'), {
    base: { x: 1, y: 2 },
    all: { x: 1, y: 3 },
  })
  assert.deepEqual(read('!!set {1, 2}'), new Set([1, 2]))
  assert.deepEqual(read('!!binary "/wCA"'), new Uint8Array([255, 0, 128]))
  assert.deepEqual(read('{1: a, true: b, ~: c, 2024-02-29: d}'), {
    1: 'a',
    true: 'b',
    null: 'c',
    '2024-02-29': 'd',
  })
})

test('what safe_load refuses is refused', () => {
  const wrong = [
    '!!python/tuple [1]',
    '!!python/object/apply:os.system ["ls"]',
    '!mine 5',
    '&a [*a]',
    '*nobody',
    '[1',
    '--- 1\n--- 2',
  ]
  wrong.push('{[1]: 2}', '!!timestamp "soon"', '9'.repeat(5000), '2024-02-30', '{a: 1, !!binary "/w==": 2}')
  for (const text of wrong) assert.throws(() => read(text), DecodeError, text.slice(0, 40))
  assert.throws(() => yaml.decode(Uint8Array.of(0xff)), /not valid UTF-8/)
})

test('a bomb of aliases does not go off', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 12; i++)
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    )
  assert.throws(() => read(lines.join('\n')), DecodeError)
})

test('values are written so that PyYAML cannot misread them [5-031]', () => {
  const written: [unknown, string][] = [
    [{ a: [1, 1.5, 'yes', null, true] }, '{"a": [1, 1.5, "yes", null, true]}'],
    [[1e16, 1e-7, 1.5e300, Number.NaN, -Infinity, -0], '[1.0e+16, 1.0e-07, 1.5e+300, .nan, -.inf, -0.0]'],
    ['é😀\x7f\u2028', '"\\u00e9\\U0001f600\\u007f\\u2028"'],
    [new Date(Date.UTC(2024, 1, 29)), '!!timestamp "2024-02-29T00:00:00+00:00"'],
    [PreciseDate.fromIsoFormat('2024-02-29T01:02:03.000004'), '!!timestamp "2024-02-29T01:02:03.000004"'],
    [new PlainDate(2024, 2, 29), '!!timestamp "2024-02-29"'],
    [new Uint8Array([255]), '!!binary "/w=="'],
    [new Set(['a', 1]), '!!set {? "a", ? 1}'],
    [{ ['k'.repeat(1500)]: 1 }, `{? "${'k'.repeat(1500)}": 1}`],
  ]
  for (const [value, text] of written) {
    assert.equal(write(value), text)
    assert.deepStrictEqual(read(text), value)
  }
})

test('a Float is a float to PyYAML even when it is integral [5-047]', () => {
  assert.equal(write([new Float(5), new Float(1e16)]), '[5.0, 1.0e+16]')
})

test('what YAML has no form for is refused', () => {
  assert.throws(
    () => write([new Decimal('1')]),
    (error) => error instanceof EncodeError && /at \[0\].*Decimal/.test(error.message),
  )
  assert.throws(() => write(new Set([[1]])), /nothing but simple values/)
  assert.throws(() => write(PreciseDate.fromIsoFormat('2024-02-29T12:30:00+01:00:15')), /offset with seconds/)
})
