import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { CliError } from '../../../src/cli/exit-code.ts'
import { findApp } from '../../../src/cli/find-app.ts'
import { folderWith } from './fake-app.ts'

const INDEX = new URL('../../../src/index.ts', import.meta.url).href

interface Finder {
  readonly folder: string
  /** Name of the app that is found. */
  find(reference: string): Promise<string | undefined>
  /** The message when none is found. */
  complaint(reference: string, trace?: boolean): Promise<string>
}

function finderIn(t: TestContext, files: Readonly<Record<string, string>>): Finder {
  const folder = folderWith(t, files)
  return {
    folder,
    find: async (reference) => (await findApp(reference, { cwd: folder })).app.main,
    complaint: async (reference, trace = false) => {
      const error = await findApp(reference, { cwd: folder, trace }).then(
        () => assert.fail(`${reference} was found`),
        (reason: unknown) => reason,
      )
      assert.ok(error instanceof CliError, String(error))
      assert.equal(error.exitCode, 2)
      assert.match(error.message, /^Unable to load celery application\.\n/)
      return error.message
    },
  }
}

test('a module is a file, with or without its extension, of any kind [6-050]', async (t) => {
  const { find } = finderIn(t, {
    'typed.ts': 'export const app: object = APP(typed)',
    'plain.js': 'export const app = APP(plain)',
    'modern.mjs': 'export const app = APP(modern)',
    'deep/er/tasks.ts': 'export const app = APP(deep)',
    'dotted.name.ts': 'export const app = APP(dotted)',
  })
  assert.equal(await find('typed'), 'typed')
  assert.equal(await find('./typed.ts'), 'typed')
  assert.equal(await find('plain'), 'plain')
  assert.equal(await find('modern.mjs'), 'modern')
  assert.equal(await find('deep/er/tasks'), 'deep')
  assert.equal(await find('deep.er.tasks'), 'deep')
  assert.equal(await find('dotted.name'), 'dotted')
})

test('a CommonJS module is looked into as well [6-050]', async (t) => {
  const { find, folder } = finderIn(t, {})
  const made = 'conf: {}, tasks: {}, task() {}, sendTask() {}, loadModules() {}, runnerSource() {}'
  writeFileSync(join(folder, 'one.cjs'), `module.exports = { app: { main: 'one', ${made} } }`)
  writeFileSync(join(folder, 'all.cjs'), `module.exports = { main: 'all', ${made} }`)
  assert.equal(await find('one.cjs'), 'one')
  assert.equal(await find('all'), 'all')
})

test('module:attribute is that attribute, a path of attributes, or an object to look into [6-043]', async (t) => {
  const { find } = finderIn(t, {
    'tasks.ts': `export const app = APP(first)
      export const other = APP(other)
      export const config = { inner: { app: APP(inner) } }
      export const number = 5`,
  })
  assert.equal(await find('tasks:other'), 'other')
  assert.equal(await find('tasks#other'), 'other')
  assert.equal(await find('tasks.other'), 'other')
  assert.equal(await find('tasks:config.inner.app'), 'inner')
  assert.equal(await find('tasks:config.inner'), 'inner')
})

test('in a module: app, then celery, then the first app under whatever name [6-044, 6-045, 6-047, 11-035]', async (t) => {
  const { find } = finderIn(t, {
    'all.ts': 'export const a = APP(a); export const celery = APP(celery); export const app = APP(app)',
    'two.ts': 'export const a = APP(a); export const celery = APP(celery)',
    'one.ts': 'export const other = { conf: 1 }; export const mine = APP(mine)',
    'wrong.ts': 'export const app = { listen() {} }; export const queue = APP(queue)',
    'standard.ts': 'const app = APP(standard); export default app',
  })
  assert.equal(await find('all'), 'app')
  assert.equal(await find('two'), 'celery')
  assert.equal(await find('one'), 'mine')
  assert.equal(await find('wrong'), 'queue')
  assert.equal(await find('standard'), 'standard')
})

test('in a folder: its index, then celery, app and tasks, then any app of the index [6-046, 6-048, 12-051]', async (t) => {
  const { find, folder } = finderIn(t, {
    'indexed/index.ts': 'export const app = APP(index)',
    'indexed/celery.ts': 'export const app = APP(submodule)',
    'sub/index.ts': 'export const any = APP(any)',
    'sub/celery.ts': 'export const app = APP(submodule)',
    'last/index.ts': 'export const any = APP(any)',
    'bare/app.ts': 'export const app = APP(bareapp)',
    'bare/tasks.ts': 'export const app = APP(baretasks)',
    'only/tasks.ts': 'export const whatever = APP(onlytasks)',
    'file.ts': 'export const app = APP(file)',
    'file/index.ts': 'export const app = APP(folder)',
  })
  assert.equal(await find('indexed'), 'index')
  assert.equal(await find('sub'), 'submodule')
  assert.equal(await find('last'), 'any')
  assert.equal(await find('bare'), 'bareapp')
  assert.equal(await find('only'), 'onlytasks')
  assert.equal(await find('file'), 'file')
  assert.equal((await findApp('.', { cwd: join(folder, 'bare') })).app.main, 'bareapp')
})

