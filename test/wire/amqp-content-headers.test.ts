import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { MessageProperties } from '../../src/messaging/message.ts'
import { ByteWriter } from '../../src/messaging/transports/amqp/byte-writer.ts'
import { readContentHeader } from '../../src/messaging/transports/amqp/content-header.ts'
import { publishFrames } from '../../src/messaging/transports/amqp/publish-frames.ts'
import { isRecord } from '../../src/util/is-record.ts'

interface GoldenMessage {
  readonly entry: string
  readonly headers: Record<string, unknown>
  readonly properties: Record<string, unknown>
  readonly contentHeader: Buffer
}

const MESSAGES = ['task-messages-v1', 'task-messages-v2', 'task-messages-worker', 'results-rpc'].flatMap(load)

/** Class id, weight and body size stand before what the vectors hold. */
const PROPERTIES_AT = 12

test('the vectors are there', () => {
  assert.ok(MESSAGES.length > 300, `${MESSAGES.length} messages`)
})

test('content headers that Python wrote are read [5-001 5-003]', () => {
  for (const { entry, headers, properties, contentHeader } of MESSAGES) {
    const read = readContentHeader({ bytes: contentHeader, offset: 0 })
    assert.deepEqual(read.headers, headers, entry)
    assert.deepEqual(snakeCase(read.properties), properties, entry)
  }
})

test('content headers are written as Python writes them, byte for byte [5-001 5-003 4-070]', () => {
  const writer = new ByteWriter()
  for (const { entry, contentHeader } of MESSAGES) {
    const { headers, properties } = readContentHeader({ bytes: contentHeader, offset: 0 })
    const target = { exchange: 'celery', routingKey: 'celery' }
    const [frames = Buffer.alloc(0)] = publishFrames(
      writer,
      1,
      { body: new Uint8Array(0), properties, headers },
      target,
      131_072,
    )
    assert.deepEqual(headerPayload(frames).subarray(PROPERTIES_AT), contentHeader, entry)
  }
})

/** The second frame's payload. */
function headerPayload(frames: Buffer): Buffer {
  const start = 7 + frames.readUInt32BE(3) + 1
  return frames.subarray(start + 7, start + 7 + frames.readUInt32BE(start + 3))
}

function snakeCase({ extra, ...properties }: MessageProperties): Record<string, unknown> {
  const entries = Object.entries({ ...properties, ...extra })
  return Object.fromEntries(
    entries.map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  )
}

function load(file: string): GoldenMessage[] {
  const text = readFileSync(new URL(`vectors/${file}.json`, import.meta.url), 'utf8')
  const { entries } = JSON.parse(text)
  return entries.flatMap(({ name, messages }: { name: string; messages: unknown[] }) =>
    messages.filter(isRecord).map((message) => ({
      entry: `${file}: ${name}`,
      headers: message['headers'],
      properties: withoutNulls(message['properties']),
      contentHeader: Buffer.from(String(message['content_header_b64']), 'base64'),
    })),
  )
}

/** Null is what the capture shows of a property that is not there. */
function withoutNulls(properties: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties ?? {}).filter(([, value]) => value !== null))
}
