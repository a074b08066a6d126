import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ImproperlyConfigured, SecurityError } from '../../../src/errors.ts'
import { Certificate } from '../../../src/security/certificate.ts'
import { certificateId } from '../../../src/security/certificate-id.ts'
import { CertificateStore } from '../../../src/security/certificate-store.ts'
import { digestOf, maxSaltLength } from '../../../src/security/digest.ts'
import { PrivateKey } from '../../../src/security/private-key.ts'
import {
  certificateFile,
  certificateFolder,
  keyFile,
  readCertificate,
  readKey,
} from '../../support/signers.ts'
import { tempDir } from '../../support/temp-dir.ts'

const NOW = Date.UTC(2030, 0, 1)
const sha256 = digestOf('sha256')

test('the id is the values of the issuer and the serial number, as Python has them [5-141]', () => {
  assert.equal(readCertificate('alice').id, 'Celeriac tests alice 1')
  assert.equal(
    readCertificate('odd-issuer').id,
    'DE  a=b  Größe, Söhne + "Co" <x>; # 大 \\ Дом 大🎉 365375409332725729550921208179070754913983135751',
  )
})

test('bytes that are no certificate have no id', () => {
  for (const hex of [
    '',
    '30',
    '3080',
    '30053003020101',
    '300a30080201013003310130',
    '30850000000001',
    'ffff',
  ]) {
    assert.throws(() => certificateId(Buffer.from(hex, 'hex')), SecurityError, hex)
  }
})

test('a certificate of a key that is not RSA, or a text that is none, is refused with its file [10-046]', () => {
  assert.throws(() => readCertificate('ec'), {
    name: 'SecurityError',
    message: 'The certificate ec is of a key of type ec; only RSA can sign messages',
  })
  assert.throws(() => new Certificate(Buffer.from('no certificate'), 'a/file.pem'), {
    name: 'SecurityError',
    message: 'Invalid certificate: a/file.pem holds no X.509 certificate in PEM',
  })
})

test('a certificate ends when it says so', () => {
  const expires = Date.UTC(2124, 0, 1)
  assert.equal(readCertificate('alice').hasExpired(expires - 1), false)
  assert.equal(readCertificate('alice').hasExpired(expires), true)
})

