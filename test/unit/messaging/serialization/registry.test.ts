import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ContentDisallowed,
  DecodeError,
  EncodeError,
  ImproperlyConfigured,
  SerializerNotInstalled,
} from '../../../../src/errors.ts'
import {
  createSerializerRegistry,
  SerializerRegistry,
} from '../../../../src/messaging/serialization/registry.ts'
import type { Serializer } from '../../../../src/messaging/serialization/serializer.ts'

const registry = createSerializerRegistry()
const accept = registry.acceptList(['json'])
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const reversed: Serializer = {
  name: 'reversed',
  contentType: 'application/x-reversed',
  contentEncoding: 'utf-8',
  encode: (value) => {
    if (typeof value !== 'string') throw new Error('no text')
    return bytes([...value].reverse().join(''))
  },
  decode: (body) => [...Buffer.from(body).toString()].reverse().join(''),
}

test('a body is encoded and decoded by name and content type [5-030]', () => {
  const { body, contentType, contentEncoding } = registry.encode([1, { a: 2n ** 64n }], 'json')
  assert.deepEqual([contentType, contentEncoding], ['application/json', 'utf-8'])
  assert.deepEqual(registry.decode(body, contentType, contentEncoding, accept), [1, { a: 2n ** 64n }])
})

test('raw bodies: texts and bytes as they are [5-034]', () => {
  assert.deepEqual(registry.encode('sö', 'raw'), {
    body: Buffer.from('sö'),
    contentType: 'application/data',
    contentEncoding: 'utf-8',
  })
  const own = bytes('x')
  assert.equal(registry.encode(own, 'raw').body, own)
  assert.equal(registry.encode(own, 'raw').contentEncoding, 'binary')
  assert.throws(
    () => registry.encode({ a: 1 }, 'raw'),
    (error) => error instanceof EncodeError && /not an object \(Object\)/.test(error.message),
  )
  assert.equal(registry.decode(bytes('sö'), 'application/data', 'utf-8', accept), 'sö')
  assert.equal(registry.decode(bytes('sö'), 'application/text', undefined, accept), 'sö')
  assert.equal(registry.decode(bytes('sö'), undefined, undefined, accept), 'sö')
  assert.equal(registry.decode(own, 'application/data', 'binary', accept), own)
  assert.equal(registry.decode(Uint8Array.of(0xf6), 'application/data', 'iso-8859-1', accept), 'ö')
  assert.throws(() => registry.decode(Uint8Array.of(0xf6), 'application/data', 'utf-8', accept), DecodeError)
  assert.throws(
    () => registry.decode(own, 'application/data', 'klingon', accept),
    /content encoding 'klingon'/,
  )
})

test('only accepted content types come in, and the two that hold plain data [5-037]', () => {
  const body = registry.encode([1], 'msgpack').body
  assert.throws(
    () => registry.decode(body, 'application/x-msgpack', 'binary', accept),
    (error) =>
      error instanceof ContentDisallowed &&
      /content of type msgpack \(application\/x-msgpack\)/.test(error.message) &&
      /add 'msgpack' to acceptContent \(accept_content\)/.test(error.message),
  )
  const both = registry.acceptList(['json', 'application/x-msgpack'])
  assert.deepEqual(registry.decode(body, 'application/x-msgpack', 'binary', both), [1])
  assert.throws(() => registry.decode(bytes('x'), 'text/plain', 'utf-8', accept), ContentDisallowed)
  assert.equal(registry.decode(bytes('x'), 'text/plain', 'utf-8', registry.acceptList(['text/plain'])), 'x')
  assert.throws(
    () => registry.decode(bytes('x'), 'application/x-unheard-of', 'utf-8', accept),
    ContentDisallowed,
  )
})

test('a content type that is accepted but unknown is a clear error', () => {
  const list = registry.acceptList(['application/x-protobuf'])
  assert.throws(
    () => registry.decode(bytes('x'), 'application/x-protobuf', 'binary', list),
    (error) =>
      error instanceof SerializerNotInstalled &&
      /no serializer 'application\/x-protobuf'/.test(error.message),
  )
  assert.throws(
    () => registry.acceptList(['jsn']),
    /no serializer 'jsn' \(did you mean "json"\?\); there are json, msgpack, yaml, pickle/,
  )
})

test('what is loaded lazily works once it is ready [5-031]', async () => {
  const fresh = createSerializerRegistry()
  assert.throws(() => fresh.encode(1, 'yaml'), /not loaded; await registry\.ready\('yaml'\) first/)
  await fresh.ready('yaml', 'json', 'raw', 'application/data', 'text/plain')
  await fresh.ready('application/x-yaml')
  const { body, contentType } = fresh.encode([1], 'yaml')
  assert.deepEqual(fresh.decode(body, contentType, 'utf-8', fresh.acceptList(['yaml'])), [1])
  await assert.rejects(fresh.ready('nothing'), SerializerNotInstalled)
})

test('a missing package is said to be missing', async () => {
  const fresh = new SerializerRegistry()
  const load = (): never => {
    throw new ImproperlyConfigured('The serializer \'x\' needs the package "x": npm install x')
  }
  fresh.registerLazy({ name: 'x', contentType: 'application/x-x', load })
  await assert.rejects(
    fresh.ready('x'),
    (error) => error instanceof SerializerNotInstalled && /npm install x/.test(error.message),
  )
})

test('pickle is refused with the reason, on the way out and in [5-032]', async () => {
  await registry.ready('pickle')
  const list = registry.acceptList(['pickle'])
  assert.throws(() => registry.encode(1, 'pickle'), SerializerNotInstalled)
  assert.throws(
    () => registry.decode(bytes('x'), 'application/x-python-serialize', 'binary', list),
    /The message is pickled/,
  )
  assert.throws(
    () => registry.decode(bytes('x'), 'application/x-python-serialize', 'binary', accept),
    ContentDisallowed,
  )
})

test('serializers can be added, replaced and removed [5-036]', () => {
  const fresh = createSerializerRegistry()
  fresh.register(reversed, ['backwards'])
  const { body } = fresh.encode('abc', 'backwards')
  assert.equal(Buffer.from(body).toString(), 'cba')
  assert.equal(fresh.decode(body, reversed.contentType, 'utf-8', fresh.acceptList(['reversed'])), 'abc')
  assert.throws(
    () => fresh.encode(5, 'reversed'),
    (error) => error instanceof EncodeError && /'reversed' failed: Error: no text/.test(error.message),
  )
  assert.ok(fresh.names.includes('reversed'))
  fresh.unregister('reversed')
  assert.throws(() => fresh.encode('abc', 'backwards'), SerializerNotInstalled)
  assert.throws(() => fresh.unregister('reversed'), SerializerNotInstalled)
})

test('a serializer may take over application/data, as auth does [5-035]', () => {
  const fresh = createSerializerRegistry()
  fresh.register({ ...reversed, name: 'auth', contentType: 'application/data' })
  assert.equal(fresh.decode(bytes('cba'), 'application/data', 'utf-8', accept), 'abc')
})

test('whatever a serializer throws on decoding is a DecodeError', () => {
  const fresh = new SerializerRegistry()
  fresh.register({
    ...reversed,
    decode: () => {
      throw new Error('oh no')
    },
  })
  const list = fresh.acceptList(['reversed'])
  assert.throws(
    () => fresh.decode(bytes('x'), reversed.contentType, 'utf-8', list),
    (error) => error instanceof DecodeError && /oh no/.test(error.message),
  )
})
