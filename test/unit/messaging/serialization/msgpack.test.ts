import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError, EncodeError } from '../../../../src/errors.ts'
import { Decimal } from '../../../../src/messaging/serialization/decimal.ts'
import { MsgpackSerializer } from '../../../../src/messaging/serialization/msgpack.ts'
import { PreciseDate } from '../../../../src/messaging/serialization/precise-date.ts'
import { Float } from '../../../../src/util/float.ts'

const msgpack = new MsgpackSerializer()
const hex = (value: unknown): string => Buffer.from(msgpack.encode(value)).toString('hex')
const read = (text: string): unknown => msgpack.decode(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const pairs: [value: unknown, bytes: string][] = [
  [127, '7f'],
  [128, 'cc80'],
  [256, 'cd0100'],
  [65_536, 'ce00010000'],
  [4_294_967_296, 'cf0000000100000000'],
  [-32, 'e0'],
  [-33, 'd0df'],
  [-129, 'd1ff7f'],
  [-32_769, 'd2ffff7fff'],
  [-2_147_483_649, 'd3ffffffff7fffffff'],
  [2n ** 64n - 1n, 'cfffffffffffffffff'],
  [-(2n ** 63n), 'd38000000000000000'],
  [-0, 'cb8000000000000000'],
  [0.5, 'cb3fe0000000000000'],
  [2 ** 53, 'cb4340000000000000'],
  ['é', 'a2c3a9'],
  ['x'.repeat(32), `d920${'78'.repeat(32)}`],
  ['x'.repeat(256), `da0100${'78'.repeat(256)}`],
  [new Uint8Array([1, 2]), 'c4020102'],
  [Array(16).fill(null), `dc0010${'c0'.repeat(16)}`],
  [{ a: [true, false] }, '81a16192c3c2'],
  [new Date(1_700_000_000_005), 'c70cff004c4b40000000006553f100'],
  [new Date(-1), 'c70cff3b8b87c0ffffffffffffffff'],
]

for (const [value, bytes] of pairs) {
  test(`${bytes.slice(0, 40)} both ways [5-033]`, () => {
    assert.equal(hex(value), bytes)
    assert.deepStrictEqual(read(bytes), value)
  })
}

test('a Float takes 64 bits even when it is integral [5-047]', () => {
  assert.equal(hex([new Float(1)]), '91cb3ff0000000000000')
})

test('small bigints go as the integers they are', () => {
  assert.equal(hex([5n, -5n, 300n]), '9305fbcd012c')
})

test('all forms of timestamps are read, with their microseconds', () => {
  assert.deepEqual(read('d6ff 00000005'), new Date(5000))
  assert.deepEqual(read('d7ff 0000000000000005'), new Date(5000))
  const precise = read('d7ff 0000 0fa0 0000 0005')
  assert.ok(precise instanceof PreciseDate)
  assert.equal(precise.toIsoFormat(), '1970-01-01T00:00:05.000001+00:00')
  assert.deepStrictEqual(msgpack.decode(msgpack.encode(precise)), precise)
})

test('what other programs may write is read: float 32, larger forms than needed', () => {
  assert.deepEqual(read('96 ca3f000000 cc05 cd0005 d9 01 61 de0001a16105 dd0000000105'), [
    0.5,
    5,
    5,
    'a',
    { a: 5 },
    [5],
  ])
})

test('the key __proto__ is data', () => {
  const value = read('81 a9 5f5f70726f746f5f5f 81 a161 01')
  assert.ok(typeof value === 'object' && value !== null)
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
  assert.ok(Object.hasOwn(value, '__proto__'))
})

test('what is no MessagePack of Python is refused', () => {
  const wrong = [
    '',
    'c1',
    'a261',
    'c4ff',
    'dd ffffffff',
    'df 7fffffff',
    '810101',
    '0101',
    'a1ff',
    'd40500',
    'c703ff000000',
  ]
  wrong.push('91'.repeat(100_000))
  wrong.push('c70cff 00000000 7fffffffffffffff')
  for (const bytes of wrong) assert.throws(() => read(bytes), DecodeError, bytes.slice(0, 30))
})

test('what MessagePack has no form for is refused with its place', () => {
  assert.throws(
    () => hex({ a: [2n ** 64n] }),
    (error) => error instanceof EncodeError && /at \.a\[0\].*64 bits/.test(error.message),
  )
  assert.throws(() => hex([new Decimal('1')]), /at \[0\]: MessagePack has no form for a Decimal; send a text/)
  assert.throws(() => hex([new Date(Number.NaN)]), /invalid Date/)
})