test('a package is found where it is installed [6-050]', async (t) => {
  const { find, folder } = finderIn(t, {
    'node_modules/proj-tasks/main.js': 'export const app = APP(installed)',
  })
  const manifest = { name: 'proj-tasks', type: 'module', exports: { '.': './main.js' } }
  writeFileSync(join(folder, 'node_modules/proj-tasks/package.json'), JSON.stringify(manifest))
  assert.equal(await find('proj-tasks'), 'installed')
})

test('where it was found is said in a way that child processes understand', async (t) => {
  const { folder } = finderIn(t, {
    'tasks.ts': 'export const mine = APP(mine); export const config = { app: mine }',
  })
  const url = pathToFileURL(join(folder, 'tasks.ts')).href
  assert.equal((await findApp('tasks', { cwd: folder })).reference, `${url}#mine`)
  assert.equal((await findApp('tasks:config', { cwd: folder })).reference, `${url}#config.app`)
})

test('a module that is not there [6-015]', async (t) => {
  const { complaint, folder } = finderIn(t, { 'empty/readme.txt': '', 'py.py': '', 'pkg/celery.py': '' })
  mkdirSync(join(folder, 'nothing'))
  const absent = await complaint('absent')
  assert.match(absent, /There is no module absent: looked for absent\.ts, .* from /)
  assert.match(absent, /celery -A path\/to\/tasks\.ts worker/)
  assert.match(
    await complaint('nothing'),
    /There is no module nothing: the folder .*nothing has no module index, celery, app, tasks/,
  )
  for (const name of ['py', 'py.py', 'pkg', 'pkg.celery']) {
    assert.match(await complaint(name), /\n(?:\S+\.py|It) is an app for Python's celery\. .*\n {2}celery -b /)
  }
  assert.match(await complaint('./etc'), /There is no module \.\/etc: looked for/)
})

test('a module without an app, or without that attribute [6-015]', async (t) => {
  const { complaint } = finderIn(t, {
    'tasks.ts': 'export const add = 1; export const config = {}',
    'proj/index.ts': 'export const nothing = 1',
    'none.ts': '',
  })
  assert.match(await complaint('tasks'), /The module tasks exports no Celery app \(it exports add, config\)/)
  assert.match(await complaint('proj'), /exports no Celery app \(it exports nothing\)/)
  assert.match(await complaint('none'), /\(it exports nothing\)/)
  assert.match(await complaint('tasks:ad'), /exports no ad \(did you mean "add"\?\)/)
  assert.match(await complaint('tasks:add'), /add of the module tasks is no Celery app/)
  assert.match(await complaint('tasks:config'), /config of the module tasks is no Celery app/)
})

test('a module that fails shows the error and its place, or the whole stack [6-015, 6-070]', async (t) => {
  const { complaint } = finderIn(t, {
    'fails.mjs': 'function helper() {\n  throw new RangeError("of its own")\n}\nhelper()',
    'broken.ts': 'export const app = {',
    'missing.mjs': 'import "not-installed-anywhere"',
  })
  const short = await complaint('fails')
  assert.match(
    short,
    /The module fails was found, but it failed to load:\nRangeError: of its own\n.*fails\.mjs:4:9/,
  )
  assert.equal(short.match(/^\s+at /gm)?.length, 1)
  assert.match(await complaint('fails', true), /at helper.*\n\s+at .*\n\s+at /)
  assert.match(await complaint('broken'), /broken\.ts[\s\S]*Expression expected|broken\.ts[\s\S]*SyntaxError/)
  assert.match(await complaint('missing'), /not-installed-anywhere/)
})

test('a module that fails because of us shows where the user called; what Node cannot run has a remedy [6-015]', async (t) => {
  const { complaint } = finderIn(t, {
    'typo.mjs': `import { Celery } from '${INDEX}'\nexport const app = new Celery('t', { brokr: 'redis://' })`,
    'fancy.ts': 'export enum Colour { Red }',
  })
  assert.match(
    await complaint('typo'),
    /\nImproperlyConfigured: Celery: there is no option 'brokr' \(did you mean "broker"\?\)\n.*typo\.mjs:\d+:20/,
  )
  assert.match(await complaint('fancy'), /enum[\s\S]*\nNODE_OPTIONS=--experimental-transform-types/)
})
