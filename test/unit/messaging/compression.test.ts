import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { DecodeError, EncodeError, SerializerNotInstalled } from '../../../src/errors.ts'
import { CompressionRegistry } from '../../../src/messaging/compression.ts'

interface Entry {
  readonly name: string
  readonly compression: string
  readonly data_b64: string
  readonly compressed_b64: string
}

interface Vectors {
  readonly entries: readonly Entry[]
  readonly xz_with_delta_b64: string
  readonly bombs: Readonly<Record<string, string>>
}

const file = new URL('../../wire/vectors/decompression.json', import.meta.url)
const vectors: Vectors = JSON.parse(readFileSync(file, 'utf8'))
const registry = new CompressionRegistry()
const base64 = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64')

for (const { name, compression, data_b64, compressed_b64 } of vectors.entries) {
  test(`${name} [5-049]`, () => {
    const compressed = base64(compressed_b64)
    assert.deepEqual(Buffer.from(registry.decompress(compressed, compression)), base64(data_b64))
    assert.throws(
      () => registry.decompress(compressed.subarray(0, compressed.length >> 1), compression),
      DecodeError,
    )
  })
}

test('a flipped bit in xz or bzip2 is noticed', () => {
  for (const { name, compression, data_b64, compressed_b64 } of vectors.entries) {
    if (/none|trailing/.test(name)) continue
    const broken = base64(compressed_b64)
    const middle = broken.length >> 1
    broken[middle] = (broken[middle] ?? 0) ^ 0x10
    let result: Uint8Array | undefined
    try {
      result = registry.decompress(broken, compression)
    } catch (error) {
      assert.ok(error instanceof DecodeError, `${name}: ${error}`)
    }
    // Some bits, such as those of padding, mean nothing: then the data is what it was.
    if (result !== undefined) assert.deepEqual(Buffer.from(result), base64(data_b64), name)
  }
})

test('names and aliases [5-049]', () => {
  for (const alias of ['gzip', 'zlib', 'application/x-gzip']) {
    assert.equal(registry.compress(Buffer.from('x'), alias).contentType, 'application/x-gzip')
  }
  for (const alias of ['zstd', 'zstandard']) {
    assert.equal(registry.compress(Buffer.from('x'), alias).contentType, 'application/zstd')
  }
})

test('real gzip files are read, too', () => {
  assert.equal(Buffer.from(registry.decompress(gzipSync('hello'), 'gzip')).toString(), 'hello')
})

test('bodies that would get too long are refused', () => {
  const small = new CompressionRegistry({ maxOutputLength: 1000 })
  const bombs = { ...vectors.bombs }
  for (const name of ['gzip', 'brotli', 'zstd']) {
    bombs[name] = Buffer.from(registry.compress(Buffer.alloc(100_000), name).body).toString('base64')
  }
  assert.equal(Object.keys(bombs).length, 5)
  for (const [name, bomb] of Object.entries(bombs)) {
    assert.throws(
      () => small.decompress(base64(bomb), name),
      (error) => error instanceof DecodeError && /more than 1000 bytes/.test(error.message),
      name,
    )
    assert.ok(registry.decompress(base64(bomb), name).length >= 100_000)
  }
  const exact = registry.compress(Buffer.alloc(1000), 'gzip').body
  assert.equal(small.decompress(exact, 'gzip').length, 1000)
})

test('what is not supported says so', () => {
  assert.throws(
    () => registry.compress(Buffer.from('x'), 'gzp'),
    (error) => error instanceof SerializerNotInstalled && /did you mean "gzip"/.test(error.message),
  )
  assert.throws(() => registry.decompress(Buffer.from('x'), 'application/x-snappy'), DecodeError)
  assert.throws(
    () => registry.compress(Buffer.from('x'), 'lzma'),
    (error) => error instanceof EncodeError && /read but not written here; use gzip/.test(error.message),
  )
  assert.throws(
    () => registry.decompress(base64(vectors.xz_with_delta_b64), 'xz'),
    /filters that are not supported/,
  )
})

test('bytes of another kind are refused', () => {
  for (const name of ['gzip', 'brotli', 'zstd', 'bzip2', 'xz']) {
    for (const body of ['', 'no such thing at all']) {
      assert.throws(() => registry.decompress(Buffer.from(body), name), DecodeError, `${name} ${body}`)
    }
  }
})

test('a compression can be added', () => {
  const fresh = new CompressionRegistry()
  fresh.register(
    { contentType: 'application/x-none', compress: (body) => body, decompress: (body) => body },
    ['none'],
  )
  const { body, contentType } = fresh.compress(Buffer.from('x'), 'none')
  assert.equal(Buffer.from(fresh.decompress(body, contentType)).toString(), 'x')
  assert.ok(fresh.names.includes('none'))
})
