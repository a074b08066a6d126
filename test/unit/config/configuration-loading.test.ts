import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { ConfigurationOptions } from '../../../src/config/configuration.ts'
import { Configuration } from '../../../src/config/configuration.ts'
import type { UserSettings } from '../../../src/config/settings.ts'
import { tempDir } from '../../support/temp-dir.ts'

function configure(settings: UserSettings = {}, options: ConfigurationOptions = {}): Configuration {
  return new Configuration(settings, { environment: {}, ...options })
}

/** A folder with modules in it. */
function folderWith(t: TestContext, files: Record<string, string>): string {
  const folder = tempDir(t)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}
test('nothing is loaded before the first read; then hooks run around it once [1-227]', (t) => {
  const order: string[] = []
  const cwd = folderWith(t, {
    'conf.cjs':
      'globalThis.celeriacLoads ??= 0; globalThis.celeriacLoads++; exports.task_serializer = "yaml"',
  })
  const loads = () => Reflect.get(globalThis, 'celeriacLoads')
  const conf: Configuration = configure(
    {},
    {
      cwd,
      beforeLoad: () => {
        order.push('before')
        conf.resultSerializer = 'set by the hook'
      },
      afterLoad: () => order.push(`after ${conf.taskSerializer}`),
    },
  )
  conf.configFromObject('conf')
  conf.taskAcksLate = true
  assert.equal(loads(), undefined)
  assert.equal(conf.loaded, false)
  assert.equal(conf.taskSerializer, 'yaml')
  assert.equal(conf.resultSerializer, 'set by the hook')
  assert.equal(conf.taskAcksLate, true)
  assert.equal(conf.loaded, true)
  assert.equal(loads(), 1)
  assert.deepEqual(order, ['before', 'after yaml'])
})

test('another object takes the place of the first and of later changes, not of the constructor [1-228]', () => {
  const conf = configure({ taskSerializer: 'constructor' })
  conf.configFromObject({ resultSerializer: 'first', eventSerializer: 'first' })
  conf.taskAcksLate = true
  conf.resolved()
  conf.taskTrackStarted = true
  conf.configFromObject({ resultSerializer: 'second' }, { force: true })
  assert.deepEqual(
    [
      conf.taskSerializer,
      conf.resultSerializer,
      conf.eventSerializer,
      conf.taskAcksLate,
      conf.taskTrackStarted,
    ],
    ['constructor', 'second', 'json', true, false],
  )
})

test('settings from a class, an instance and an object without prototype [1-228]', () => {
  class Base {
    static taskSerializer = 'yaml'
    static helper(): void {}
    resultSerializer = 'yaml'
    get eventSerializer(): string {
      return 'yaml'
    }
    method(): void {}
  }
  class Derived extends Base {
    static taskAcksLate = true
  }
  const ofClass = configure()
  ofClass.configFromObject(Derived)
  assert.deepEqual(ofClass.withoutDefaults(), { taskSerializer: 'yaml', taskAcksLate: true })
  const ofInstance = configure()
  ofInstance.configFromObject(new Derived())
  assert.deepEqual(ofInstance.withoutDefaults(), { resultSerializer: 'yaml', eventSerializer: 'yaml' })
  const bare = configure()
  bare.configFromObject(Object.assign(Object.create(null), { taskSerializer: 'yaml' }))
  assert.equal(bare.taskSerializer, 'yaml')
})

test('settings from a module that was imported [1-228]', async (t) => {
  const cwd = folderWith(t, {
    'conf.mjs': 'export const taskSerializer = "yaml"; export function helper() {}; export const _own = 1',
  })
  const conf = configure()
  conf.configFromObject(await import(join(cwd, 'conf.mjs')))
  assert.deepEqual(conf.withoutDefaults(), { taskSerializer: 'yaml' })
})

test('settings are found by their name without prefix [1-241]', () => {
  const conf = configure()
  assert.equal(conf.findOption('prefetch_multiplier')?.setting, 'workerPrefetchMultiplier')
  assert.equal(conf.findOption('serializer')?.setting, 'eventSerializer')
  assert.equal(conf.findOption('serializer', 'task')?.namespace, 'task')
  assert.equal(conf.findOption('timezone')?.namespace, undefined)
  assert.equal(conf.findOption('task_serializer')?.row.default, 'json')
  assert.equal(conf.findOption('nonsense'), undefined)
  assert.equal(conf.findValue('prefetch_multiplier'), 4)
  assert.equal(conf.getByParts('task', 'serializer'), 'json')
  assert.throws(() => conf.findValue('nonsense'), /no setting 'nonsense'/)
})

