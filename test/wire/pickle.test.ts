import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { DecodeError, EncodeError } from '../../src/errors.ts'
import { Decimal } from '../../src/messaging/serialization/decimal.ts'
import { JsonSerializer } from '../../src/messaging/serialization/json.ts'
import { decodePickle, encodePickle } from '../../src/messaging/serialization/pickle/pickle.ts'
import { PlainDate } from '../../src/messaging/serialization/plain-date.ts'
import { PlainTime } from '../../src/messaging/serialization/plain-time.ts'
import { PreciseDate } from '../../src/messaging/serialization/precise-date.ts'
import { Uuid } from '../../src/messaging/serialization/uuid.ts'
import { isRecord } from '../../src/util/is-record.ts'

interface Entry {
  readonly name: string
  readonly data_b64?: string
  readonly data?: string
  readonly round_trips?: boolean
}

const document: unknown = JSON.parse(
  readFileSync(new URL('vectors/serializers.json', import.meta.url), 'utf8'),
)
assert.ok(isRecord(document) && Array.isArray(document['entries']))
const entries: readonly Entry[] = document['entries']
const byName = new Map(entries.map((entry) => [entry.name, entry]))
const bytesOf = (entry: Entry): Buffer => Buffer.from(entry.data_b64 ?? '', 'base64')

/** What is no plain value: objects of classes, functions, exceptions. */
const REFUSED = new Set([
  ...['async-result', 'chain', 'chord', 'class', 'complex', 'dict-tuple-key', 'ellipsis'],
  ...['enum', 'exception', 'exception-chord', 'exception-code', 'exception-custom', 'exception-ignore'],
  ...[
    'exception-key',
    'exception-reject',
    'exception-retry',
    'exception-revoked',
    'exception-worker-lost',
    'failure-meta',
  ],
  ...['fraction', 'function', 'group', 'group-result', 'int-enum', 'lazy', 'namedtuple', 'object'],
  ...['object-json-method', 'range', 'signature', 'str-enum', 'str-subclass'],
])

