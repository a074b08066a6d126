import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { DecodeError } from '../../src/errors.ts'
import { JsonSerializer } from '../../src/messaging/serialization/json.ts'
import {
  controlReplyHeaders,
  controlRequestHeaders,
  encodeControlReply,
  encodeControlRequest,
  isAddressedTo,
  readControlHeaders,
  readControlReply,
  readControlRequest,
} from '../../src/protocol/control.ts'
import { isRecord } from '../../src/util/is-record.ts'

interface Golden {
  readonly name: string
  readonly headers: Record<string, unknown>
  readonly body: unknown
}

const NODE = 'golden@worker.local'
const requests = load('requests', '{"method')
const replies = load('replies', '{')

function load(kind: 'requests' | 'replies', start: string): Golden[] {
  const document: unknown = JSON.parse(readFileSync(new URL('vectors/pidbox.json', import.meta.url), 'utf8'))
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  const serializer = new JsonSerializer()
  const found: Golden[] = []
  for (const entry of document['entries']) {
    for (const [index, message] of (entry[kind] ?? []).entries()) {
      if (message.body.startsWith(start)) {
        const body = serializer.decode(Buffer.from(message.body))
        found.push({ name: `${entry.name}#${index}`, headers: message.headers, body })
      }
    }
  }
  assert.ok(found.length > 50)
  return found
}

function golden(name: string): Golden {
  const found = requests.find((request) => request.name === `${name}#0`)
  assert.ok(found, name)
  return found
}

suite('requests', () => {
  for (const { name, headers, body } of requests) {
    test(`${name}: body and headers read and written alike [5-079] [5-080]`, () => {
      const request = readControlRequest(body)
      assert.equal(JSON.stringify(encodeControlRequest(request)), JSON.stringify(body))
      const { clock, expires } = readControlHeaders(headers)
      const written = controlRequestHeaders(clock, expires)
      assert.equal(written['clock'], headers['clock'])
      assert.ok(Math.abs(Number(written['expires']) - Number(headers['expires'])) < 1e-5)
    })
  }

  test('without a wish for replies there is neither ticket nor address [5-079]', () => {
    const request = readControlRequest(golden('ping-no-reply').body)
    assert.equal(request.ticket, undefined)
    assert.equal(request.replyTo, undefined)
    assert.deepEqual(controlRequestHeaders(3, undefined), { clock: 3, expires: 0 })
    assert.equal(readControlHeaders({ clock: 3, expires: 0 }).expires, undefined)
  })

  test('who is meant: destination first, then pattern with matcher, else all [5-085]', () => {
    const meant = (name: string, node = NODE): boolean =>
      isAddressedTo(readControlRequest(golden(name).body), node)
    assert.ok(meant('inspect-ping'))
    assert.ok(meant('inspect-ping-destination'))
    assert.ok(!meant('inspect-ping-other-destination'))
    assert.ok(meant('ping-pattern-glob'))
    assert.ok(!meant('ping-pattern-glob', 'other@host'))
    assert.ok(meant('ping-pattern-pcre'))
    assert.ok(!meant('ping-pattern-mismatch'))
    const both = { method: 'ping', arguments: {}, destination: ['a'], pattern: '*', matcher: 'glob' }
    assert.ok(!isAddressedTo(both, 'b'))
    assert.ok(isAddressedTo({ method: 'ping', arguments: {}, pattern: 'x' }, 'b'))
  })

  test('what is no request is refused with the reason', () => {
    const broken = [
      null,
      'ping',
      {},
      { method: 1 },
      { method: 'ping', arguments: [] },
      { method: 'ping', destination: [1] },
      { method: 'ping', reply_to: { exchange: 'e' } },
      { method: 'ping', pattern: 5 },
    ]
    for (const body of broken) assert.throws(() => readControlRequest(body), DecodeError)
    assert.deepEqual(readControlRequest({ method: 'ping', arguments: null }).arguments, {})
  })
})

suite('replies', () => {
  for (const { name, headers, body } of replies) {
    test(`${name}: read and written alike [5-082]`, () => {
      const read = Object.entries(readControlReply(body))
      assert.equal(read.length, 1)
      const [node, value] = read[0] ?? ['', undefined]
      assert.equal(JSON.stringify(encodeControlReply(node, value)), JSON.stringify(body))
      const { ticket, clock } = readControlHeaders(headers)
      assert.deepEqual(controlReplyHeaders(ticket, clock), headers)
    })
  }

  test('what is no reply is refused', () => {
    assert.throws(() => readControlReply([1]), DecodeError)
  })
})
