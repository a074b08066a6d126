import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DecodeError, EncodeError } from '../../../../src/errors.ts'
import { PlainDate } from '../../../../src/messaging/serialization/plain-date.ts'
import {
  decodeEnvelope,
  encodeEnvelope,
  markRedelivered,
} from '../../../../src/messaging/virtual/envelope.ts'
import type { StoredMessage } from '../../../../src/messaging/virtual/queue-store.ts'

const message = (changes: Partial<StoredMessage> = {}): StoredMessage => ({
  body: Buffer.from('[1]'),
  properties: {},
  headers: {},
  exchange: '',
  routingKey: 'q',
  redelivered: false,
  ...changes,
})

suite('envelope', () => {
  test('everything that a message can have comes back', () => {
    const full = message({
      body: Uint8Array.from([0, 255, 128, 7]),
      properties: {
        contentType: 'application/x-python-serialize',
        contentEncoding: 'binary',
        correlationId: 'c\u2603"',
        replyTo: 'r',
        deliveryMode: 1,
        priority: 9,
        expiration: '60000',
        messageId: 'm',
        timestamp: 12,
        type: 't',
        userId: 'u',
        appId: 'a',
        extra: { MessageGroupId: 'g', nested: { a: [1] } },
      },
      headers: { a: null, b: { c: [1, 'ö'] } },
      exchange: 'ex',
      routingKey: 'a.b',
      redelivered: true,
    })
    const { body, properties, headers, exchange, routingKey, redelivered } = decodeEnvelope(
      encodeEnvelope(full),
    )
    assert.deepEqual(
      { body: Uint8Array.from(body), properties, headers, exchange, routingKey, redelivered },
      { ...full, properties: { ...full.properties }, headers: { ...full.headers, redelivered: true } },
    )
  })

  test('each envelope has a delivery tag of its own and the priority 0 unless another one is given', () => {
    const tags = [1, 2].map(() => JSON.parse(encodeEnvelope(message())).properties)
    assert.notEqual(tags[0].delivery_tag, tags[1].delivery_tag)
    assert.equal(tags[0].priority, 0)
  })

  test('a body that is a view into a larger buffer is written alone', () => {
    const large = new Uint8Array(100).fill(65)
    const body = large.subarray(10, 13)
    assert.equal(Buffer.from(decodeEnvelope(encodeEnvelope(message({ body }))).body).toString(), 'AAA')
  })

  test('bodies as text: written when asked for and possible, always read [5-094]', () => {
    const text = encodeEnvelope(message({ body: Buffer.from('snö "☃"') }), 'text')
    assert.equal(JSON.parse(text).body, 'snö "☃"')
    assert.equal(Buffer.from(decodeEnvelope(text).body).toString(), 'snö "☃"')
    const binary = encodeEnvelope(message({ body: Uint8Array.from([255]) }), 'text')
    assert.deepEqual([...decodeEnvelope(binary).body], [255])
    for (const encoding of [null, '', 'utf-8', 'UTF8', 'raw']) {
      const body = decodeEnvelope(
        JSON.stringify({ body: 'ab', properties: { body_encoding: encoding } }),
      ).body
      assert.equal(Buffer.from(body).toString(), 'ab')
    }
  })

  test('envelopes of other producers: members missing, unknown ones there', () => {
    const bare = decodeEnvelope('{"body": null, "unknown": 1}')
    assert.deepEqual([...bare.body], [])
    assert.deepEqual(bare.properties, {})
    assert.deepEqual(bare.headers, {})
    const odd = decodeEnvelope(
      '{"headers": null, "properties": {"priority": "3", "delivery_info": null, "expiration": 5}}',
    )
    assert.deepEqual(odd.properties, { expiration: '5' })
    assert.deepEqual(odd.headers, {})
  })

  test("Python's NaN and Infinity outside of texts are those numbers", () => {
    const { headers } = decodeEnvelope(
      '{"headers": {"a": NaN, "b": [-Infinity, Infinity], "c": "NaN \\" Infinity"}}',
    )
    assert.deepEqual(headers, {
      a: Number.NaN,
      b: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
      c: 'NaN " Infinity',
    })
  })

  // kombu writes the whole envelope as it writes bodies.
  test('values in headers that JSON does not know go over and come back [5-042 5-045]', () => {
    const headers = {
      when: new Date('2030-01-02T03:04:05.678Z'),
      bytes: Uint8Array.from([1, 255]),
      large: 2n ** 70n,
      rate: Number.POSITIVE_INFINITY,
      nested: { day: new PlainDate(2030, 1, 2) },
    }
    const text = encodeEnvelope(message({ headers }))
    assert.match(text, /"when":\{"__type__":"datetime","__value__":"2030-01-02T03:04:05\.678/)
    const back = decodeEnvelope(text).headers
    assert.deepEqual({ ...back, bytes: Uint8Array.from(Object.values(back['bytes'] ?? {})) }, headers)
    const body = JSON.stringify({ __type__: 'unheard-of' })
    assert.equal(
      Buffer.from(
        decodeEnvelope(encodeEnvelope(message({ body: Buffer.from(body) }), 'text')).body,
      ).toString(),
      body,
    )
  })

  test('what is no envelope is refused with a part of it', () => {
    for (const text of [
      '',
      'x',
      '[]',
      '"a"',
      '{"body": 1}',
      '{"properties": []}',
      '{"properties": {"body_encoding": "rot13"}}',
    ]) {
      assert.throws(() => decodeEnvelope(text), DecodeError, text)
    }
    assert.throws(() => decodeEnvelope(`{"a": ${'x'.repeat(500)}`), /no JSON: "\{\\"a\\": x{94}…"/)
  })

  test('headers that JSON cannot hold are refused', () => {
    assert.throws(() => encodeEnvelope(message({ headers: { n: () => 1 } })), EncodeError)
  })

  test('marking as redelivered finds the right places in any order and keeps large numbers', () => {
    const tricky =
      '{"properties": {"x": {"delivery_info": {}}, "delivery_info" : {"exchange": "\\"}{"} }, ' +
      '"body": "\\"headers\\": {", "list": [{"headers": {}}], "headers": { }, "big": 12345678901234567890}'
    assert.equal(
      markRedelivered(tricky),
      '{"properties": {"x": {"delivery_info": {}}, "delivery_info" : {"redelivered": true, "exchange": "\\"}{"} }, ' +
        '"body": "\\"headers\\": {", "list": [{"headers": {}}], "headers": {"redelivered": true }, "big": 12345678901234567890}',
    )
    assert.equal(
      markRedelivered('{"headers": {"redelivered": false}, "properties": {}}'),
      '{"headers": {"redelivered": true}, "properties": {}}',
    )
    for (const text of ['{}', 'nonsense', '{"headers": null}', '{"headers": "', ''])
      assert.equal(markRedelivered(text), text)
  })
})
