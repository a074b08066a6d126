import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runProgram } from '../../../src/cli/program.ts'
import { upgradeSettings } from '../../../src/cli/upgrade/upgrade-settings.ts'
import { folderWith, testIo } from './fake-app.ts'

const OLD = `\
import { CELERY_RESULT_BACKEND } from './secrets.js'
export const BROKER_URL = process.env.BROKER_URL ?? process.env['CELERY_BROKER_URL'] ?? ''
export const CELERYD_CONCURRENCY = 4
export const CELERY_DEFAULT_QUEUE = 'BROKER_URL'
export default { BROKER_URL, 'CELERYD_PREFETCH_MULTIPLIER': 1, MY_CELERYD_POOL: CELERY_RESULT_BACKEND, brokerPoolLimit: 3 }
`

test('settings get the names of today; environment and imports keep theirs [6-040 1-244]', () => {
  assert.equal(
    upgradeSettings(OLD, 'camelCase'),
    `\
import { CELERY_RESULT_BACKEND } from './secrets.js'
export const brokerUrl = process.env.BROKER_URL ?? process.env['CELERY_BROKER_URL'] ?? ''
export const workerConcurrency = 4
export const taskDefaultQueue = 'brokerUrl'
export default { brokerUrl, 'workerPrefetchMultiplier': 1, MY_CELERYD_POOL: CELERY_RESULT_BACKEND, brokerPoolLimit: 3 }
`,
  )
})

test('names are written as the language likes them, or in capitals [6-040 1-244]', () => {
  const old = "CELERYD_TASK_TIME_LIMIT = 3\nBROKER_POOL_LIMIT = os.environ.get('BROKER_POOL_LIMIT')\n"
  assert.equal(
    upgradeSettings(old, 'snake_case'),
    "task_time_limit = 3\nbroker_pool_limit = os.environ.get('BROKER_POOL_LIMIT')\n",
  )
  assert.equal(
    upgradeSettings(old, 'compat'),
    "CELERY_TASK_TIME_LIMIT = 3\nCELERY_BROKER_POOL_LIMIT = os.environ.get('BROKER_POOL_LIMIT')\n",
  )
})

test('upgrade settings writes the file, and a backup of it [6-040 1-244]', async (t) => {
  const file = join(folderWith(t, { 'config.json': 'CELERYD_CONCURRENCY: 4\n' }), 'config.json')
  const upgrade = async (...argv: readonly string[]): Promise<string> => {
    const io = testIo()
    assert.equal(await runProgram(['upgrade', 'settings', file, ...argv], io), 0)
    return io.errors() + io.output()
  }
  assert.equal(
    await upgrade(),
    `processing ${file}...\nwriting backup to ${file}.orig...\nChanges to your setting have been made!\n`,
  )
  assert.equal(readFileSync(file, 'utf8'), 'worker_concurrency: 4\n')
  assert.equal(readFileSync(`${file}.orig`, 'utf8'), 'CELERYD_CONCURRENCY: 4\n')
  assert.equal(await upgrade(), `processing ${file}...\nDoes not seem to require any changes :-)\n`)
})

test('no backup is kept if none is wanted; a missing file is an error [6-040]', async (t) => {
  const file = join(folderWith(t, { 'config.json': 'BROKER_URL = 1\n' }), 'config.json')
  const io = testIo()
  assert.equal(await runProgram(['upgrade', 'settings', '--no-backup', '--django', file], io), 0)
  assert.equal(readFileSync(file, 'utf8'), 'CELERY_BROKER_URL = 1\n')
  assert.ok(!existsSync(`${file}.orig`))
  assert.equal(await runProgram(['upgrade', 'settings', `${file}.no`], io), 1)
  assert.match(io.errors(), /Cannot read .*config\.json\.no: ENOENT/)
})
