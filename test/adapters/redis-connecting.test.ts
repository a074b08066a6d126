import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ConnectionError } from '../../src/errors.ts'
import type { CleanupContext } from '../support/cleanup.ts'
import { freePort } from '../support/free-port.ts'
import type { TestStoreOptions } from '../support/redis-store.ts'
import { openTestStore, takeNow, textMessage, textOf } from '../support/redis-store.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'
import { tempDir } from '../support/temp-dir.ts'

const CERTIFICATE = fileURLToPath(new URL('../support/tls/test-only.cert.pem', import.meta.url))
const KEY = fileURLToPath(new URL('../support/tls/test-only.key.pem', import.meta.url))

/** What goes in comes out. */
async function works(t: CleanupContext, url: string, options?: TestStoreOptions): Promise<string[]> {
  const { store, warnings } = await openTestStore(t, url, options)
  await store.put('q', [textMessage('a')])
  const taken = await takeNow(store, ['q'])
  assert.deepEqual(taken.map(textOf), ['a'])
  await store.settle(taken)
  return warnings
}

async function startWithTls(t: CleanupContext): Promise<string> {
  const port = await freePort()
  await startRedis(t, {
    args: [
      ...['--tls-port', `${port}`, '--tls-cert-file', CERTIFICATE, '--tls-key-file', KEY],
      ...['--tls-ca-cert-file', CERTIFICATE, '--tls-auth-clients', 'optional'],
    ],
  })
  return `rediss://127.0.0.1:${port}`
}

suite('connecting to Redis', needs('redis-server'), () => {
  test('a socket of the file system, and its database [4-067] [11-020]', async (t) => {
    const path = join(tempDir(t), 'redis.sock')
    const server = await startRedis(t, { args: ['--unixsocket', path] })
    await works(t, `redis+socket://${path}?virtual_host=3`)
    const { store } = await openTestStore(t, `socket://${path}?virtual_host=3`)
    await store.put('q', [textMessage('a')])
    assert.match((await server.command('INFO keyspace')).join(), /^# Keyspace\s+db3:keys=\d+,\S+\s*$/)
  })

  test('a connection that was refused leaves no timer behind, for which the process would wait', async (t) => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    await assert.rejects(openTestStore(t, `redis://127.0.0.1:${await freePort()}`), /ECONNREFUSED/)
    assert.equal(timers(), before)
  })

  test('password and user, in the URL and from a provider [1-276]', async (t) => {
    const server = await startRedis(t)
    await server.command('CONFIG SET requirepass p@ss')
    const at = server.url.slice('redis://'.length)
    await works(t, `redis://:p%40ss@${at}`)
    await works(t, `redis://default:p%40ss@${at}`)
    await works(t, `redis://wrong:wrong@${at}`, {
      options: { credential_provider: async () => ({ username: 'default', password: 'p@ss' }) },
    })
    await assert.rejects(openTestStore(t, `redis://${at}`), /NOAUTH.*the server wants a password/)
    await assert.rejects(openTestStore(t, `redis://:wrong@${at}`), (error: unknown) => {
      assert.ok(error instanceof ConnectionError)
      assert.equal(error.recoverable, false)
      assert.match(error.message, /WRONGPASS/)
      return true
    })
  })

  test('TLS: certificates are verified unless told otherwise [11-023]', async (t) => {
    const url = await startWithTls(t)
    await assert.rejects(openTestStore(t, url), /self-signed certificate/)
    assert.deepEqual(
      await works(t, url, { ssl: { ssl_ca_certs: CERTIFICATE, ssl_cert_reqs: 'CERT_REQUIRED' } }),
      [],
    )
    assert.deepEqual(await works(t, `${url}?ssl_ca_certs=${encodeURIComponent(CERTIFICATE)}`), [])
    assert.match((await works(t, `${url}?ssl_cert_reqs=none`)).join(), /not verified/)
    // kombu takes TLS options for redis://, too.
    await works(t, url.replace('rediss', 'redis'), { ssl: { ca_certs: CERTIFICATE } })
    await works(t, url, { ssl: { ssl_ca_certs: CERTIFICATE, ssl_certfile: CERTIFICATE, ssl_keyfile: KEY } })
  })

  test('a database that there is not is no other database', async (t) => {
    const { url } = await startRedis(t)
    await assert.rejects(openTestStore(t, `${url}/99`), /DB index is out of range/)
  })

  test('nobody answers', async (t) => {
    await assert.rejects(
      openTestStore(t, 'redis://127.0.0.1:1'),
      /redis:\/\/127.0.0.1:1 failed: connect ECONNREFUSED/,
    )
  })
})