test('settings from modules, by file, package path, export and JSON [1-228]', (t) => {
  const cwd = folderWith(t, {
    'celeryconfig.ts':
      'export const task_serializer: string = "ts"; export const _own = 1; export function helper() {}',
    'mjs.mjs': 'export default { taskSerializer: "mjs" }',
    'cjs.cjs': 'exports.CELERY_TASK_SERIALIZER = "cjs"',
    'plain.json': '{ "task_serializer": "json file" }',
    'proj/settings.ts': 'export const CELERY_TASK_SERIALIZER = "proj"; export const DEBUG = true',
    'proj/classes.ts':
      'export class Production { static taskSerializer = "production" }\nexport const port = 5',
  })
  const read = (name: string, namespace?: string): string => {
    const conf = configure({}, { cwd })
    conf.configFromObject(name, { namespace })
    return conf.taskSerializer
  }
  assert.equal(read('celeryconfig'), 'ts')
  assert.equal(read('./celeryconfig.ts'), 'ts')
  assert.equal(read('mjs'), 'mjs')
  assert.equal(read('cjs'), 'cjs')
  assert.equal(read('plain'), 'json file')
  assert.equal(read('plain.json'), 'json file')
  assert.equal(read('proj.settings', 'CELERY'), 'proj')
  assert.equal(read('proj/classes#Production'), 'production')
  assert.equal(read('proj.classes:Production'), 'production')
  assert.equal(read('proj.classes.Production'), 'production')
  assert.throws(
    () => read('proj.classes:Produktion'),
    /exports no 'Produktion' \(did you mean "Production"\?\)/,
  )
  assert.throws(() => read('proj.classes:port'), /'port' of 'proj.classes' is no object or class/)
  assert.throws(() => read('proj.settings'), /proj\.settings: there is no setting 'DEBUG'/)
})

test('a module that is not there, waits, or fails says so [1-228]', (t) => {
  const cwd = folderWith(t, {
    'waits.mjs': 'await Promise.resolve(); export const taskSerializer = "x"',
    'fails.mjs': 'throw new RangeError("of its own")',
    'broken.mjs': 'import "./missing.mjs"',
  })
  const read = (name: string, silent = false): string => {
    const conf = configure({}, { cwd })
    conf.configFromObject(name, { silent })
    return conf.taskSerializer
  }
  assert.throws(() => read('absent'), /There is no module 'absent' with settings \(looked for from /)
  assert.throws(() => read('celeryconfig.py'), /written in Python .* can't be read: write celeryconfig\.ts/)
  assert.equal(read('absent', true), 'json')
  assert.throws(
    () => read('waits'),
    /'waits' waits \(await\) while it is loaded.* hand the object to configFromObject/,
  )
  assert.throws(() => read('fails', true), RangeError)
  assert.throws(() => read('broken', true), /missing\.mjs/)
})

test('settings in Python are never run as JavaScript, nor passed over in silence [1-228]', async (t) => {
  const cwd = folderWith(t, {
    'celeryconfig.py': "broker_url = 'redis://localhost'",
    'proj/conf.py': 'timezone = "UTC"',
  })
  const read = (name: string): string => {
    const conf = configure({}, { cwd })
    conf.configFromObject(name)
    return conf.taskSerializer
  }
  for (const name of ['celeryconfig', 'celeryconfig.py', 'proj.conf']) {
    assert.throws(
      () => read(name),
      /There is no module .* settings written in Python \(\S+\.py\) can't be read: write \S+\.ts, or \.json/,
    )
  }
  // The default app may do without; but whoever has such a file expects that it counts.
  const warned = once(process, 'warning')
  assert.equal(configure({}, { cwd, useDefaultModule: true }).brokerUrl, 'sqlite://')
  const [warning] = await warned
  assert.match(String(warning), /\(celeryconfig\.py\) can't be read: write celeryconfig\.ts/)
})

test('a variable can name the module [1-230]', (t) => {
  const cwd = folderWith(t, { 'mine.mjs': 'export const taskSerializer = "mine"' })
  const conf = configure({}, { cwd, environment: { MY_CONFIG: 'mine', EMPTY: '' } })
  assert.throws(() => conf.configFromEnvvar('EMPTY'), /The environment variable EMPTY isn't set/)
  assert.equal(conf.configFromEnvvar('EMPTY', { silent: true }), false)
  assert.equal(conf.configFromEnvvar('MY_CONFIG'), true)
  assert.equal(conf.taskSerializer, 'mine')
})

test('without configuration the module in CELERY_CONFIG_MODULE is used, or celeryconfig if asked for [1-232]', (t) => {
  const cwd = folderWith(t, {
    'celeryconfig.mjs': 'export const taskSerializer = "celeryconfig"',
    'other.mjs': 'export const taskSerializer = "other"',
  })
  const environment = { CELERY_CONFIG_MODULE: 'other' }
  assert.equal(configure({}, { cwd }).taskSerializer, 'json')
  assert.equal(configure({}, { cwd, useDefaultModule: true }).taskSerializer, 'celeryconfig')
  assert.equal(configure({}, { cwd, useDefaultModule: true, environment }).taskSerializer, 'other')
  assert.equal(configure({}, { cwd, environment }).taskSerializer, 'other')
  assert.equal(configure({}, { cwd: tempDir(t), useDefaultModule: true }).taskSerializer, 'json')
  const missing = configure({}, { cwd, environment: { CELERY_CONFIG_MODULE: 'absent' } })
  assert.throws(() => missing.taskSerializer, /There is no module 'absent'/)
})

test('a module that asks for settings while it is loaded sees the other layers', (t) => {
  const conf = configure(
    { taskSerializer: 'constructor' },
    {
      cwd: folderWith(t, {
        'conf.cjs': 'exports.result_serializer = globalThis.celeriacConf.taskSerializer',
      }),
    },
  )
  Reflect.set(globalThis, 'celeriacConf', conf)
  conf.configFromObject('conf')
  assert.equal(conf.resultSerializer, 'constructor')
})

test('a load that failed is tried again at the next read', () => {
  const conf = configure()
  let wrong = true
  conf.addDefaults(() => {
    if (wrong) throw new RangeError('not yet')
    return { taskSerializer: 'yaml' }
  })
  assert.throws(() => conf.taskSerializer, RangeError)
  wrong = false
  assert.equal(conf.taskSerializer, 'yaml')
})