test('a signature is that of one key, for these bytes, with this digest [5-140]', () => {
  const bytes = Buffer.from('hello')
  const alice = readCertificate('alice')
  const signature = readKey('alice').sign(bytes, sha256)
  assert.equal(signature.length, 256)
  alice.verify(bytes, signature, sha256)
  const changed = Buffer.from(signature)
  changed[17] = (changed[17] ?? 0) ^ 1
  for (const forged of [
    () => alice.verify(Buffer.from('hellO'), signature, sha256),
    () => alice.verify(bytes, changed, sha256),
    () => alice.verify(bytes, signature.subarray(1), sha256),
    () => alice.verify(bytes, Buffer.alloc(0), sha256),
    () => alice.verify(bytes, signature, digestOf('sha512')),
    () => readCertificate('bob').verify(bytes, signature, sha256),
  ]) {
    assert.throws(forged, { name: 'SecurityError', message: /^Bad signature of 'Celeriac tests / })
  }
})

test('private keys: encrypted ones with their password, RSA alone, with clear errors', () => {
  const open = (name: string, password?: string): PrivateKey =>
    new PrivateKey(readFileSync(keyFile(name)), {
      place: `${name}.pem`,
      password: password === undefined ? undefined : Buffer.from(password),
    })
  const key = open('alice.encrypted', 'open sesame')
  assert.ok(readCertificate('alice').belongsTo(key))
  assert.ok(!readCertificate('bob').belongsTo(key))
  const refusals = [
    [
      () => open('alice.encrypted'),
      /alice\.encrypted\.pem is encrypted; give its password .*security_key_password/,
    ],
    [() => open('alice.encrypted', 'wrong'), /alice\.encrypted\.pem cannot be decrypted with the password/],
    [() => open('ec'), /ec\.pem is of type ec; only RSA/],
    [
      () => new PrivateKey(Buffer.from('x'), { place: 'x.pem', password: undefined }),
      /^Invalid private key: x\.pem holds no private key in PEM$/,
    ],
  ] as const
  for (const [attempt, message] of refusals) assert.throws(attempt, { name: 'SecurityError', message })
})

test('digests go by the names that Python has; unknown ones and MD5 are refused', () => {
  assert.deepEqual(digestOf('SHA512_256'), { name: 'sha512-256', bytes: 32 })
  for (const name of ['md5', 'sha265', '']) assert.throws(() => digestOf(name), ImproperlyConfigured)
  assert.throws(() => digestOf('sha265'), /did you mean "sha256"\?/)
})

test('the salt is as long as the key has room for [5-140]', () => {
  assert.equal(maxSaltLength(2048, sha256), 222)
  assert.equal(maxSaltLength(2049, sha256), 222)
  assert.equal(maxSaltLength(2050, sha256), 223)
  assert.throws(() => maxSaltLength(512, digestOf('sha512')), SecurityError)
})

test('every digest signs and verifies', () => {
  const bytes = Buffer.from('hello')
  for (const name of [
    'sha1',
    'sha224',
    'sha384',
    'sha512',
    'sha512_224',
    'sha512_256',
    'sha3_224',
    'sha3_512',
  ]) {
    const digest = digestOf(name)
    readCertificate('alice').verify(bytes, readKey('alice').sign(bytes, digest), digest)
  }
})

test('a store is a folder or a glob of certificates, hidden files and folders apart [10-045, 10-046]', (t) => {
  const folder = certificateFolder(t, 'alice', 'bob', 'odd-issuer')
  writeFileSync(join(folder, '.hidden'), 'no certificate')
  mkdirSync(join(folder, 'inner'))
  copyFileSync(certificateFile('ec'), join(folder, 'inner/ec.pem'))
  const store = CertificateStore.read(folder, NOW)
  assert.equal(store.get('Celeriac tests bob 2').id, 'Celeriac tests bob 2')
  const some = CertificateStore.read(join(folder, '[ab]*'), NOW)
  assert.equal(some.get('Celeriac tests alice 1').id, 'Celeriac tests alice 1')
  assert.throws(() => some.get(readCertificate('odd-issuer').id), {
    name: 'SecurityError',
    message: /^Unknown certificate: there is no "DE /,
  })
})

test('a store with an expired certificate, or the same one twice, is refused [10-046]', (t) => {
  const expired = certificateFolder(t, 'alice', 'expired')
  assert.throws(() => CertificateStore.read(expired, NOW), {
    name: 'SecurityError',
    message: `Expired certificate: 'expired 3' (${join(expired, 'expired.pem')}); take it out of the store`,
  })
  const twice = certificateFolder(t, 'alice')
  copyFileSync(certificateFile('alice'), join(twice, 'alice-again.pem'))
  assert.throws(() => CertificateStore.read(twice, NOW), {
    name: 'SecurityError',
    message: /^Duplicate certificate: 'Celeriac tests alice 1'/,
  })
})

test('a store without certificates, or with something else in it, is refused', (t) => {
  const empty = tempDir(t)
  for (const path of [empty, join(empty, '*.pem'), join(empty, 'missing')]) {
    assert.throws(() => CertificateStore.read(path, NOW), {
      name: 'ImproperlyConfigured',
      message: new RegExp(`^There is no certificate in the certificate store ${path.replace('*', '\\*')}: `),
    })
  }
  writeFileSync(join(empty, 'README'), 'certificates')
  assert.throws(() => CertificateStore.read(empty, NOW), {
    name: 'SecurityError',
    message: /README holds no X\.509 certificate/,
  })
})
