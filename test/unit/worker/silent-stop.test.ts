/** A worker that stops while who keeps the results, or the broker, gives no answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Celery } from '../../../src/index.ts'
import { StreamLogger } from '../../../src/util/logger.ts'
import { uuid } from '../../../src/util/uuid.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { eventually } from '../../support/eventually.ts'

for (const first of ['cold', 'warm'] as const) {
  test(`a cold stop ${first === 'warm' ? 'after a warm one ' : ''}does not wait for ever for outcomes to be written`, async (t) => {
    const lines: string[] = []
    const logger = new StreamLogger('test', { level: 'ERROR', write: (line) => void lines.push(line) })
    const app = new Celery('silent', { broker: `memory://${uuid()}`, logger, setAsCurrent: false })
    const never = new Promise<void>(() => undefined)
    Object.defineProperty(app, 'recorder', { value: { fail: () => never, revoke: () => never } })
    const runs = app.task('t.runs', () => never)
    const worker = new Worker(app, { pool: 'async', patience: '50ms' })
    t.after(() => app.close())
    await worker.start()
    await runs.delay()
    await eventually(() => [...worker.state.requests].some(({ acknowledged }) => acknowledged))
    if (first === 'warm') void worker.stop('warm')
    await worker.stop('cold')
    assert.equal(await worker.closed, 1)
    assert.match(lines.join(''), /The outcomes of 1 tasks could not be written while the worker stopped/)
  })
}

test('nor does a warm one for a broker that does not take the good-bye', async (t) => {
  const lines: string[] = []
  const logger = new StreamLogger('test', { level: 'WARNING', write: (line) => void lines.push(line) })
  const app = new Celery('silent', { broker: `memory://${uuid()}`, logger, setAsCurrent: false })
  const worker = new Worker(app, { pool: 'async', patience: '50ms' })
  t.after(() => app.close())
  const { gossip } = worker.events
  assert.ok(gossip)
  await worker.start()
  const stop = gossip.stop.bind(gossip)
  const never = new Promise<void>(() => undefined)
  Object.defineProperty(gossip, 'stop', { value: () => stop().then(() => never) })
  await worker.stop('warm')
  assert.equal(await worker.closed, 0)
  assert.match(lines.join(''), /events: Waited 50 ms for the broker to hear the good-bye in vain/)
})
