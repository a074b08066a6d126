import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Celery } from '../../../src/index.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import { uuid } from '../../../src/util/uuid.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { eventually } from '../../support/eventually.ts'

for (const by of ['id', 'stamp'] as const) {
  test(`of tasks that are terminated together by their ${by} none starts because another has ended`, async (t) => {
    const app = new Celery('revoke', {
      broker: `memory://${uuid()}`,
      logger: silentLogger,
      setAsCurrent: false,
    })
    const started: string[] = []
    const runs = app.task('t.runs', (name: string) => {
      started.push(name)
      return new Promise<void>(() => undefined)
    })
    const worker = new Worker(app, { pool: 'async', concurrency: 1 })
    t.after(() => app.close())
    t.after(() => worker.stop('cold'))
    await worker.start()
    const ids: string[] = []
    for (const name of ['first', 'second', 'third']) {
      const signature = runs.s(name)
      signature.stamp({ batch: 'one' })
      ids.push((await signature.applyAsync()).id)
    }
    await eventually(() => assert.deepEqual([worker.state.requests.size, started], [3, ['first']]))
    if (by === 'id') await app.control.revoke(ids, { terminate: true })
    else await app.control.revokeByStampedHeaders({ batch: 'one' }, { terminate: true })
    await eventually(() => assert.equal(worker.state.requests.size, 0))
    assert.deepEqual(started, ['first'])
  })
}