const pickles = entries.filter(({ name }) => /^pickle(?:-[2-5])?\//.test(name))

suite('Python’s pickles are read in the protocols 2 to 5, when they hold plain values [4-041] [4-071]', () => {
  for (const entry of pickles) {
    const value = entry.name.split('/')[1] ?? ''
    if (entry.data_b64 === undefined) continue
    test(entry.name, () => {
      if (REFUSED.has(value)) {
        assert.throws(() => decodePickle(bytesOf(entry)), DecodeError)
        return
      }
      const decoded = decodePickle(bytesOf(entry))
      const json = byName.get(`json/${value}`)
      if (json?.data !== undefined && !LOST_BY_JSON.has(value)) {
        assert.deepEqual(decoded, new JsonSerializer().decode(Buffer.from(json.data)))
      } else {
        const four = byName.get(`pickle-4/${value}`)
        assert.deepEqual(decoded, decodePickle(bytesOf(four ?? entry)))
      }
      assert.deepEqual(decodePickle(encodePickle(decoded)), decoded, 'what is written is read again')
    })
  }
})

/** Values that arrive differently by way of JSON: what looks like its envelopes, the kinds it has no form for, … */
const LOST_BY_JSON = new Set(['tagged-lookalike', 'tagged-unknown', 'tagged-extra-key', 'memoryview'])

test('values of every kind are written and read [4-071]', () => {
  const values: readonly unknown[] = [
    ...[0, 1, -1, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53 - 1],
    ...[
      2n ** 64n,
      -(2n ** 63n),
      -(2n ** 64n),
      2n ** 4000n,
      128n ** 20n,
      0.1,
      -0,
      1e300,
      Number.POSITIVE_INFINITY,
    ],
    ...['', 'snö 日本語 😀 \u0000', '\ud800 lone \udfff', 'x'.repeat(70_000), true, false, null],
    ...[new Uint8Array([0, 255]), new Uint8Array(300), [], {}, [[], [{}]], { __proto__x: 1, '': [null] }],
    ...[
      new Set([1, 'a']),
      new Date(0),
      new Date('0001-01-01T00:00:00Z'),
      new Date('9999-12-31T23:59:59.999Z'),
    ],
    new PreciseDate(1_709_209_815_123, { subMillisecond: 456, offset: -19_800 }),
    new PreciseDate(1_709_209_815_000, { subMillisecond: 0, offset: undefined }),
    ...[
      new PlainDate(2024, 2, 29),
      new PlainTime({ hour: 23, minute: 59, microsecond: 999_999, offset: 3600 }),
    ],
    ...[new Decimal('-1.10E+5'), new Uuid('12345678-1234-5678-1234-567812345678')],
  ]
  for (const value of values) assert.deepEqual(decodePickle(encodePickle(value)), value)
  const own = JSON.parse('{"__proto__": {"polluted": true}}')
  assert.deepEqual(decodePickle(encodePickle(own)), own)
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
})

test('what has no form in Python is refused, with its place', () => {
  for (const value of [
    () => 1,
    Symbol('s'),
    new Map(),
    new Error('e'),
    Promise.resolve(),
    new Date(Number.NaN),
  ]) {
    assert.throws(() => encodePickle({ a: [value] }), EncodeError)
  }
  assert.throws(() => encodePickle({ a: [0, new Map()] }), /at \.a\[1\].*Map/)
})

/** Programs that Python would carry out. */
const ATTACKS: Readonly<Record<string, string>> = {
  'os.system by GLOBAL': 'cos\nsystem\n(S"id"\ntR.',
  'os.system by protocol 2': '\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.',
  'posix.system by STACK_GLOBAL': '\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.',
  'builtins.eval': '\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.',
  'getattr of a maker':
    '\x80\x04\x8c\x08builtins\x8c\x07getattr\x93\x8c\x04uuid\x8c\x04UUID\x93\x8c\x09__class__\x86R.',
  'a method of a list': '\x80\x04]\x8c\x04push\x86R.',
  'a constructor by its name': '\x80\x04\x8c\x06Object\x8c\x0bconstructor\x93.',
  'a name of Map': '\x80\x04\x8c\x00\x8c\x03get\x93.',
  'a class as value': '\x80\x04\x8c\x04uuid\x8c\x04UUID\x93.',
  'a class in a tuple in a list': '\x80\x04]\x8c\x04uuid\x8c\x04UUID\x93\x85a.',
  'an unfinished object': '\x80\x04\x8c\x04uuid\x8c\x04UUID\x93)\x81.',
  'the state of a list': '\x80\x04]}b.',
  'an extension': '\x80\x02\x82\x01.',
  'a persistent id': '\x80\x02X\x01\x00\x00\x00aQ.',
  'bytes beyond the end': '\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fa.',
  'a huge integer beyond the end': '\x80\x04\x8b\xff\xff\xff\xff\x00.',
  'nothing to return': '\x80\x04.',
  'a mark that is missing': '\x80\x04]e.',
  'a memo that is missing': '\x80\x04h\x07.',
  'a protocol of the future': '\x80\x09N.',
  'no end': '\x80\x04N',
  nothing: '',
}

suite('pickles that do something are refused, and nothing is done [4-041] [4-071]', () => {
  for (const [what, program] of Object.entries(ATTACKS)) {
    test(what, () => assert.throws(() => decodePickle(Buffer.from(program, 'latin1')), DecodeError))
  }
})

test('depth costs nothing', () => {
  const deep = Buffer.concat([
    Buffer.from('\x80\x04', 'latin1'),
    Buffer.alloc(200_000, ']'),
    Buffer.alloc(199_999, 'a'),
    Buffer.from('.'),
  ])
  assert.ok(Array.isArray(decodePickle(deep)))
})
