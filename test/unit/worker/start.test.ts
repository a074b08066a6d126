import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { createTestApp, startWorker } from '../../../src/testing.ts'

test('a worker does not start with a task whose options make no sense [3-020 10-050]', async () => {
  const annotated = createTestApp({ taskAnnotations: { 't.add': { max_retries: 'three' } } })
  const limited = createTestApp({ taskSoftTimeLimit: 20 })
  for (const [app, message] of [
    [annotated, /Task t\.add \(taskAnnotations\): maxRetries must be a number/],
    [limited, /Task t\.add: softTimeLimit \(20000 ms\) must not be above timeLimit \(10000 ms\)/],
  ] as const) {
    app.task('t.add', { timeLimit: 10 }, () => undefined)
    await assert.rejects(
      startWorker(app, { performPingCheck: false }),
      (error) => error instanceof ImproperlyConfigured && message.test(error.message),
    )
  }
})
