import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestApp, startWorker } from '../../../src/testing.ts'

test('a worker that purges leaves the queues alone that it leaves to others [6-020 7-111]', async () => {
  const queues = { celery: {}, slow: {} }
  for (const excludeQueues of [['slow'], ['slow', 'celery']]) {
    const app = createTestApp({ taskQueues: queues })
    const note = app.task('t.note', () => undefined)
    for (const queue of ['celery', 'slow']) await note.applyAsync([], { queue })
    await using worker = await startWorker(app, { purge: true, excludeQueues, performPingCheck: false })
    assert.equal(worker.state.totals.get('t.note'), undefined)
    const left = [await app.purge(['celery']), await app.purge(['slow'])]
    assert.deepEqual(left, [excludeQueues.includes('celery') ? 1 : 0, 1])
  }
})
