import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError, SecurityError } from '../../../src/errors.ts'
import { JsonSerializer } from '../../../src/messaging/serialization/json.ts'
import { MsgpackSerializer } from '../../../src/messaging/serialization/msgpack.ts'
import { CertificateStore } from '../../../src/security/certificate-store.ts'
import { digestOf } from '../../../src/security/digest.ts'
import type { SecureSerializerOptions } from '../../../src/security/secure-serializer.ts'
import { SecureSerializer } from '../../../src/security/secure-serializer.ts'
import type { SignedEnvelope } from '../../../src/security/signed-envelope.ts'
import { packSigned, unpackSigned } from '../../../src/security/signed-envelope.ts'
import { readCertificate, readKey } from '../../support/signers.ts'

const json = new JsonSerializer()
const msgpack = new MsgpackSerializer()

function storeOf(...names: readonly string[]): CertificateStore {
  const store = new CertificateStore()
  for (const name of names) store.add(readCertificate(name))
  return store
}

function serializerOf(
  name: 'alice' | 'bob',
  options: Partial<SecureSerializerOptions> = {},
): SecureSerializer {
  return new SecureSerializer({
    key: readKey(name),
    certificate: readCertificate(name),
    store: storeOf('alice', 'bob'),
    digest: digestOf('sha256'),
    serializer: json,
    allowed: [],
    now: () => Date.UTC(2030, 0, 1),
    ...options,
  })
}

const alice = serializerOf('alice')
const bob = serializerOf('bob')
const VALUE = [[2, 'zwölf'], { key: null }, { callbacks: null }]

function changed(bytes: Uint8Array, fields: Partial<SignedEnvelope>): Uint8Array {
  return packSigned({ ...unpackSigned(bytes), ...fields })
}

test('what one signs another reads [5-138, 5-139]', () => {
  assert.deepEqual(bob.decode(alice.encode(VALUE)), VALUE)
  assert.deepEqual(
    [alice.name, alice.contentType, alice.contentEncoding],
    ['auth', 'application/data', 'utf-8'],
  )
})

test('the content is JSON, unless another serializer is given [5-143]', () => {
  const { signer, contentType, contentEncoding, body } = unpackSigned(alice.encode(VALUE))
  assert.deepEqual(
    [signer, contentType, contentEncoding],
    ['Celeriac tests alice 1', json.contentType, 'utf-8'],
  )
  assert.deepEqual(json.decode(body), VALUE)
  const packed = serializerOf('alice', { serializer: msgpack })
  assert.equal(unpackSigned(packed.encode(VALUE)).contentType, 'application/x-msgpack')
  assert.deepEqual(serializerOf('bob', { serializer: msgpack }).decode(packed.encode(VALUE)), VALUE)
})

test('the separator may be part of the content', () => {
  assert.equal(
    serializerOf('bob', { serializer: msgpack }).decode(
      serializerOf('alice', { serializer: msgpack }).encode('a\0\x01b'),
    ),
    'a\0\x01b',
  )
})

test('whatever was changed, or comes from strangers, is a SecurityError [5-142]', () => {
  const good = alice.encode(VALUE)
  const { signature } = unpackSigned(good)
  const forgeries: Readonly<Record<string, [Uint8Array, RegExp]>> = {
    body: [changed(good, { body: json.encode([[3]]) }), /^Bad signature of 'Celeriac tests alice 1'/],
    signature: [changed(good, { signature: Buffer.from(signature).reverse() }), /^Bad signature/],
    'signature of another': [changed(good, { signer: 'Celeriac tests bob 2' }), /^Bad signature/],
    'no signature': [changed(good, { signature: Buffer.alloc(0) }), /^Bad signature/],
    signer: [changed(good, { signer: 'nobody 1' }), /^Unknown certificate: there is no "nobody 1"/],
    type: [
      changed(good, { contentType: 'application/x-yaml' }),
      /is "application\/x-yaml" in "utf-8", and only json may/,
    ],
    encoding: [changed(good, { contentEncoding: 'utf-16' }), /is "application\/json" in "utf-16"/],
    'not signed': [json.encode(VALUE), /^The message is not signed, or was damaged: it is not in base64$/],
    cut: [good.subarray(0, 400), /^The message is not signed, or was damaged|^Bad signature/],
    empty: [Buffer.alloc(0), /a field is missing/],
    'four fields': [
      Buffer.from(Buffer.from('AA==\0\x01AA==\0\x01x\0\x01y').toString('base64')),
      /a field is missing/,
    ],
    'other digest': [
      serializerOf('alice', { digest: digestOf('sha512') }).encode(VALUE),
      /or another security_digest than sha256/,
    ],
  }
  for (const [what, [bytes, message]] of Object.entries(forgeries)) {
    assert.throws(() => bob.decode(bytes), { name: 'SecurityError', message }, what)
  }
  const suspicious = serializerOf('bob', { store: storeOf('bob') })
  assert.throws(
    () => suspicious.decode(good),
    /^SecurityError: Unknown certificate: .*"Celeriac tests alice 1"/,
  )
})

test('content in other serializers is read when they are allowed', () => {
  const packed = serializerOf('alice', { serializer: msgpack }).encode(VALUE)
  assert.throws(() => bob.decode(packed), SecurityError)
  assert.deepEqual(serializerOf('bob', { allowed: [msgpack] }).decode(packed), VALUE)
})

test('content with a good signature that cannot be read is a DecodeError', () => {
  const body = Buffer.from('{')
  const signature = readKey('alice').sign(body, digestOf('sha256'))
  const broken = changed(alice.encode(null), { body, signature })
  assert.throws(() => bob.decode(broken), DecodeError)
})

test('after its end a certificate neither signs nor counts [5-142, 10-046]', () => {
  let now = Date.UTC(2123, 11, 31)
  const late = serializerOf('alice', { now: () => now })
  const good = late.encode(VALUE)
  assert.deepEqual(late.decode(good), VALUE)
  now = Date.UTC(2124, 0, 1)
  assert.throws(() => late.decode(good), /^SecurityError: Expired certificate: 'Celeriac tests alice 1'/)
  assert.throws(() => late.encode(VALUE), /^SecurityError: Cannot sign: the own certificate .* has expired/)
})
