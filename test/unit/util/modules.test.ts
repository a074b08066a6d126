import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { importOptional, importReference, parseReference } from '../../../src/util/modules.ts'

let cwd = ''
before(async () => {
  cwd = await mkdtemp(path.join(os.tmpdir(), 'celeriac-modules-'))
  await writeFile(path.join(cwd, 'shop.mjs'), 'export const app = "shop"; export default "the default"')
  await writeFile(path.join(cwd, 'plain.mjs'), 'export const only = 1')
  await writeFile(path.join(cwd, 'broken.mjs'), 'import "./nowhere.mjs"')
})
after(() => rm(cwd, { recursive: true }))

test('an optional package that is there is given', async () => {
  const yaml = await importOptional('yaml', { neededFor: 'x', load: () => import('yaml') })
  assert.equal(typeof yaml.parse, 'function')
})

test('an optional package that is missing is named with the command that installs it [10-069]', async () => {
  const name = 'a-package-that-nobody-has'
  const missing = importOptional(name, { neededFor: 'The broker redis://', load: () => import(name) })
  await assert.rejects(missing, {
    name: 'ImproperlyConfigured',
    message: `The broker redis:// needs the package "${name}": npm install ${name}`,
  })
})

test('a package that is there but broken is not called missing', async () => {
  const broken = path.join(cwd, 'broken.mjs')
  const loading = importOptional('broken', { neededFor: 'x', load: () => import(broken) })
  await assert.rejects(loading, (error) => !(error instanceof ImproperlyConfigured))
})

test('references are taken apart', () => {
  const cases: [string, string, string | undefined][] = [
    ['shop#app', 'shop', 'app'],
    ['./shop.ts#app', './shop.ts', 'app'],
    ['shop:app', 'shop', 'app'],
    ['shop', 'shop', undefined],
    ['node:fs', 'node:fs', undefined],
    ['node:fs#readFile', 'node:fs', 'readFile'],
    ['C:\\shop.ts', 'C:\\shop.ts', undefined],
    ['file:///shop.ts', 'file:///shop.ts', undefined],
  ]
  for (const [text, module, name] of cases) assert.deepEqual(parseReference(text), { module, name }, text)
})

test('references are loaded relative to the folder, with or without extension', async () => {
  assert.equal(await importReference('./shop.mjs#app', { option: 'app', cwd }), 'shop')
  assert.equal(await importReference('shop:app', { option: 'app', cwd }), 'shop')
  assert.equal(await importReference('shop', { option: 'app', cwd }), 'the default')
  const fs = await importReference('node:fs#existsSync', { option: 'app', cwd })
  assert.equal(typeof fs, 'function')
  const plain = await importReference('plain', { option: 'app', cwd })
  assert.ok(typeof plain === 'object' && plain !== null && 'only' in plain)
})

test('what cannot be found is named, with a guess', async () => {
  await assert.rejects(importReference('./nothing#app', { option: 'beatScheduler', cwd }), {
    name: 'ImproperlyConfigured',
    message: `beatScheduler: there is no module './nothing' (looked for from ${cwd})`,
  })
  await assert.rejects(
    importReference('nothing-at-all', { option: 'app', cwd }),
    /there is no module 'nothing-at-all'/,
  )
  await assert.rejects(
    importReference('shop#ap', { option: 'app', cwd }),
    /exports no 'ap' \(did you mean "app"\?\)/,
  )
})

test('a module that imports something missing fails as it is', async () => {
  const loading = importReference('broken', { option: 'app', cwd })
  await assert.rejects(loading, (error) => !(error instanceof ImproperlyConfigured))
})
