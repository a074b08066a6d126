import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Celery } from '../../../src/app/celery.ts'
import { start, workerMain } from '../../../src/cli/start.ts'
import { createTestApp } from '../../../src/testing/test-app.ts'
import { Worker } from '../../../src/worker/worker.ts'

const QUIET_WORKER = ['--quiet', '--skip-checks', 'worker', '--pool', 'solo', '-n', 'w@here', '-Q', 'mine']

/** An app whose worker stops as soon as it is ready. */
function shortLived(): { readonly app: Celery; readonly told: unknown[] } {
  const app = createTestApp()
  const told: unknown[] = []
  app.signals.userPreloadOptions.connect(({ app: loaded, options }) => {
    told.push([loaded === app, options['quiet'], options['skipChecks']])
  })
  app.signals.workerReady.connect(({ sender }) => {
    assert.ok(sender instanceof Worker)
    told.push([sender.hostname, sender.options.queues])
    void sender.stop()
  })
  return { app, told }
}

test('a program runs the command line with its own app; options before the command are told first [2-022 9-053 11-026]', async () => {
  const { app, told } = shortLived()
  assert.equal(await start(app, QUIET_WORKER), 0)
  assert.deepEqual(told, [
    [true, true, true],
    ['w@here', ['mine']],
  ])
})

test('workerMain wants the word worker [2-023]', async () => {
  const { app, told } = shortLived()
  await assert.rejects(workerMain(app, ['-l', 'INFO']), /The word worker is missing/)
  assert.equal(await workerMain(app, QUIET_WORKER), 0)
  assert.equal(told.length, 2)
})
