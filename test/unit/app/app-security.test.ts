import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { SecurityOptions } from '../../../src/index.ts'
import { Celery } from '../../../src/index.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import { certificateFile, certificateFolder, keyFile, securitySettings } from '../../support/signers.ts'
import { tempDir } from '../../support/temp-dir.ts'

const ACCEPT = new Set(['application/data'])

function appWith(settings: Readonly<Record<string, unknown>>): Celery {
  return new Celery('t', { changes: settings, logger: silentLogger, setAsCurrent: false })
}

function secured(t: TestContext, as: 'alice' | 'bob', options: SecurityOptions = {}): Celery {
  const app = appWith(securitySettings(t, { as, trust: ['alice', 'bob'] }))
  app.setupSecurity(options)
  return app
}

function decode(app: Celery, { body }: { readonly body: Uint8Array }): unknown {
  return app.serializers.decode(body, 'application/data', 'utf-8', ACCEPT)
}

test('key, certificate, store and digest come from the settings [2-029, 10-043..10-045, 1-124..1-126]', (t) => {
  const signed = secured(t, 'alice').serializers.encode({ x: 1 }, 'auth')
  assert.deepEqual([signed.contentType, signed.contentEncoding], ['application/data', 'utf-8'])
  assert.deepEqual(decode(secured(t, 'bob'), signed), { x: 1 })
})

test('securityKeyPassword opens the key, securityDigest is the hash [1-127, 1-128]', (t) => {
  const app = appWith({
    ...securitySettings(t, { as: 'alice', trust: ['alice'] }),
    security_key: keyFile('alice.encrypted'),
    security_key_password: 'open sesame',
    security_digest: 'sha512',
  })
  app.setupSecurity()
  const signed = app.serializers.encode(1, 'auth')
  assert.equal(decode(app, signed), 1)
  assert.equal(decode(secured(t, 'bob', { digest: 'sha512' }), signed), 1)
  assert.throws(() => decode(secured(t, 'bob'), signed), { name: 'SecurityError', message: /^Bad signature/ })
})

test('options win over the settings [2-029]', (t) => {
  const app = appWith({ taskSerializer: 'auth', acceptContent: ['auth'], securityKey: '/missing' })
  app.setupSecurity({
    key: keyFile('alice.encrypted'),
    keyPassword: 'open sesame',
    cert: certificateFile('alice'),
    store: certificateFolder(t, 'alice'),
    digest: 'sha384',
    serializer: 'msgpack',
  })
  const signed = app.serializers.encode(new Uint8Array([255]), 'auth')
  assert.deepEqual(decode(app, signed), new Uint8Array([255]))
})

test('signed content in other serializers is disabled unless it is allowed [10-044]', async (t) => {
  const signed = secured(t, 'alice', { serializer: 'msgpack' }).serializers.encode('x', 'auth')
  assert.throws(() => decode(secured(t, 'bob'), signed), {
    name: 'SecurityError',
    message: /only json may be in one; setupSecurity\(\{ allowedSerializers \}\) allows more$/,
  })
  // The serializer for YAML is loaded when it is needed first.
  const open = secured(t, 'bob', { allowedSerializers: ['application/x-msgpack', 'yaml'] })
  await open.serializers.ready('auth')
  assert.equal(decode(open, signed), 'x')
  const inYaml = secured(t, 'alice', { serializer: 'yaml' })
  await inYaml.serializers.ready('auth')
  assert.equal(decode(open, inYaml.serializers.encode('y', 'auth')), 'y')
})

test('it needs messages to be signed, and unsigned ones to be refused [10-043]', (t) => {
  const good = securitySettings(t, { as: 'alice', trust: ['alice'] })
  for (const [settings, said] of [
    [{ task_serializer: 'json' }, "they are 'json' and ['auth']"],
    [{ accept_content: ['auth', 'json'] }, "they are 'auth' and ['auth', 'json']"],
    [{ accept_content: [] }, "they are 'auth' and []"],
  ] as const) {
    assert.throws(
      () => appWith({ ...good, ...settings }).setupSecurity(),
      (error) => {
        assert.ok(error instanceof Error && error.name === 'ImproperlyConfigured')
        assert.match(
          error.message,
          /^setupSecurity needs taskSerializer .* to be 'auth', .* to be \['auth'\] /,
        )
        assert.ok(error.message.endsWith(said), error.message)
        return true
      },
    )
  }
})

