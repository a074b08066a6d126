import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CeleryError, SecurityError } from '../../src/errors.ts'
import { JsonSerializer } from '../../src/messaging/serialization/json.ts'
import { certificateId } from '../../src/security/certificate-id.ts'
import { CertificateStore } from '../../src/security/certificate-store.ts'
import { digestOf } from '../../src/security/digest.ts'
import { SecureSerializer } from '../../src/security/secure-serializer.ts'
import { packSigned, unpackSigned } from '../../src/security/signed-envelope.ts'
import { sameEveryRun } from '../support/seed.ts'
import { readCertificate, readKey } from '../support/signers.ts'

sameEveryRun()

const store = new CertificateStore()
store.add(readCertificate('alice'))
const auth = new SecureSerializer({
  key: readKey('alice'),
  certificate: readCertificate('alice'),
  store,
  digest: digestOf('sha256'),
  serializer: new JsonSerializer(),
  allowed: [],
  now: () => Date.UTC(2030, 0, 1),
})
const VALUE = [['an argument', 1], {}, { callbacks: null, errbacks: null, chain: null, chord: null }]
const GOOD = Buffer.from(auth.encode(VALUE))
const INSIDE = Buffer.from(GOOD.toString(), 'base64')

/** A copy with some bytes changed, cut out or put in. */
function damaged(bytes: Buffer): fc.Arbitrary<Buffer> {
  const damage = fc.record({
    at: fc.nat({ max: bytes.length }),
    drop: fc.nat({ max: 8 }),
    put: fc.uint8Array({ maxLength: 8 }),
  })
  return fc
    .array(damage, { minLength: 1, maxLength: 4 })
    .map((all) =>
      all.reduce(
        (text, { at, drop, put }) => Buffer.concat([text.subarray(0, at), put, text.subarray(at + drop)]),
        bytes,
      ),
    )
}

function refuses(bytes: Uint8Array): void {
  assert.throws(() => auth.decode(bytes), SecurityError)
}

test('garbage is a SecurityError', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refuses), { numRuns: 300 })
  const fields = fc.array(fc.oneof(fc.string(), fc.base64String()), { maxLength: 7 })
  fc.assert(
    fc.property(fields, (parts) =>
      refuses(Buffer.from(Buffer.from(parts.join('\0\x01')).toString('base64'))),
    ),
    { numRuns: 300 },
  )
})

test('a signed message that was cut anywhere is a SecurityError', () => {
  fc.assert(
    fc.property(fc.nat({ max: GOOD.length - 1 }), (length) => refuses(GOOD.subarray(0, length))),
    { numRuns: 200 },
  )
})

test('a damaged message is a SecurityError, or says what was signed', () => {
  const inside = damaged(INSIDE).map((bytes) => Buffer.from(bytes.toString('base64')))
  fc.assert(
    fc.property(fc.oneof(damaged(GOOD), inside), (bytes) => {
      try {
        assert.deepEqual(auth.decode(bytes), VALUE)
      } catch (error) {
        if (!(error instanceof SecurityError)) throw error
      }
    }),
    { numRuns: 300 },
  )
})

test('envelopes come out as they went in', () => {
  const name = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0\x01'))
  const envelope = fc.record({
    signer: fc.string({ unit: 'grapheme' }),
    signature: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    contentType: name,
    contentEncoding: name,
    body: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  })
  fc.assert(fc.property(envelope, (each) => assert.deepEqual(unpackSigned(packSigned(each)), { ...each })))
})

test('bytes that are no certificate have no id, and do no harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        certificateId(Buffer.from(bytes))
      } catch (error) {
        if (!(error instanceof CeleryError)) throw error
      }
    }),
  )
})
