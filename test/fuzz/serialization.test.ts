import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../../src/errors.ts'
import { CompressionRegistry } from '../../src/messaging/compression.ts'
import { JsonSerializer } from '../../src/messaging/serialization/json.ts'
import { MsgpackSerializer } from '../../src/messaging/serialization/msgpack.ts'
import type { Serializer } from '../../src/messaging/serialization/serializer.ts'
import { loadYamlSerializer } from '../../src/messaging/serialization/yaml.ts'
import { sameEveryRun } from '../support/seed.ts'

sameEveryRun()

const json = new JsonSerializer()
const msgpack = new MsgpackSerializer()
const yaml = await loadYamlSerializer()

const key = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', '__type__', ''),
)
const scalar = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).filter((big) => !Number.isSafeInteger(Number(big))),
)
const { value: anything } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 6 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((pairs) => Object.fromEntries(pairs)),
  ),
}))

const serializers: Serializer[] = [json, msgpack, yaml]
for (const serializer of serializers) {
  const numRuns = serializer === yaml ? 100 : 300
  test(`${serializer.name}: every value comes back as it was`, () => {
    fc.assert(
      fc.property(anything, (value) => {
        assert.deepStrictEqual(serializer.decode(serializer.encode(value)), value)
      }),
      { numRuns },
    )
  })

  test(`${serializer.name}: random bytes give a value or a DecodeError`, () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.string({ unit: 'grapheme' }).map(toBytes),
      damaged(serializer),
    )
    fc.assert(
      fc.property(bytes, (body) => decodesOrComplains(() => serializer.decode(body))),
      { numRuns },
    )
  })
}

test('decompressing random or damaged bytes gives bytes or a DecodeError', () => {
  const registry = new CompressionRegistry({ maxOutputLength: 100_000 })
  const samples = {
    gzip: registry.compress(toBytes('hello '.repeat(50)), 'gzip').body,
    brotli: registry.compress(toBytes('hello '.repeat(50)), 'brotli').body,
    zstd: registry.compress(toBytes('hello '.repeat(50)), 'zstd').body,
    bzip2: Buffer.from(
      'QlpoOTFBWSZTWaRTNS4AAA+bgFAEGBAACj5tmgogAFQ1AGgANNBKmJqGh6g9QyKDgh7KRfKnlLYiH3BWh+Se77WpIy1GQqGFNWw7AESeQGBAcl8XckU4UJCkUzUu',
      'base64',
    ),
    xz: Buffer.from(
      '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4ABQADZdAC3gxFghFmYaLE91EEZQl45P+JXz7EBhcwcW3cF2FJS4v+KyE8ElvCxsTUIn6T/m2ZkUoqc8AAAAAL+W5h8113PWAAFSUZ/rZ7QftvN9AQAAAAAEWVo=',
      'base64',
    ),
  }
  for (const [name, sample] of Object.entries(samples)) {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), damage(sample)), (body) =>
        decodesOrComplains(() => registry.decompress(body, name)),
      ),
      { numRuns: 100 },
    )
  }
})

function decodesOrComplains(decode: () => unknown): void {
  try {
    decode()
  } catch (error) {
    assert.ok(error instanceof DecodeError, `${error}`)
  }
}

function toBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** What a serializer wrote, with one byte changed. */
function damaged(serializer: Serializer): fc.Arbitrary<Uint8Array> {
  return anything.chain((value) => damage(serializer.encode(value)))
}

function damage(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.nat(255)).map(([index, byte]) => {
    const copy = Uint8Array.from(bytes)
    copy[index] = byte
    return copy
  })
}
