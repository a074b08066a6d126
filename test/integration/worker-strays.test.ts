/** Promises of tasks that are rejected while nobody looks at them. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Celery } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { onCleanup } from '../support/cleanup.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const APP = fileURLToPath(new URL('fixtures/forgetful-app.ts', import.meta.url))

/** Two tasks run in one process or thread at once. */
const POOLS = {
  async: ['-c', '2'],
  prefork: ['-c', '1', '--tasks-per-process', '2'],
  threads: ['-c', '1', '--tasks-per-process', '2'],
}

for (const [pool, options] of Object.entries(POOLS)) {
  test(`${pool}: what a task has forgotten ends no other task, and is a line in the log`, async (t) => {
    const folder = tempDir(t)
    const url = `sqlite:///${join(folder, 'celery.sqlite3')}`
    const client = new Celery('client', {
      broker: url,
      backend: url,
      logger: silentLogger,
      setAsCurrent: false,
    })
    onCleanup(
      t,
      () => client.close(),
      () => undefined,
    )
    const env = { CELERY_BROKER_URL: url, CELERY_RESULT_BACKEND: url, CELERIAC_TEST_RUN: undefined }
    const argv = [CLI, '-A', APP, 'worker', '-l', 'INFO', '-P', pool, ...options]
    const worker = startProcess(process.execPath, argv, { t, cwd: folder, env })
    const file = join(folder, 'may-end')
    const holds = await client.sendTask('f.holds', [file])
    await worker.waitForOutput(/Task f\.holds\[.*\] received/)
    const forgets = await client.sendTask('f.forgets')
    assert.equal(await forgets.get({ timeout: 20 }), 'ended')
    await worker.waitForOutput(
      /A promise of the task was rejected, and nothing awaits it.*\nError: forgotten/,
    )
    assert.match(worker.output(), new RegExp(`f\\.forgets\\[${forgets.id}\\]: A promise of the task`))
    writeFileSync(file, '')
    assert.equal(await holds.get({ timeout: 20 }), 'held')
    assert.equal(await worker.stop(), 0)
  })
}

for (const hearers of ['nobody', 'the runner of a worker alone', 'somebody else, too']) {
  test(`a promise that is no task's is left to Node when ${hearers} listens`, async (t) => {
    const runner = new URL('../../src/execution/stray-rejections.ts', import.meta.url).href
    const program = `
      import { hearStrayRejections } from ${JSON.stringify(runner)}
      if (${hearers !== 'nobody'}) hearStrayRejections()
      if (${hearers !== 'nobody'}) hearStrayRejections()
      if (${hearers === 'somebody else, too'}) process.on('unhandledRejection', ({ message }) => console.log('heard', message))
      void Promise.reject(new Error('no task'))
      setTimeout(() => console.log('alive'), 20)`
    const child = startProcess(process.execPath, ['--input-type=module', '-e', program], { t })
    const lives = hearers === 'somebody else, too'
    assert.equal(await child.wait(), lives ? 0 : 1)
    assert.match(child.output(), lives ? /^heard no task\nalive\n$/ : /Error: no task/)
  })
}
