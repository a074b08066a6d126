/** Whatever lies in the list of a queue: what is a message is delivered, everything else is put aside, nothing is lost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import type { Delivery } from '../../src/messaging/message.ts'
import { redisTransport } from '../../src/messaging/transports/redis/transport.ts'
import { encodeEnvelope } from '../../src/messaging/virtual/envelope.ts'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'
import { goldenMessages } from './golden-messages.ts'

const SEED = 20_301
const COUNT = 2000
const QUEUE = 'fuzz'

test('a list full of garbage is emptied without losing anything', needs('redis-server'), async (t) => {
  const redis = await startRedis(t)
  const client = new Redis(redis.port, '127.0.0.1')
  t.after(() => client.quit())
  const items = fc.sample(item(), { numRuns: COUNT, seed: SEED })
  for (let from = 0; from < items.length; from += 100) {
    await client.lpush(QUEUE, ...items.slice(from, from + 100))
  }
  const connection = await redisTransport.connect({
    url: redis.url,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'fuzz',
    warn: () => undefined,
  })
  t.after(() => connection.close())
  const channel = await connection.openChannel()
  await channel.prefetch(0)
  const deliveries: Delivery[] = []
  await channel.consume(QUEUE, (delivery) => deliveries.push(delivery))
  await eventually(async () => deliveries.length + (await client.llen(`celeriac:dead:${QUEUE}`)) === COUNT)
  assert.equal(await client.llen(QUEUE), 0)
  assert.equal(await client.hlen('unacked'), deliveries.length)
  // Reading any part of what was delivered must not throw.
  for (const { body, headers, properties } of deliveries) {
    assert.ok(body instanceof Uint8Array && typeof headers === 'object' && typeof properties === 'object')
  }
  // What was put aside is as it was, so that somebody can look at it.
  const aside = await client.lrangeBuffer(`celeriac:dead:${QUEUE}`, 0, -1)
  const known = new Set(items.map((each) => Buffer.from(each).toString('hex')))
  const altered = aside.filter((each) => !known.has(each.toString('hex')))
  assert.equal(altered.length, 0, altered[0]?.toString().slice(0, 500))
  // Half of what was delivered goes back, marked as redelivered; the other half is done with.
  const first = deliveries.length
  const half = first >> 1
  await channel.reject(
    deliveries.slice(0, half).map(({ tag }) => tag),
    { requeue: true },
  )
  await channel.ack(deliveries.slice(half, first).map(({ tag }) => tag))
  await eventually(() => deliveries.length === first + half)
  const again = deliveries.slice(first)
  // What has no headers has no place for the mark.
  assert.ok(again.every(({ redelivered, headers }) => redelivered || Object.keys(headers).length === 0))
  await channel.ack(again.map(({ tag }) => tag))
  await eventually(async () => (await client.hlen('unacked')) === 0)
  assert.equal(await client.zcard('unacked_index'), 0)
  assert.equal(await client.llen(QUEUE), 0)
})

/** Anything that can lie in a list: bytes. */
function item(): fc.Arbitrary<Buffer> {
  const envelope = goldenEnvelope()
  return fc.oneof(
    { weight: 2, arbitrary: envelope.map((text) => Buffer.from(text)) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(envelope, fc.nat())
        .map(([text, at]) => Buffer.from(text).subarray(0, at % text.length)),
    },
    { weight: 2, arbitrary: fc.tuple(envelope, fc.nat(), fc.nat(255)).map(flipped) },
    { weight: 3, arbitrary: fc.tuple(envelope, fc.nat(), fc.anything()).map(withOtherValue) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.json().map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.constantFrom(...NASTY).map((text) => Buffer.from(text)) },
  )
}

function goldenEnvelope(): fc.Arbitrary<string> {
  const envelopes = goldenMessages().map(({ body, headers }) =>
    encodeEnvelope({
      body,
      headers,
      properties: { contentType: 'application/json', contentEncoding: 'utf-8', correlationId: 'id' },
      exchange: '',
      routingKey: QUEUE,
      redelivered: false,
    }),
  )
  return fc.constantFrom(...envelopes)
}

function flipped([text, at, byte]: [string, number, number]): Buffer {
  const bytes = Buffer.from(text)
  bytes[at % bytes.length] = byte
  return bytes
}

/** Puts something else in the place of a member, of the envelope or of its properties. */
function withOtherValue([text, at, value]: [string, number, unknown]): Buffer {
  const envelope: Record<string, Record<string, unknown>> = JSON.parse(text)
  const places = [envelope, envelope['properties'] ?? {}, envelope['headers'] ?? {}]
  const place: Record<string, unknown> = places[at % places.length] ?? {}
  const names = Object.keys(place)
  place[names[at % names.length] ?? 'body'] = plain(value)
  return Buffer.from(JSON.stringify(envelope))
}

function plain(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value) ?? 'null')
  } catch {
    // Big integers and circles have no JSON.
    return null
  }
}

const BIG = 2 ** 20

const NASTY: readonly string[] = [
  '',
  ' ',
  '{',
  '{}',
  '{"body":',
  '[]',
  'null',
  '"text"',
  'NaN',
  '{"body": NaN}',
  '{"body": "", "properties": null}',
  '{"body": "", "headers": null, "properties": {}}',
  '{"body": "", "headers": [], "properties": {"delivery_info": 5}}',
  '{"body": "not base64 !!", "properties": {"body_encoding": "base64"}}',
  '{"body": "x", "properties": {"body_encoding": "rot13"}}',
  '{"__proto__": {"body": "x"}, "properties": {"__proto__": {"priority": 9}}, "headers": {"__proto__": {"task": "x"}}}',
  `${'['.repeat(100_000)}`,
  `{"body": "", "headers": ${'['.repeat(50_000)}${']'.repeat(50_000)}, "properties": {}}`,
  `{"body": "${'x'.repeat(BIG)}`,
  `{"body": "${'\\\\'.repeat(BIG / 4)}", "headers": {"a": Infinity}, "properties": {}}`,
  `{"body": "${'x'.repeat(BIG)}", "headers": {"a": NaN}, "properties": {}}`,
]
