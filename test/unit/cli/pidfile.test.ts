import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CliError } from '../../../src/cli/exit-code.ts'
import { createPidfile } from '../../../src/cli/pidfile.ts'
import { tempDir } from '../../support/temp-dir.ts'

test('a pidfile holds the process id and a line break, and goes with its process [6-095]', (t) => {
  const file = join(tempDir(t), 'w.pid')
  const warnings: string[] = []
  const remove = createPidfile(file, (text) => warnings.push(text))
  assert.equal(readFileSync(file, 'utf8'), `${process.pid}\n`)
  assert.equal(statSync(file).mode & 0o777, 0o644 & ~process.umask())
  remove()
  assert.equal(existsSync(file), false)
  remove()
  assert.deepEqual(warnings, [])
})

test('a pidfile of a process that runs is respected, with exit code 73 [6-095, 6-017]', (t) => {
  const file = join(tempDir(t), 'w.pid')
  writeFileSync(file, `${process.ppid}\n`)
  const act = () => createPidfile(file, assert.fail)
  assert.throws(act, (error) => {
    assert.ok(error instanceof CliError)
    assert.equal(error.exitCode, 73)
    assert.match(
      error.message,
      new RegExp(`Pidfile \\(.*w\\.pid\\) already exists\\.\\n.*\\(pid: ${process.ppid}\\)`),
    )
    return true
  })
  assert.equal(readFileSync(file, 'utf8'), `${process.ppid}\n`)
})

test('a pidfile left behind is taken over, and so is one of our own number [6-095]', (t) => {
  const folder = tempDir(t)
  const { pid } = spawnSync(process.execPath, ['--version'])
  const contents = [`${pid}\n`, `${process.pid}\n`, 'nonsense\n', '12345']
  for (const [index, text] of contents.entries()) {
    const file = join(folder, `${index}.pid`)
    writeFileSync(file, text)
    const warnings: string[] = []
    const remove = createPidfile(file, (warning) => warnings.push(warning))
    assert.equal(readFileSync(file, 'utf8'), `${process.pid}\n`)
    assert.deepEqual(warnings, [`${index < 2 ? 'Stale' : 'Broken'} pidfile exists - Removing it.`])
    remove()
  }
})

test('a pidfile that cannot be written ends the program with 73 [6-095]', (t) => {
  const file = join(tempDir(t), 'no', 'such', 'folder', 'w.pid')
  assert.throws(
    () => createPidfile(file, assert.fail),
    (error) => error instanceof CliError && error.exitCode === 73,
  )
})
