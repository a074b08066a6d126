/** Periodic tasks across the border: who sends them and who runs them need not be of the same kind. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startPythonCelery } from '../support/python.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'
import {
  BROKERS,
  needsPartners,
  notes,
  startNodeApp,
  startNodeWorker,
  startPlace,
  startPython,
} from './partners.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const NODE_APP = fileURLToPath(new URL('fixtures/node-worker.ts', import.meta.url))
const PYTHON_APP = fileURLToPath(new URL('fixtures/pyapp.py', import.meta.url))

/** An entry that lets a task write a line into a file. */
function noting(task: string, book: string, schedule: unknown): Readonly<Record<string, unknown>> {
  const options = { expires: 60, headers: { from: 'beat' } }
  return { [book]: { task, schedule, args: [book, JSON.stringify(`by ${task}`)], options } }
}

for (const broker of BROKERS) {
  test(
    `${broker}: a Python worker runs what our beat sends [8-034] [8-026]`,
    needsPartners(broker),
    async (t) => {
      const place = await startPlace(t, broker)
      const settings = { beat_schedule: noting('py.note', 'from-node', { every: 1 }) }
      const env = { ...place.env, SETTINGS: JSON.stringify(settings) }
      const file = join(tempDir(t), 'schedule')
      const beat = startProcess(process.execPath, [CLI, '-A', NODE_APP, 'beat', '-l', 'INFO', '-s', file], {
        t,
        env,
      })
      await startPython(t, place)
      const firstTwo = (await notes(place, 'from-node', 2)).slice(0, 2)
      assert.deepEqual(firstTwo, ['by py.note', 'by py.note'])
      assert.equal(await beat.stop(), 0)
      assert.match(beat.output(), /Scheduler: Sending due task from-node \(py\.note\)/)
    },
  )

  test(`${broker}: our worker runs what Python's beat sends [8-034]`, needsPartners(broker), async (t) => {
    const place = await startPlace(t, broker)
    const settings = { beat_schedule: noting('node.note', 'from-python', 1) }
    await startNodeWorker(t, startNodeApp(t, place))
    const args = ['beat', '-l', 'INFO', '-s', join(tempDir(t), 'schedule')]
    const env = { ...place.env, SETTINGS: JSON.stringify(settings) }
    const beat = startPythonCelery(t, { app: PYTHON_APP, args, env })
    await beat.waitForOutput(/Sending due task/)
    const firstTwo = (await notes(place, 'from-python', 2)).slice(0, 2)
    assert.deepEqual(firstTwo, ['by node.note', 'by node.note'])
    await beat.stop()
  })
}
