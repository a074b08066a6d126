/** Messages that real Celery has signed. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createSerializerRegistry } from '../../src/messaging/serialization/registry.ts'
import { Certificate } from '../../src/security/certificate.ts'
import { CertificateStore } from '../../src/security/certificate-store.ts'
import { digestOf } from '../../src/security/digest.ts'
import { PrivateKey } from '../../src/security/private-key.ts'
import { SecureSerializer } from '../../src/security/secure-serializer.ts'
import { packSigned, unpackSigned } from '../../src/security/signed-envelope.ts'

interface Entry {
  readonly name: string
  readonly digest?: string
  readonly inner_serializer?: string
  readonly value?: unknown
  readonly content_type?: string
  readonly content_encoding?: string
  readonly data: string
  readonly decode_raises?: string
}

interface Golden {
  readonly signer_id: string
  readonly private_key_pem: string
  readonly certificate_pem: string
  readonly encrypted_private_key_pem: string
  readonly encrypted_private_key_password: string
  readonly entries: readonly Entry[]
}

const golden: Golden = JSON.parse(readFileSync(new URL('./vectors/auth.json', import.meta.url), 'utf8'))

const registry = createSerializerRegistry()
await registry.ready('yaml')
const certificate = new Certificate(Buffer.from(golden.certificate_pem), 'golden')
const store = new CertificateStore()
store.add(certificate)
const key = new PrivateKey(Buffer.from(golden.private_key_pem), { place: 'golden', password: undefined })

function serializerOf({ digest = 'sha256', inner_serializer: inner = 'json' }: Entry): SecureSerializer {
  return new SecureSerializer({
    key,
    certificate,
    store,
    digest: digestOf(digest),
    serializer: registry.get(inner),
    allowed: [],
    now: () => Date.UTC(2030, 0, 1),
  })
}

test('the id of a signer [5-141]', () => {
  assert.equal(certificate.id, golden.signer_id)
})

test('an encrypted key is the same key', () => {
  const password = Buffer.from(golden.encrypted_private_key_password)
  const encrypted = new PrivateKey(Buffer.from(golden.encrypted_private_key_pem), {
    place: 'golden',
    password,
  })
  assert.ok(certificate.belongsTo(encrypted))
})

for (const entry of golden.entries) {
  if (entry.decode_raises !== undefined) {
    test(`${entry.name} is refused [5-142]`, () => {
      assert.throws(() => serializerOf(entry).decode(Buffer.from(entry.data)), { name: 'SecurityError' })
    })
  } else if (entry.inner_serializer === 'pickle') {
    test(`${entry.name}: the signature is good, but pickle is not read`, () => {
      assert.throws(() => serializerOf(entry).decode(Buffer.from(entry.data)), {
        name: 'SerializerNotInstalled',
      })
    })
  } else {
    test(`${entry.name}: what Python signed is read, and ours looks the same [5-035, 5-138..5-141, 5-143]`, () => {
      const serializer = serializerOf(entry)
      assert.deepEqual(serializer.decode(Buffer.from(entry.data)), entry.value)
      const theirs = unpackSigned(Buffer.from(entry.data))
      const ours = unpackSigned(serializer.encode(entry.value))
      assert.deepEqual(
        [ours.signer, ours.contentType, ours.contentEncoding, ours.signature.length],
        [theirs.signer, theirs.contentType, theirs.contentEncoding, theirs.signature.length],
      )
      assert.equal(packSigned(theirs).toString(), entry.data)
      assert.deepEqual(
        [serializer.contentType, serializer.contentEncoding],
        [entry.content_type, entry.content_encoding],
      )
    })
  }
}
