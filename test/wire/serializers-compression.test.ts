import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { CompressionRegistry } from '../../src/messaging/compression.ts'

interface Entry {
  readonly name: string
  readonly alias: string
  readonly header: string
  readonly data_b64: string
  readonly compressed_b64: string
}

const { compression }: { compression: readonly Entry[] } = JSON.parse(
  readFileSync(new URL('./vectors/serializers.json', import.meta.url), 'utf8'),
)
const registry = new CompressionRegistry()
const READ_ONLY = ['application/x-bz2', 'application/x-lzma']

test('there is golden data for every compression of kombu [5-049]', () => {
  assert.equal(compression.length, 27)
  assert.deepEqual([...new Set(compression.map(({ header }) => header))].sort(), [
    'application/x-brotli',
    'application/x-bz2',
    'application/x-gzip',
    'application/x-lzma',
    'application/zstd',
  ])
})

for (const { name, alias, header, data_b64, compressed_b64 } of compression) {
  test(`${name} is decompressed [5-049]`, () => {
    const data = Buffer.from(data_b64, 'base64')
    const compressed = Buffer.from(compressed_b64, 'base64')
    assert.deepEqual(Buffer.from(registry.decompress(compressed, header)), data)
    assert.deepEqual(Buffer.from(registry.decompress(compressed, alias)), data)
    if (READ_ONLY.includes(header)) return
    const own = registry.compress(data, alias)
    assert.equal(own.contentType, header)
    assert.deepEqual(Buffer.from(registry.decompress(own.body, header)), data)
  })
}

test('gzip is a bare zlib stream, not a gzip file [5-049] [12-003]', () => {
  const { body, contentType } = registry.compress(Buffer.from('hello'), 'gzip')
  assert.equal(contentType, 'application/x-gzip')
  assert.equal(inflateSync(body).toString(), 'hello')
})

test('lzma is a container of xz [5-049] [12-003]', () => {
  const golden = compression.filter(({ header }) => header === 'application/x-lzma')
  assert.ok(golden.length > 0)
  for (const { data_b64, compressed_b64, header } of golden) {
    const compressed = Buffer.from(compressed_b64, 'base64')
    assert.equal(compressed.subarray(0, 6).toString('latin1'), '\xfd7zXZ\0')
    assert.equal(Buffer.from(registry.decompress(compressed, header)).toString('base64'), data_b64)
  }
})
