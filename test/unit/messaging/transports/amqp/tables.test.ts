import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../../../../../src/messaging/transports/amqp/byte-writer.ts'
import { readContentHeader, UNREADABLE } from '../../../../../src/messaging/transports/amqp/content-header.ts'
import { tableArguments } from '../../../../../src/messaging/transports/amqp/table-arguments.ts'
import { readTable } from '../../../../../src/messaging/transports/amqp/table-reader.ts'
import { sameEveryRun } from '../../../../support/seed.ts'

sameEveryRun()

test('a table is read as it was written', () => {
  const bytes = new Uint8Array([0, 255, 7])
  const table = {
    text: 'snö ☃ 😀',
    empty: '',
    nothing: null,
    yes: true,
    no: false,
    small: 7,
    negative: -5,
    largest32: 2 ** 31 - 1,
    beyond32: 1_700_000_000_000,
    below32: -1_700_000_000_000,
    fraction: 1.5,
    huge: 1e300,
    big: 2n ** 60n + 1n,
    bytes,
    date: new Date(1_893_542_400_000),
    list: [1, 'a', null, [true], { k: 1 }],
    table: { nested: { deep: [2.5] } },
  }
  assert.deepEqual(roundTrip(table), table)
})

test('integers have the types that every version of Python’s amqp reads', () => {
  assert.equal(typeOf(0), 'I')
  assert.equal(typeOf(-1), 'I')
  assert.equal(typeOf(-(2 ** 31)), 'L')
  assert.equal(typeOf(2 ** 31), 'l')
  assert.equal(typeOf(5n), 'l')
  assert.equal(typeOf(0.5), 'd')
  assert.equal(typeOf(2 ** 53), 'd')
})

test('undefined is left out of tables and is null in arrays', () => {
  assert.deepEqual(roundTrip({ gone: undefined, list: [undefined, 1] }), { list: [null, 1] })
})

test('what a table cannot hold is refused by name', () => {
  assert.throws(() => roundTrip({ callback: () => 1 }), /callback: .* cannot be a value in AMQP headers/)
  assert.throws(() => roundTrip({ id: 2n ** 64n }), /id: 18446744073709551616 cannot be a value/)
  assert.throws(() => roundTrip({ ['k'.repeat(256)]: 1 }), /256 bytes, AMQP allows 255/)
})

test('any JSON survives the way', () => {
  const value = fc.jsonValue().filter((json) => !JSON.stringify(json).includes('-0'))
  fc.assert(
    fc.property(fc.dictionary(fc.string({ maxLength: 50, unit: 'grapheme' }), value), (table) => {
      const plain = JSON.parse(JSON.stringify(table))
      assert.deepEqual(roundTrip(plain), plain)
    }),
  )
})

test('types that other clients write are read', () => {
  const one = (tag: string, ...bytes: number[]): unknown => read([1, 0x6b, tag.charCodeAt(0), ...bytes])['k']
  assert.equal(one('b', 0xfb), -5)
  assert.equal(one('B', 0xfb), 251)
  assert.equal(one('s', 0xff, 0xfe), -2)
  assert.equal(one('U', 0xff, 0xfe), -2)
  assert.equal(one('u', 0xff, 0xfe), 65_534)
  assert.equal(one('i', 0xff, 0xff, 0xff, 0xff), 4_294_967_295)
  assert.equal(one('f', 0x3f, 0xc0, 0, 0), 1.5)
  assert.equal(one('D', 2, 0, 0, 0, 125), 1.25)
  assert.equal(one('L', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), -1)
  assert.equal(one('l', 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 2n ** 63n - 1n)
})

test('text that is no UTF-8 is bytes, as Python writes bytes as text', () => {
  assert.deepEqual(read([1, 0x6b, 0x53, 0, 0, 0, 2, 0x61, 0xff])['k'], new Uint8Array([0x61, 0xff]))
  assert.equal(read([1, 0x6b, 0x53, 0, 0, 0, 3, 0xef, 0xbf, 0xbd])['k'], '\ufffd')
})

test('a header table that cannot be read says so and spoils nothing else', () => {
  const table = [1, 0x6b, 0x3f]
  const header = Buffer.from([0x34, 0x00, 0, 0, 0, table.length, ...table, 2, 2, 0x69, 0x64])
  const { headers, properties } = readContentHeader({ bytes: header, offset: 0 })
  assert.deepEqual(Object.keys(headers), [UNREADABLE])
  assert.match(String(headers[UNREADABLE]), /unknown type 0x3f/)
  assert.deepEqual(properties, { deliveryMode: 2, correlationId: 'id' })
})

test('arguments are marked with 32-bit integers for amqplib', () => {
  assert.deepEqual(
    tableArguments({
      'x-expires': 10,
      'x-queue-type': 'quorum',
      gone: undefined,
      l: [1],
      big: 2 ** 40,
      f: 0.5,
    }),
    {
      'x-expires': { '!': 'int', value: 10 },
      'x-queue-type': 'quorum',
      l: [{ '!': 'int', value: 1 }],
      big: { '!': 'long', value: 2 ** 40 },
      f: { '!': 'double', value: 0.5 },
    },
  )
  assert.throws(() => tableArguments({ f: () => 1 }), /argument f cannot be/)
})

function write(table: Record<string, unknown>): Buffer {
  const writer = new ByteWriter()
  writer.table(table)
  return writer.copy()
}

function roundTrip(table: Record<string, unknown>): Record<string, unknown> {
  return readTable({ bytes: write(table), offset: 0 })
}

/** The tag of a value: behind the length of the table and the key of one letter. */
function typeOf(value: unknown): string {
  return String.fromCharCode(write({ k: value })[6] ?? 0)
}

function read(content: readonly number[]): Record<string, unknown> {
  return readTable({ bytes: Buffer.from([0, 0, 0, content.length, ...content]), offset: 0 })
}
