import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { backendUrl, isBackendReference } from '../../../src/backends/backend-names.ts'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { buildResultMeta } from '../../../src/protocol/result-meta.ts'
import { urls } from './fixtures/own-backend.ts'
import { createTestApp } from './test-app.ts'

const OWN = fileURLToPath(new URL('./fixtures/own-backend.ts', import.meta.url))

suite('where results are kept', () => {
  for (const [name, url] of [
    ['rpc', 'rpc://'],
    ['redis', 'redis://'],
    ['celery.backends.rpc.RPCBackend', 'rpc://'],
    ['celery.backends.redis:RedisBackend', 'redis://'],
    ['celery.backends.redis:SentinelBackend', 'sentinel://'],
    ['celery.backends.redis:RedisBackend+redis://h:1/2', 'redis://h:1/2'],
    ['celery.backends.mongodb:MongoBackend', 'mongodb://'],
    ['celery.backends.database:DatabaseBackend', 'db://'],
    ['celery.backends.gcs:GCSBackend', 'gs://'],
    ['db+postgresql://h/d', 'db+postgresql://h/d'],
    ['my.backends:Mine', 'my.backends:Mine'],
  ] as const) {
    test(`${name} is ${url} [4-055]`, () => {
      assert.equal(backendUrl(name), url)
      assert.equal(isBackendReference(name), name === 'my.backends:Mine')
    })
  }

  test('a backend of my own is named by its module, or by a scheme that overrides [4-055, 1-206]', async () => {
    urls.length = 0
    for (const [backend, override] of [
      [`${OWN}#createOwnBackend`, {}],
      [`${OWN}:createOwnBackend`, {}],
      ['own://host/1', { own: `${OWN}#createOwnBackend` }],
      ['own+http://host/1', { own: `${OWN}#createOwnBackend` }],
      ['redis', { redis: `${OWN}#createOwnBackend` }],
    ] as const) {
      const app = createTestApp({ backend })
      app.conf.update({ overrideBackends: override })
      await app.results.save(buildResultMeta({ id: backend, state: 'SUCCESS', result: 1, now: 0 }))
      assert.equal(await app.AsyncResult(backend).get(), 1)
      await app.close()
    }
    assert.deepEqual(urls.slice(2), ['own://host/1', 'http://host/1', 'redis'])
    const app = createTestApp({ backend: `${OWN}#urls` })
    await assert.rejects(app.results.backend(), ImproperlyConfigured)
    await assert.rejects(createTestApp({ backend: 'nonsense://' }).results.backend(), /No result backend/)
  })

  test('a store tells its URL, without the password unless asked for [4-063]', () => {
    const uri = (backend: string, includePassword?: boolean): string =>
      createTestApp({ backend }).results.asUri(includePassword === undefined ? {} : { includePassword })
    assert.equal(uri('redis://:pw@host/0'), 'redis://:**@host/0')
    assert.equal(uri('redis://:pw@host/0', true), 'redis://:pw@host/0')
    assert.equal(uri('rpc://'), 'rpc://')
    assert.equal(uri('disabled://'), 'disabled://')
  })

  test('errors are stored as names and arguments, never as pickled objects [4-041]', async () => {
    const app = createTestApp()
    app.conf.update({ resultSerializer: 'yaml', resultAcceptContent: ['yaml'] })
    const failed = { exc_type: 'ValueError', exc_message: ['bad'], exc_module: 'builtins' }
    await app.results.save(buildResultMeta({ id: 'y', state: 'FAILURE', result: failed, now: 0 }))
    await assert.rejects(app.AsyncResult('y').get(), (error: Error) => {
      assert.deepEqual([error.name, error.message], ['ValueError', 'bad'])
      return true
    })
    const pickling = createTestApp()
    pickling.conf.update({ resultSerializer: 'pickle' })
    await assert.rejects(pickling.results.backend(), /pickle is Python's own format/)
    await Promise.all([app.close(), pickling.close()])
  })
})
