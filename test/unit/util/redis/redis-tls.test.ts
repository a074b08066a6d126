import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { redisTls } from '../../../../src/util/redis/redis-tls.ts'

const CERTIFICATE = fileURLToPath(new URL('../../../support/tls/test-only.cert.pem', import.meta.url))

suite('redisTls', () => {
  test('names with and without prefix; files are read', () => {
    for (const options of [
      { ssl_ca_certs: CERTIFICATE, ssl_certfile: CERTIFICATE },
      { ca_certs: CERTIFICATE, certfile: CERTIFICATE },
    ]) {
      const { ca, cert, key, rejectUnauthorized } = redisTls(options)
      assert.match(ca ?? '', /BEGIN CERTIFICATE/)
      assert.equal(cert, ca)
      assert.deepEqual([key, rejectUnauthorized], [undefined, true])
    }
    assert.deepEqual(redisTls({ ssl_ca_data: 'PEM', ssl_password: 'p', ssl_keyfile: null }), {
      rejectUnauthorized: true,
      ca: 'PEM',
      passphrase: 'p',
    })
  })

  test('what is verified', () => {
    const verified = (options: Readonly<Record<string, unknown>>) => {
      const { rejectUnauthorized, checkServerIdentity } = redisTls(options)
      return [rejectUnauthorized, checkServerIdentity === undefined]
    }
    assert.deepEqual(verified({}), [true, true])
    for (const value of ['required', 'CERT_REQUIRED', 2, 'optional', 1]) {
      assert.deepEqual(verified({ ssl_cert_reqs: value }), [true, true])
    }
    for (const value of ['none', 'CERT_NONE', 0])
      assert.deepEqual(verified({ ssl_cert_reqs: value }), [false, false])
    assert.deepEqual(verified({ ssl_check_hostname: false }), [true, false])
    assert.deepEqual(verified({ ssl_check_hostname: 'False' }), [true, false])
  })

  test('what is wrong is named', () => {
    assert.throws(
      () => redisTls({ ssl_cert_req: 'none' }),
      /no TLS option ssl_cert_req .*did you mean "ssl_cert_reqs"/,
    )
    assert.throws(() => redisTls({ ssl_cert_reqs: 'perhaps' }), /must be required, optional or none/)
    assert.throws(
      () => redisTls({ ssl_keyfile: '/no/such/file' }),
      /ssl_keyfile: the file \/no\/such\/file cannot be read/,
    )
  })
})
