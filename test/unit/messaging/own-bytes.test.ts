import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContentHeader } from '../../../src/messaging/transports/amqp/content-header.ts'
import { toDelivery } from '../../../src/messaging/transports/amqp/delivery.ts'
import { decodeEnvelope, encodeEnvelope } from '../../../src/messaging/virtual/envelope.ts'

const LATER = { eta: '2030-01-02T03:04:05+00:00' }

/** How much memory a piece keeps. */
const keeps = (body: Uint8Array): number => body.buffer.byteLength

// A worker of RabbitMQ kept all that it had read from the socket together with each task that waited for its time.
test('the body of a message with an ETA keeps nothing else in memory', () => {
  const read = Buffer.from(`${'x'.repeat(50_000)}body`)
  const delivered = (headers: Readonly<Record<string, unknown>>): Uint8Array => {
    const fields = { deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'q' }
    const message = { fields, content: read.subarray(50_000), properties: new ContentHeader({}, headers) }
    return toDelivery(message, 'q').body
  }
  assert.equal(keeps(delivered({})), read.buffer.byteLength)
  const body = delivered(LATER)
  assert.deepEqual([Buffer.from(body).toString(), keeps(body)], ['body', 4])
  const stored = {
    body: Buffer.from('tést'),
    properties: {},
    exchange: '',
    routingKey: 'q',
    redelivered: false,
  }
  for (const encoding of ['base64', 'text'] as const) {
    const { body: decoded } = decodeEnvelope(encodeEnvelope({ ...stored, headers: LATER }, encoding))
    assert.deepEqual([Buffer.from(decoded).toString(), keeps(decoded)], ['tést', 5])
  }
  const blank = decodeEnvelope(
    `{"body": "Ym 9k\\neQ==", "headers": ${JSON.stringify(LATER)}, "properties": {"body_encoding": "base64"}}`,
  )
  assert.equal(Buffer.from(blank.body).toString(), 'body')
})
