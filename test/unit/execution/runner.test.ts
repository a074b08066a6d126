import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createTaskRunner, loadTaskRunner } from '../../../src/execution/runner.ts'
import { JobContext } from '../../../src/pool/job-context.ts'
import { jobOf, RecordingHost } from './recording-host.ts'

const never = new JobContext()

suite('the runner of a pool', () => {
  test('runs jobs, also such that went through a process border', async () => {
    const host = new RecordingHost()
    host.task('add', (x: number, y: number) => x + y)
    const runner = createTaskRunner(host.execution())
    const outcome = await runner.run(structuredClone(jobOf('add', [2, 3])), never)
    assert.deepEqual(outcome, { kind: 'succeeded', runtime: 0, result: '5' })
    assert.deepEqual(structuredClone(outcome), outcome)
    await runner.close()
  })

  for (const data of [undefined, null, 'text', {}, { headers: {}, body: 'text' }]) {
    test(`refuses what is no job: ${JSON.stringify(data)}`, async () => {
      const outcome = await createTaskRunner(new RecordingHost().execution()).run(data, never)
      assert.deepEqual(Object(outcome).kind, 'invalid')
    })
  }

  test('of a child loads the app first, and closes it', async () => {
    const host = new RecordingHost()
    host.task('t', () => 1)
    const seen: unknown[] = []
    const runner = await loadTaskRunner({ appModule: 'tasks' }, (init) => {
      seen.push(init)
      return Promise.resolve({
        host: host.execution(),
        close: () => {
          seen.push('closed')
          return Promise.resolve()
        },
      })
    })
    assert.equal(Object(await runner.run(jobOf('t'), never)).kind, 'succeeded')
    await runner.close()
    assert.deepEqual(seen, [{ appModule: 'tasks' }, 'closed'])
  })

  test('is not made when the app cannot be loaded', async () => {
    const load = (): Promise<never> => Promise.reject(new Error('no such module'))
    await assert.rejects(loadTaskRunner({}, load), /no such module/)
  })
})
