import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { decodeEnvelope, encodeEnvelope, markRedelivered } from '../../src/messaging/virtual/envelope.ts'
import { isRecord } from '../../src/util/is-record.ts'

/** All envelopes that Python put into a list or published on a channel. */
function goldenEnvelopes(): readonly string[] {
  const document: unknown = JSON.parse(
    readFileSync(new URL('vectors/redis-transport.json', import.meta.url), 'utf8'),
  )
  assert.ok(isRecord(document))
  const found = new Set<string>()
  for (const entry of [document['calls'], document['entries']].flat()) {
    assert.ok(isRecord(entry) && Array.isArray(entry['commands']))
    for (const { cmd, args } of entry['commands']) {
      if ((cmd === 'LPUSH' || cmd === 'RPUSH' || cmd === 'PUBLISH') && typeof args[1] === 'string') {
        found.add(args[1])
      }
    }
  }
  assert.ok(found.size > 100)
  return [...found]
}

const parse = (text: string): Record<string, unknown> => {
  const value: unknown = JSON.parse(text)
  assert.ok(isRecord(value))
  return value
}

/** What an envelope says, without its delivery tag. */
function content(text: string): unknown {
  const { properties, ...rest } = parse(text)
  assert.ok(isRecord(properties))
  const { delivery_tag: tag, ...others } = properties
  assert.equal(typeof tag, 'string')
  return { ...rest, properties: others }
}

suite('the envelope of virtual transports', () => {
  test('what Python wrote is read, and written again in the same order [5-093]', () => {
    for (const golden of goldenEnvelopes()) {
      const again = encodeEnvelope(decodeEnvelope(golden))
      assert.deepEqual(content(again), content(golden))
      assert.deepEqual(Object.keys(parse(again)), Object.keys(parse(golden)))
    }
  })

  test('body, properties and headers of an envelope of Python [5-093] [5-094]', () => {
    const [golden = ''] = goldenEnvelopes()
    const message = decodeEnvelope(golden)
    assert.match(Buffer.from(message.body).toString(), /^\[\[2, 3\], \{\}, \{"callbacks": null/)
    assert.equal(message.headers['task'], 'golden.add')
    assert.deepEqual(message.properties, {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      correlationId: 'aaaaaaaa-0000-4000-8000-000000000001',
      replyTo: '0d0d0d0d-0000-3000-8000-000000000000',
      deliveryMode: 2,
      priority: 0,
    })
    assert.equal(message.exchange, '')
    assert.equal(message.routingKey, 'celery')
    assert.equal(message.redelivered, false)
  })

  test('a restored message is marked as Python marks it, and nothing else of it changes [5-108]', () => {
    const restored = goldenEnvelopes().filter((text) => decodeEnvelope(text).redelivered)
    assert.ok(restored.length > 0)
    for (const golden of restored) {
      const original = golden
        .replace(', "redelivered": true}', '}')
        .replace('{"redelivered": true}', '{}')
        .replace(', "redelivered": true}', '}')
      assert.equal(decodeEnvelope(original).redelivered, false)
      assert.deepEqual(parse(markRedelivered(original)), parse(golden))
      assert.deepEqual(parse(markRedelivered(golden)), parse(golden))
    }
  })
})
