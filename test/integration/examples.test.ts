import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startProcess } from '../support/spawn.ts'

test('the demo runs to its end', { timeout: 240_000 }, async (t) => {
  const script = fileURLToPath(new URL('../../scripts/demo.ts', import.meta.url))
  const env = { CELERY_BROKER_URL: undefined, CELERY_RESULT_BACKEND: undefined }
  const demo = startProcess(process.execPath, [script], { t, env })
  assert.equal(await demo.wait(), 0, demo.output())
  assert.match(demo.stdout(), /workers stopped with exit codes 0, 0/)
})
