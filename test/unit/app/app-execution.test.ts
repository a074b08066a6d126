import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deduplicateOptions } from '../../../src/app/app-execution.ts'
import { createTestApp } from './test-app.ts'

test('how much is remembered of tasks that have succeeded, from the environment [6-075]', () => {
  assert.deepEqual(deduplicateOptions({}), { max: 1000, expires: 10_800_000 })
  const environment = { CELERY_WORKER_SUCCESSFUL_MAX: '7', CELERY_WORKER_SUCCESSFUL_EXPIRES: '60' }
  assert.deepEqual(deduplicateOptions(environment), { max: 7, expires: 60_000 })
  const app = createTestApp({ workerDeduplicateSuccessfulTasks: true })
  assert.deepEqual(app.executionHost().deduplicate, deduplicateOptions(process.env))
  assert.equal(createTestApp().executionHost().deduplicate, undefined)
})
