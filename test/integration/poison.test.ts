/** A task that kills whole workers, not only a process of their pool, is run so often and no more. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { WorkerLostError } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'
import { createUnluckyApp } from './fixtures/unlucky-app.ts'

const WORKER = join(import.meta.dirname, 'fixtures/poison-worker.ts')

for (const [name, deliveries] of [
  ['sqlite', 5],
  ['redis', 2],
] as const) {
  const kind = testBrokers.find((each) => each.name === name)
  test(`${name}: a task that took ${deliveries} workers with it gets no other`, {
    skip: kind?.needs.skip ?? true,
    timeout: 240_000,
  }, async (t) => {
    assert.ok(kind !== undefined)
    const { broker, backend } = await kind.open(t)
    const file = join(tempDir(t), 'notes.txt')
    writeFileSync(file, '')
    const { app, poison } = createUnluckyApp({ broker, backend, logger: silentLogger })
    onCleanup(
      t,
      () => app.close(),
      () => undefined,
    )
    const result = await poison.delay(file)
    const start = () => startProcess(process.execPath, [WORKER, broker, backend, `${deliveries}`], { t })
    for (let count = 0; count < deliveries; count += 1) await start().exited
    start()
    await assert.rejects(result.get({ timeout: 60 }), (error) => {
      assert.ok(error instanceof WorkerLostError)
      assert.match(error.message, new RegExp(`was delivered ${deliveries} times and never came to an end`))
      return true
    })
    assert.equal(readFileSync(file, 'utf8'), 'poison\n'.repeat(deliveries))
    await eventually(async () => assert.equal(await app.purge(['celeriac.dead']), 1))
  })
}