test('it needs a key, a certificate and a store, and says which is missing [10-043]', (t) => {
  const good = securitySettings(t, { as: 'alice', trust: ['alice'] })
  for (const [snake, camel] of [
    ['security_key', 'securityKey'],
    ['security_certificate', 'securityCertificate'],
    ['security_cert_store', 'securityCertStore'],
  ] as const) {
    assert.throws(() => appWith({ ...good, [snake]: null }).setupSecurity(), {
      name: 'ImproperlyConfigured',
      message: new RegExp(`all three of the settings .*; missing: ${camel}$`),
    })
  }
})

test('files that are missing, unreadable or do not belong together are told with their names', (t) => {
  const app = appWith(securitySettings(t, { as: 'alice', trust: ['alice'] }))
  const secret = join(tempDir(t), 'secret.pem')
  writeFileSync(secret, '')
  chmodSync(secret, 0)
  const refusals: readonly (readonly [SecurityOptions, string, RegExp])[] = [
    [
      { key: '/missing.pem' },
      'ImproperlyConfigured',
      /^The private key \/missing\.pem cannot be read: ENOENT.*securityKey/,
    ],
    [{ key: tempDir(t) }, 'ImproperlyConfigured', /cannot be read: EISDIR/],
    [
      { cert: '/missing.pem' },
      'ImproperlyConfigured',
      /^The certificate \/missing\.pem cannot be read: .*securityCertificate/,
    ],
    [
      { store: '/missing/*' },
      'ImproperlyConfigured',
      /^There is no certificate in the certificate store \/missing\/\*/,
    ],
    [{ key: certificateFile('alice') }, 'SecurityError', /alice\.cert\.pem holds no private key/],
    [{ key: keyFile('alice.encrypted') }, 'SecurityError', /is encrypted; give its password as keyPassword/],
    [
      { key: keyFile('bob') },
      'ImproperlyConfigured',
      /alice\.cert\.pem was made for another key than .*bob\.key\.pem/,
    ],
    [
      { cert: certificateFile('expired') },
      'SecurityError',
      /^Expired certificate: 'expired 3' \(.*expired\.cert\.pem\)/,
    ],
    [{ digest: 'sha265' }, 'ImproperlyConfigured', /digest 'sha265' \(did you mean "sha256"\?\)/],
    [
      { serializer: 'jsn' },
      'SerializerNotInstalled',
      /There is no serializer 'jsn' \(did you mean "json"\?\)/,
    ],
    [
      { allowedSerializers: ['application/data'] },
      'ImproperlyConfigured',
      /content of signed messages cannot be in/,
    ],
  ]
  for (const [options, name, message] of refusals) {
    assert.throws(() => app.setupSecurity(options), { name, message }, JSON.stringify(options))
  }
  // Nothing is left half done.
  assert.throws(() => app.serializers.get('auth'), {
    name: 'SerializerNotInstalled',
    message: /^There is no serializer 'auth' before app\.setupSecurity\(\) has made it; /,
  })
})

test('without it, what the settings want of auth is an error that says so', async () => {
  const app = appWith({ taskSerializer: 'auth', acceptContent: ['auth'] })
  await assert.rejects(app.loadModules(), /^SerializerNotInstalled: .*'auth' before app\.setupSecurity\(\)/)
})

test('content that is not signed is refused by its type [10-048, 12-058]', (t) => {
  const app = secured(t, 'alice')
  const accept = app.serializers.acceptList(app.settings.acceptContent)
  assert.throws(() => app.serializers.decode(Buffer.from('[]'), 'application/json', 'utf-8', accept), {
    name: 'ContentDisallowed',
    message: /json \(application\/json\): only application\/data may come in\. Messages must be signed here/,
  })
  // What is always let in as plain data is verified.
  assert.throws(() => app.serializers.decode(Buffer.from('[]'), 'application/data', 'utf-8', new Set()), {
    name: 'SecurityError',
  })
})
