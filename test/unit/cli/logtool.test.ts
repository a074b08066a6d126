import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { runProgram } from '../../../src/cli/program.ts'
import { folderWith, testIo } from './fake-app.ts'

/** As Celery 5.6.2 and this worker write it, and a line of Celery 4. */
const LOG = `\
[2026-03-01 10:00:00,000: INFO/MainProcess] celery@host ready.
[2026-03-01 10:00:01,000: INFO/MainProcess] Task tasks.add[id-1] received
[2026-03-01 10:00:01,010: INFO/ForkPoolWorker-1] Task tasks.add[id-1] succeeded in 0.010s: 4
[2026-03-01 10:00:02,000: INFO/MainProcess] Task tasks.div[id-2] received
[2026-03-01 10:00:02,010: ERROR/ForkPoolWorker-1] Task tasks.div[id-2] raised unexpected: ZeroDivisionError('division by zero')
Traceback (most recent call last):
  File "tasks.py", line 7, in div
ZeroDivisionError: division by zero
[2026-03-01 10:00:03,000: INFO/MainProcess] Task tasks.add[id-3] received
[2026-03-01 10:00:03,010: INFO/ForkPoolWorker-1] Task tasks.add[id-3] retry: Retry in 3s
[2026-03-01 10:00:06,000: INFO/MainProcess] Task tasks.add[id-3] received
[2026-03-01 10:00:07,000: INFO/MainProcess] Received task: tasks.old[id-4]
`

function log(t: TestContext): string {
  return join(folderWith(t, { 'log.json': LOG }), 'log.json')
}

async function logtool(...argv: readonly string[]): Promise<string> {
  const io = testIo()
  assert.equal(await runProgram(['logtool', ...argv], io), 0)
  return io.output()
}

test('logtool counts tasks by how they ended and by name [6-042]', async (t) => {
  assert.equal(
    await logtool('stats', log(t)),
    '\nReport\n======\nTask total: 4\nTask errors: 1\nTask success: 1\nTask completed: 2\nTasks\n=====\n' +
      'tasks.add: 2\ntasks.div: 1\ntasks.old: 1\n\n',
  )
})

test('logtool shows errors, stacks, tasks that did not end, and the rest [6-042]', async (t) => {
  const file = log(t)
  const lines = LOG.split('\n')
  assert.equal(await logtool('errors', file), `${lines[4]}\n`)
  assert.equal(await logtool('traces', file), `${lines.slice(4, 8).join('\n')}\n`)
  assert.equal(await logtool('incomplete', file), 'Did not complete: id-3\nDid not complete: id-4\n')
  assert.equal(await logtool('debug', file), `${lines[0]}\n`)
})

test('logtool says which log it cannot read [6-042]', async () => {
  const io = testIo()
  assert.equal(await runProgram(['logtool', 'stats', '/no/such.log'], io), 1)
  assert.match(io.errors(), /Cannot read the log \/no\/such\.log/)
})
