import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CliContext } from '../../../src/cli/cli-context.ts'
import type { DaemonOptions } from '../../../src/cli/daemon.ts'
import { runDaemon } from '../../../src/cli/daemon.ts'
import { Celery } from '../../../src/index.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { testIo } from './fake-app.ts'

const PROGRAMS = ['worker', 'beat', 'events'] as const

/** What a program is when it runs. */
interface Daemon {
  readonly logfile: string | undefined
  readonly umask: number
}

async function daemon(
  name: (typeof PROGRAMS)[number],
  settings: Readonly<Record<string, unknown>>,
  options: Partial<DaemonOptions> = {},
): Promise<Daemon | undefined> {
  const app = new Celery('daemon', { broker: 'memory://', setAsCurrent: false, ...settings })
  const context = new CliContext(testIo(), { color: false })
  const program = { name, title: 'It', nodename: 'w@here' }
  const umask = process.umask()
  let seen: Daemon | undefined
  try {
    await runDaemon(context, app, { options: { loglevel: 'INFO', ...options }, program }, async (log) => {
      log.logger.info('It runs')
      seen = { logfile: log.logfile, umask: process.umask() }
    })
  } finally {
    process.umask(umask)
  }
  return seen
}

for (const name of PROGRAMS) {
  test(`${name}: log, pid file and umask come from the settings [6-023 1-199 1-200 1-203]`, async (t) => {
    const folder = tempDir(t)
    const seen = await daemon(name, {
      [`${name}_logfile`]: join(folder, '%n.log'),
      [`${name}_umask`]: '027',
    })
    assert.deepEqual(seen, { logfile: join(folder, 'w.log'), umask: 0o027 })
    assert.match(readFileSync(join(folder, 'w.log'), 'utf8'), /It runs/)
    const held = join(folder, `${process.ppid}.pid`)
    writeFileSync(held, `${process.ppid}\n`)
    const clash = daemon(name, { [`${name}_pidfile`]: held })
    await assert.rejects(clash, { exitCode: 73, message: /Pidfile .* already exists/ })
  })

  test(`${name}: user, group and program come from the settings [6-023 1-201 1-202 1-204]`, async () => {
    await assert.rejects(
      daemon(name, { [`${name}_uid`]: 'nobody-at-all' }),
      /Cannot become user nobody-at-all/,
    )
    await assert.rejects(daemon(name, { [`${name}_gid`]: 'no-such-group' }), /group no-such-group/)
    const executable = { [`${name}_executable`]: '/no/such/program' }
    await assert.rejects(daemon(name, executable, { detach: true }), /background: spawn \/no\/such\/program/)
  })
}

test('options win over settings; a program that is done leaves no pid file [6-023]', async (t) => {
  const folder = tempDir(t)
  const settings = { worker_logfile: '/no/such/folder/x.log', worker_pidfile: '/no/such/folder/x.pid' }
  const files = { logfile: join(folder, 'own.log'), pidfile: join(folder, 'own.pid') }
  const seen = await daemon('worker', settings, files)
  assert.equal(seen?.logfile, files.logfile)
  assert.ok(existsSync(files.logfile) && !existsSync(files.pidfile))
})
