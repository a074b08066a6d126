import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { findLocalCommand } from '../../../src/cli/local-installation.ts'
import { tempDir } from '../../support/temp-dir.ts'

function install(folder: string): string {
  mkdirSync(join(folder, 'dist/cli'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'celeriac', type: 'module' }))
  const command = pathToFileURL(join(folder, 'dist/cli/main.js')).href
  writeFileSync(new URL(command), '')
  return command
}

test("a command gives way to the project's own copy of the package", (t) => {
  const folder = tempDir(t)
  const local = install(join(folder, 'project/node_modules/celeriac'))
  const global = install(join(folder, 'global'))
  const deep = join(folder, 'project/src')
  mkdirSync(deep)
  assert.equal(findLocalCommand(deep, global), local)
  assert.equal(findLocalCommand(deep, local), undefined)
  assert.equal(findLocalCommand(join(folder, 'global'), global), undefined)
})

test('a copy that is linked is the same copy', (t) => {
  const folder = tempDir(t)
  const own = install(join(folder, 'celeriac'))
  mkdirSync(join(folder, 'project/node_modules'), { recursive: true })
  symlinkSync(join(folder, 'celeriac'), join(folder, 'project/node_modules/celeriac'))
  assert.equal(findLocalCommand(join(folder, 'project'), own), undefined)
})
