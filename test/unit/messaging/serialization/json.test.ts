import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError, EncodeError } from '../../../../src/errors.ts'
import { Decimal } from '../../../../src/messaging/serialization/decimal.ts'
import { JsonSerializer } from '../../../../src/messaging/serialization/json.ts'
import type { JsonType } from '../../../../src/messaging/serialization/json-types.ts'
import { PlainDate } from '../../../../src/messaging/serialization/plain-date.ts'
import { PlainTime } from '../../../../src/messaging/serialization/plain-time.ts'
import { PreciseDate } from '../../../../src/messaging/serialization/precise-date.ts'
import { Uuid } from '../../../../src/messaging/serialization/uuid.ts'
import { Float } from '../../../../src/util/float.ts'

const json = new JsonSerializer()
const write = (value: unknown): string => Buffer.from(json.encode(value)).toString()
const read = (text: string): unknown => json.decode(Buffer.from(text))

const written: [value: unknown, text: string][] = [
  [[[2, 3], { x: [1.5, null] }, { callbacks: null }], '[[2,3],{"x":[1.5,null]},{"callbacks":null}]'],
  [undefined, 'null'],
  [[undefined, { a: undefined, b: 1 }], '[null,{"b":1}]'],
  [[Number.NaN, Infinity, -Infinity], '[NaN,Infinity,-Infinity]'],
  [-0, '-0.0'],
  [2 ** 53 - 1, '9007199254740991'],
  [2 ** 53, '9007199254740992.0'],
  [1e100, '1e+100'],
  [[{ n: 2n ** 70n }], '[{"n":1180591620717411303424}]'],
  [5n, '5'],
  ['snö \ud800 \u2028', '"snö \\ud800 \u2028"'],
  [new Date(Date.UTC(2024, 1, 29)), '{"__type__":"datetime","__value__":"2024-02-29T00:00:00+00:00"}'],
  [new PlainDate(2024, 2, 29), '{"__type__":"date","__value__":"2024-02-29"}'],
  [new PlainTime({ hour: 1, microsecond: 5 }), '{"__type__":"time","__value__":"01:00:00.000005"}'],
  [new Decimal('1.10'), '{"__type__":"decimal","__value__":"1.10"}'],
  [
    new Uuid('12345678-1234-5678-1234-567812345678'),
    '{"__type__":"uuid","__value__":{"hex":"12345678123456781234567812345678"}}',
  ],
  [new TextEncoder().encode('ö'), '{"__type__":"bytes","__value__":"ö"}'],
  [Buffer.from([255, 0, 128]), '{"__type__":"base64","__value__":"/wCA"}'],
  [{ toJSON: () => ({ task: 'add' }) }, '{"task":"add"}'],
  [{ toWire: () => [1n], toJSON: () => 'for people' }, '[1]'],
  [
    new (class Point {
      x = 1
    })(),
    '{"x":1}',
  ],
  [[Object('text'), Object(1), Object(true)], '["text",1,true]'],
  [
    Object.assign(Object.create(null), { a: new Date(0) }),
    '{"a":{"__type__":"datetime","__value__":"1970-01-01T00:00:00+00:00"}}',
  ],
]

for (const [value, text] of written) {
  test(`${text.slice(0, 60)} is written [5-038] [5-044]`, () => {
    assert.equal(write(value), text)
  })
}

test('a Float is a float to Python even when it is integral [5-047]', () => {
  assert.equal(write([new Float(5), new Float(1e16), new Float(0.5), 5]), '[5.0,1e+16,0.5,5]')
  assert.equal(JSON.stringify({ at: new Float(5) }), '{"at":5}')
  assert.equal(Number(new Float(5)) + 1, 6)
})

test('the same value twice is no circle', () => {
  const shared = { d: new Date(0) }
  assert.equal(write([shared, shared]), write([{ d: new Date(0) }, { d: new Date(0) }]))
})

test('what cannot be sent is refused with its place and a remedy', () => {
  const circle: { list: unknown[] } = { list: [] }
  circle.list.push(circle)
  const refused: [unknown, RegExp][] = [
    [
      [[1, { user: new Map() }]],
      /at \[0\]\[1\]\.user: a Map cannot be sent; send Object\.fromEntries\(map\)/,
    ],
    [new Set([1]), /value: a Set cannot be sent; send \[\.\.\.set\]/],
    [{ f: () => 1 }, /at \.f: a function \(f\) cannot be sent/],
    [[Symbol('s')], /at \[0\]: a symbol/],
    [circle, /at \.list\[0\]: it contains itself/],
    [[new TypeError('x')], /an error \(TypeError\) cannot be sent/],
    [[Promise.resolve()], /a Promise cannot be sent; await it first/],
    [[/x/], /a RegExp cannot be sent/],
    [[new Float64Array(1)], /a Float64Array cannot be sent; send a Uint8Array/],
    [[[].values()], /an iterator cannot be sent; send an array/],
    [{ when: new Date(Number.NaN) }, /at \.when: .*invalid Date/],
    [{ a: { toJSON: () => assert.fail('broken') } }, /at \.a: broken/],
  ]
  for (const [value, message] of refused) {
    assert.throws(
      () => write(value),
      (error) => error instanceof EncodeError && message.test(error.message),
      String(message),
    )
  }
})

test('values nested too deeply are refused, not fatal', () => {
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  assert.throws(
    () => write(deep),
    (error) => error instanceof EncodeError && /nested so deeply/.test(error.message),
  )
  const text = `${'['.repeat(100_000)}{"__type__":"nope"}${']'.repeat(100_000)}`
  assert.throws(() => read(text), DecodeError)
})

