import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { CliError } from '../../../src/cli/exit-code.ts'
import { dropPrivileges } from '../../../src/cli/privileges.ts'
import { checkPrivileges, processReport } from '../../../src/cli/process.ts'

test('root does not accept pickled messages, unless it is forced to [6-094, 6-067]', () => {
  assert.throws(() => checkPrivileges(['json', 'pickle'], 0, {}), CliError)
  assert.throws(() => checkPrivileges(['application/x-python-serialize'], 0, {}), /C_FORCE_ROOT/)
  assert.match(checkPrivileges(['pickle'], 0, { C_FORCE_ROOT: '1' }) ?? '', /runs as root/)
  assert.match(checkPrivileges(['json'], 0, {}) ?? '', /runs as root/)
  assert.equal(checkPrivileges(['pickle'], 1000, {}), undefined)
  assert.equal(checkPrivileges(['pickle'], undefined, {}), undefined)
})

test('a user that is not there cannot be become', () => {
  assert.throws(() => dropPrivileges({ umask: '9' }), {
    name: 'CliError',
    message: 'The umask must be an octal number such as 022, not 9',
  })
  assert.throws(
    () => dropPrivileges({ uid: 'nobody-of-that-name' }),
    /Cannot become user nobody-of-that-name/,
  )
})

test('another user, with its groups and mask, for good [6-023, 1-201, 1-202, 1-203]', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, () => {
  const module = new URL('../../../src/cli/privileges.ts', import.meta.url).href
  const script = `
    const { dropPrivileges } = await import('${module}')
    dropPrivileges({ uid: 'nobody', umask: '077' })
    let back = 'no'
    try { process.setuid(0); back = 'yes' } catch {}
    console.log(JSON.stringify([process.getuid(), process.getgid(), process.getgroups(), process.umask(), back]))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  const [uid, gid, groups, umask, back] = JSON.parse(stdout || assert.fail(stderr))
  assert.notEqual(uid, 0)
  assert.notEqual(gid, 0)
  assert.deepEqual(groups, [gid])
  assert.equal(umask, 0o077)
  assert.equal(back, 'no')
})

test('a report of the process names its tasks [6-086]', () => {
  const report = processReport(['tasks.add[id]'])
  assert.match(report, new RegExp(`^pid ${process.pid}, up \\d+ s, \\d+ MiB resident`))
  assert.match(report, /\ntasks: 1\n {2}tasks\.add\[id\]$/)
})
