import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { discover, importModule } from '../../../src/app/module-loader.ts'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { loaded } from './fixtures/loaded.ts'
import { createTestApp } from './test-app.ts'

const cwd = fileURLToPath(new URL('./fixtures', import.meta.url))

suite('modules of the user', () => {
  test('are found as files, and in Python’s notation [1-245 6-050]', async () => {
    loaded.length = 0
    await importModule('./more', 'imports', cwd)
    await importModule('proj.tasks', 'imports', cwd)
    assert.deepEqual(loaded.splice(0), ['more', 'proj.tasks'])
    await assert.rejects(importModule('proj.nothing', 'imports', cwd), ImproperlyConfigured)
  })

  test('are discovered in packages; a package without tasks is passed over [2-030 2-062]', async () => {
    await discover({ packages: ['proj', 'other'], relatedName: 'tasks' }, cwd)
    await discover({ packages: () => ['proj'], relatedName: 'nothing' }, cwd)
    await assert.rejects(discover({ packages: ['proj'], relatedName: 'broken' }, cwd), /broken on purpose/)
    await assert.rejects(discover({ packages: ['nowhere'], relatedName: null }, cwd), ImproperlyConfigured)
  })

  test('are loaded with what they need, in order, and that is told [1-245 2-027 2-051 9-035]', async () => {
    const told: string[] = []
    const app = createTestApp({ acceptContent: ['json', 'yaml'] })
    app.signals.importModules.connect(() => told.push('import'))
    app.signals.onAfterFinalize.connect(() => told.push('finalized'))
    app.autodiscoverTasks(() => {
      told.push('discover')
      return []
    })
    await app.loadModules()
    assert.deepEqual(told, ['import', 'discover', 'finalized'])
    assert.equal(app.serializers.encode(1, 'yaml').contentType, 'application/x-yaml')
  })

  test('are loaded once, whoever asks; what failed may be tried again', async () => {
    const told: string[] = []
    const app = createTestApp({ imports: ['no-such-module'] })
    app.signals.importModules.connect(() => told.push('import'))
    app.signals.onAfterFinalize.connect(() => told.push('finalized'))
    const failing = [app.loadModules(), app.loadModules()]
    for (const each of failing) await assert.rejects(each, /imports: there is no module 'no-such-module'/)
    assert.deepEqual(told.splice(0), ['import'])
    app.conf.update({ imports: [] })
    await Promise.all([app.loadModules(), app.loadModules()])
    await app.loadModules()
    assert.deepEqual(told, ['import', 'finalized'])
  })
})