test('values of moderate depth are written', () => {
  let deep: unknown = { n: 1 }
  for (let i = 0; i < 200; i++) deep = [deep]
  assert.deepEqual(read(write(deep)), deep)
})

const readCases: [text: string, value: unknown][] = [
  ['[NaN, Infinity, -Infinity, "NaN", "a\\"NaN"]', [Number.NaN, Infinity, -Infinity, 'NaN', 'a"NaN']],
  ['{"NaN": NaN}', { NaN: Number.NaN }],
  [
    '[9007199254740991, 9007199254740993, -9007199254740993]',
    [9007199254740991, 9007199254740993n, -9007199254740993n],
  ],
  ['{"a": {"b": [123456789012345678901234567890]}}', { a: { b: [123456789012345678901234567890n] } }],
  ['[1e16, 12345678901234567.0, 0.1234567890123456]', [1e16, 12345678901234568, 0.1234567890123456]],
  ['["1234567890123456789", 1]', ['1234567890123456789', 1]],
  [
    '[9007199254740993, NaN, {"__type__": "date", "__value__": "2024-02-29"}]',
    [9007199254740993n, Number.NaN, new PlainDate(2024, 2, 29)],
  ],
  ['{"a": 1, "a": 2}', { a: 2 }],
  ['"\\ud800"', '\ud800'],
  ['{"__type__": "date", "__value__": "2024-02-29T10:00:00"}', new PlainDate(2024, 2, 29)],
  ['{"__type__": "bytes", "__value__": "ö"}', new Uint8Array([195, 182])],
  ['{"__type__": "base64", "__value__": "/wCA"}', new Uint8Array([255, 0, 128])],
  ['{"__type__": "datetime", "__value__": "2024-02-29T12:30:00Z"}', new Date(Date.UTC(2024, 1, 29, 12, 30))],
  ['{"__type__": "date", "__value__": "x", "more": 1}', { __type__: 'date', __value__: 'x', more: 1 }],
  ['{"__type__": "date"}', { __type__: 'date' }],
]

for (const [text, value] of readCases) {
  test(`${text.slice(0, 60)} is read [5-045] [5-046]`, () => {
    assert.deepStrictEqual(read(text), value)
  })
}

test('the key __proto__ is data and touches no prototype', () => {
  for (const text of [
    '{"__proto__": {"admin": true}}',
    '{"__proto__": {"admin": true, "n": 12345678901234567890}, "x": "__type__"}',
  ]) {
    const value = read(text)
    assert.ok(typeof value === 'object' && value !== null)
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.ok(Object.hasOwn(value, '__proto__'))
    assert.equal('admin' in {}, false)
    assert.deepStrictEqual(read(write(value)), value)
  }
})

test('datetimes of Python go back as they came, to the microsecond and with their offset [5-039]', () => {
  const times = ['2024-02-29T12:30:15.123456', '2024-02-29T12:30:15', '2024-02-29T12:30:15.123456+05:30']
  times.push(
    '0001-01-01T00:00:00',
    '9999-12-31T23:59:59.999999',
    '2024-02-29T12:30:00+01:00:15',
    '1969-12-31T23:59:59.999999-03:30',
  )
  for (const time of times) {
    const text = `{"__type__":"datetime","__value__":"${time}"}`
    const value = read(text)
    assert.ok(value instanceof PreciseDate)
    assert.equal(write(value), text)
  }
  const plain = read('{"__type__":"datetime","__value__":"2024-02-29T12:30:15.123000+00:00"}')
  assert.equal(Object.getPrototypeOf(plain), Date.prototype)
})

test('what is no JSON of kombu is refused [5-043]', () => {
  const wrong = [
    '',
    '{',
    '[1,]',
    'nan',
    '[NaN',
    '"NaN',
    '\ufeff{}',
    `[${'1'.repeat(5000)}]`,
    '[--Infinity]',
    '{"a" NaN}',
  ]
  wrong.push('{"__type__": "nope", "__value__": 1}', '{"__type__": 5, "__value__": 1}')
  wrong.push('{"__type__": "datetime", "__value__": "soon"}', '{"__type__": "datetime", "__value__": 5}')
  wrong.push(
    '{"__type__": "uuid", "__value__": {"hex": "xyz"}}',
    '{"__type__": "decimal", "__value__": "1,5"}',
  )
  for (const text of wrong) assert.throws(() => read(text), DecodeError, text.slice(0, 40))
  assert.throws(() => json.decode(Uint8Array.of(0x22, 0xff, 0x22)), /not valid UTF-8/)
  assert.throws(
    () => read('{"__type__": "datetme", "__value__": 1}'),
    /no JSON type "datetme".*did you mean "datetime"/,
  )
})

test('a long text that is never closed costs no more than its length', () => {
  const text = `NaN "${'\\"'.repeat(500_000)}`
  assert.throws(() => read(text), DecodeError)
})

test('kinds of values can be added [5-036]', () => {
  class Money {
    readonly cents: number
    constructor(cents: number) {
      this.cents = cents
    }
  }
  const money: JsonType = {
    marker: 'money',
    encode: (value) => (value instanceof Money ? value.cents : undefined),
    decode: (payload) => new Money(Number(payload)),
  }
  const serializer = new JsonSerializer([money])
  const bytes = serializer.encode({ price: new Money(5) })
  assert.equal(Buffer.from(bytes).toString(), '{"price":{"__type__":"money","__value__":5}}')
  assert.deepStrictEqual(serializer.decode(bytes), { price: new Money(5) })
})

test('what is decoded shares no memory with others', () => {
  const value = read('{"__type__": "base64", "__value__": "/wCA"}')
  assert.ok(value instanceof Uint8Array)
  assert.equal(value.buffer.byteLength, 3)
})
