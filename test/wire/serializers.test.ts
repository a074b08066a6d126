import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DecodeError } from '../../src/errors.ts'
import { JsonSerializer } from '../../src/messaging/serialization/json.ts'
import { MsgpackSerializer } from '../../src/messaging/serialization/msgpack.ts'
import { createSerializerRegistry } from '../../src/messaging/serialization/registry.ts'
import type { Serializer } from '../../src/messaging/serialization/serializer.ts'
import { loadYamlSerializer } from '../../src/messaging/serialization/yaml.ts'
import { pythonLiteral } from '../support/python-literal.ts'

/** A value as one of kombu's serializers wrote it, and what that one reads out of it again. */
interface Entry {
  readonly name: string
  readonly serializer: string
  readonly content_type?: string
  readonly content_encoding?: string
  readonly data?: string
  readonly data_b64?: string
  readonly decodes_to?: string
  readonly decode_raises?: string
}

interface Golden {
  readonly entries: readonly Entry[]
  readonly decode: readonly Entry[]
  readonly registry: Readonly<Record<string, { content_type: string; content_encoding: string }>>
}

const golden: Golden = JSON.parse(
  readFileSync(new URL('./vectors/serializers.json', import.meta.url), 'utf8'),
)

/** Characters of a value that the golden data shows. */
const LONGEST = 500

/** What cannot be the same here, by the name of the value: integral floats are plain numbers, keys are texts. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'float-integral': '1',
  'float-1e15': '1000000000000000',
  'yaml/dict-int-keys': "{'1': 'a', '2': 'b'}",
  'yaml/dict-mixed-keys': "{'1': 'true', '1.5': 'float', 'null': 'none', 's': 'str'}",
}

function bytesOf({ data, data_b64 }: Entry): Uint8Array | undefined {
  if (data_b64 !== undefined) return Buffer.from(data_b64, 'base64')
  return data === undefined ? undefined : Buffer.from(data)
}

/** The name without the serializer's. */
function valueName({ name }: Entry): string {
  return name.slice(name.indexOf('/') + 1)
}

function assertReads(value: unknown, entry: Entry): void {
  const expected = DIFFERENT[entry.name] ?? DIFFERENT[valueName(entry)] ?? entry.decodes_to ?? ''
  const literal = pythonLiteral(value)
  // Long ones are cut in the golden data.
  assert.equal(expected.length === LONGEST ? literal.slice(0, LONGEST) : literal, expected)
}

function check(serializer: Serializer, ids: string): void {
  const entries = golden.entries.filter(
    (entry) => entry.serializer === serializer.name && bytesOf(entry) !== undefined,
  )
  assert.ok(entries.length > 60)
  for (const entry of entries) {
    const bytes = bytesOf(entry) ?? Buffer.alloc(0)
    if (entry.decode_raises !== undefined) {
      test(`${entry.name} is refused, as by kombu ${ids}`, () => {
        assert.throws(() => serializer.decode(bytes), DecodeError)
      })
      continue
    }
    test(`${entry.name} is read as kombu reads it, and comes back the same ${ids}`, () => {
      const value = serializer.decode(bytes)
      assertReads(value, entry)
      assert.deepEqual(serializer.decode(serializer.encode(value)), value)
      assert.equal(serializer.contentType, entry.content_type)
      assert.equal(serializer.contentEncoding, entry.content_encoding)
    })
  }
}

const json = new JsonSerializer()
const msgpack = new MsgpackSerializer()
check(json, '[5-030]')
check(await loadYamlSerializer(), '[5-031]')
check(msgpack, '[5-033]')

for (const entry of golden.decode) {
  test(`${entry.name} [5-045] [5-046] [5-048]`, () => {
    const bytes = bytesOf(entry) ?? Buffer.alloc(0)
    if (entry.decode_raises !== undefined) assert.throws(() => json.decode(bytes), DecodeError)
    // -0 is an integer to Python, so it has no sign there; 1E5 is integral.
    else
      assert.equal(
        pythonLiteral(json.decode(bytes)),
        entry.decodes_to?.replace('[100000.0, 0.01, 0]', '[100000, 0.01, -0.0]'),
      )
  })
}

test('MessagePack is written byte for byte as Python writes it [5-033]', () => {
  let compared = 0
  for (const entry of golden.entries) {
    const bytes = bytesOf(entry)
    if (entry.serializer !== 'msgpack' || bytes === undefined || entry.decode_raises !== undefined) continue
    if (valueName(entry) in DIFFERENT) continue
    assert.deepEqual(Buffer.from(msgpack.encode(msgpack.decode(bytes))), bytes, entry.name)
    compared++
  }
  assert.ok(compared > 60)
})

test('names and content types are those of kombu [5-030] [5-031] [5-032] [5-033]', async () => {
  const registry = createSerializerRegistry()
  await registry.ready('json', 'yaml', 'msgpack')
  for (const [name, { content_type, content_encoding }] of Object.entries(golden.registry)) {
    assert.deepEqual([...registry.acceptList([name])], [content_type])
    if (name === 'pickle') continue
    const { contentType, contentEncoding } = registry.encode(null, name)
    assert.deepEqual(
      { contentType, contentEncoding },
      { contentType: content_type, contentEncoding: content_encoding },
    )
  }
})
