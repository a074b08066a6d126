import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeUtf8 } from '../../../src/util/decode-utf8.ts'

test('UTF-8 is decoded as it is, anything else refused', () => {
  assert.equal(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0xc3, 0xb6)), '\ufeffö')
  assert.equal(decodeUtf8(Buffer.from('\ufffd')), '\ufffd')
  assert.equal(decodeUtf8(Uint8Array.of()), '')
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    assert.equal(decodeUtf8(Uint8Array.from(bytes)), undefined)
  }
  const part = new Uint8Array([0xff, 0x61, 0xff]).subarray(1, 2)
  assert.equal(decodeUtf8(part), 'a')
})
