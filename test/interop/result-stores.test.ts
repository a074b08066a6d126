/** Results in stores that Python and we share, both ways, with real clients and workers on each side. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { chord, group } from '../../src/canvas.ts'
import { needsPythonModules } from '../support/python.ts'
import { needs } from '../support/require-server.ts'
import { startMariadb } from '../support/servers/mariadb.ts'
import { startMemcached } from '../support/servers/memcached.ts'
import { startPostgresql } from '../support/servers/postgresql.ts'
import { tempDir } from '../support/temp-dir.ts'
import { needsPartners, startNodeApp, startNodeWorker, startPlace, startPython } from './partners.ts'
import { startPythonClient } from './python-client.ts'

interface Store {
  readonly ids: string
  readonly programs: readonly string[]
  /** What Python needs to use it. */
  readonly modules: readonly string[]
  /** The URL of a new store, as Python and as we write it. */
  readonly start: (t: TestContext) => Promise<{ readonly python: string; readonly node: string }>
}

const STORES: Readonly<Record<string, Store>> = {
  filesystem: {
    ids: '[4-082]',
    programs: [],
    modules: [],
    async start(t) {
      const url = `file://${tempDir(t)}`
      return { python: url, node: url }
    },
  },
  memcached: {
    ids: '[4-073]',
    programs: ['memcached'],
    modules: ['memcache'],
    async start(t) {
      const servers = [await startMemcached(t), await startMemcached(t)].map(({ address }) => address)
      const url = `cache+memcached://${servers.join(';')}/`
      return { python: url, node: url }
    },
  },
  'database on SQLite': {
    ids: '[4-071]',
    programs: [],
    modules: ['sqlalchemy'],
    async start(t) {
      const url = `db+sqlite:///${join(tempDir(t), 'results.db')}`
      return { python: url, node: url }
    },
  },
  'database on PostgreSQL': {
    ids: '[4-071]',
    programs: ['pg_ctlcluster'],
    modules: ['sqlalchemy', 'pg8000'],
    async start(t) {
      const url = await (await startPostgresql(t)).newDatabase()
      return { python: `db+${url.replace('postgresql:', 'postgresql+pg8000:')}`, node: `db+${url}` }
    },
  },
  'database on MariaDB': {
    ids: '[4-071]',
    programs: ['mariadbd'],
    modules: ['sqlalchemy', 'pymysql'],
    async start(t) {
      const url = `db+${(await (await startMariadb(t)).newDatabase()).replace('mysql:', 'mysql+pymysql:')}`
      return { python: url, node: url }
    },
  },
}

for (const [name, { ids, programs, modules, start }] of Object.entries(STORES)) {
  const skip = needsPartners('redis').skip || needs(...programs).skip || needsPythonModules(...modules).skip
  test(`${name}: results, groups and chords, between Python and us ${ids}`, { skip }, async (t) => {
    const urls = await start(t)
    const settings = {
      result_chord_retry_interval: 0.1,
      ...(name === 'memcached' ? { cache_backend_options: { behaviors: { hash: 'crc' } } } : {}),
    }
    const place = await startPlace(t, 'redis', { backend: urls.python, settings })
    const node = startNodeApp(t, { ...place, backend: urls.node }, settings)
    const [python] = await Promise.all([
      startPythonClient(t, place.env),
      startNodeWorker(t, node, { queues: ['node', 'celery'] }),
      startPython(t, place),
    ])
    const call = (task: string, ...args: unknown[]) => node.app.signature(task, { args })

    await t.test('our worker answers Python’s client', async () => {
      const answers = await python.run(`
        results = [send('node.add', n, n) for n in range(5)]
        failed = outcome(send('node.fail', 'TypeError'))['type']
        typed = send('node.echo', {'a': [1.5, None, 'snö']}).get(timeout=60)
        gone = results[0].id
        values = [r.get(timeout=60) for r in results]
        results[0].forget()
        return [values, failed, typed, AsyncResult(gone, app=app).state]`)
      assert.deepEqual(answers, [[0, 2, 4, 6, 8], 'TypeError', { a: [1.5, null, 'snö'] }, 'PENDING'])
    })

    await t.test('a Python worker answers our client', async () => {
      const results = await Promise.all([1, 2, 3].map((n) => call('py.add', n, n).delay()))
      assert.deepEqual(await Promise.all(results.map((each) => each.get({ timeout: 60 }))), [2, 4, 6])
      assert.deepEqual(
        await call('py.echo', { a: ['snö', 1.5] })
          .delay()
          .get({ timeout: 60 }),
        {
          a: ['snö', 1.5],
        },
      )
      await assert.rejects(call('py.fail', 'KeyError').delay().get({ timeout: 60 }), { name: 'KeyError' })
    })

    await t.test('groups saved by one are restored by the other', async () => {
      const saved = await python.run(`
        result = group(py('add', 1, 1), node('add', 2, 2))()
        result.save()
        return result.id`)
      const restored = await node.app.groupResult(String(saved))
      assert.deepEqual(await restored?.get({ timeout: 60 }), [2, 4])
      const ours = await group([call('py.add', 3, 3), call('node.add', 4, 4)]).delay()
      await ours.save()
      const theirs = await python.run(`return value(GroupResult.restore(id, app=app))`, {
        id: ours.id,
      })
      assert.deepEqual(theirs, [6, 8])
    })

    await t.test('chords of one across the workers of both', async () => {
      const header = [call('py.add', 1, 1), call('node.add', 2, 2)]
      const value = await chord(header, call('py.xsum')).delay().get({ timeout: 60 })
      assert.equal(value, 6)
      const theirs = await python.run(
        `return value(chord([py('add', 1, 1), node('add', 2, 2)])(node('xsum')))`,
      )
      assert.equal(theirs, 6)
    })
  })
}
