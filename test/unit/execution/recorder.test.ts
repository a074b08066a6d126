import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  BackendStoreError,
  DecodeError,
  TaskRevokedError,
  TimeLimitExceeded,
  WorkerLostError,
} from '../../../src/errors.ts'
import { OutcomeRecorder } from '../../../src/execution/recorder.ts'
import type { UserTaskOptions } from '../../../src/task/options.ts'
import { jobOf, RecordingHost, signature } from './recording-host.ts'

function prepare(options: UserTaskOptions = {}): { host: RecordingHost; recorder: OutcomeRecorder } {
  const host = new RecordingHost()
  host.task('t', () => 1, options)
  return { host, recorder: new OutcomeRecorder(host.execution()) }
}

suite('what no process of the pool can write', () => {
  test('a failure, with all that follows from it [7-058 7-059 2-166]', async () => {
    const { host, recorder } = prepare()
    const told: unknown[] = []
    host.signals.taskFailure.connect(({ taskId, exception }) => told.push(taskId, exception))
    const error = new WorkerLostError('Worker exited prematurely: signal 9 (SIGKILL) Job: 0.')
    const job = jobOf('t', [], {
      groupId: 'g',
      groupIndex: 0,
      chord: signature('body'),
      chain: [signature('next', { options: { task_id: 'next' } })],
      errbacks: [signature('errback')],
    })
    await recorder.fail(job, error)
    const triple = {
      exc_type: 'WorkerLostError',
      exc_message: [error.message],
      exc_module: 'billiard.exceptions',
    }
    assert.deepEqual(host.journal, [
      ['store', 'id', 'FAILURE', triple],
      ['part', 'g', 0, 'FAILURE'],
      ['store', 'next', 'FAILURE', triple],
      ['publish', 'errback', ['id']],
    ])
    const meta = host.backend.metas.get('id')
    assert.equal(meta?.traceback, null)
    assert.deepEqual(meta?.children, [])
    assert.deepEqual(told, ['id', error])
  })

  test('a revocation: errbacks are not called, but nothing waits for ever [4-044 7-065]', async () => {
    const { host, recorder } = prepare()
    const job = jobOf('t', [], {
      chain: [signature('next', { options: { task_id: 'next' } })],
      errbacks: [signature('errback')],
    })
    await recorder.revoke(job, new TaskRevokedError('terminated'))
    const triple = {
      exc_type: 'TaskRevokedError',
      exc_message: ['terminated'],
      exc_module: 'celery.exceptions',
    }
    assert.deepEqual(host.journal, [
      ['store', 'id', 'REVOKED', triple],
      ['store', 'next', 'REVOKED', triple],
    ])
    assert.notEqual(host.backend.metas.get('id')?.date_done, null)
  })

  test('of a task whose result is ignored: nothing is stored', async () => {
    const { host, recorder } = prepare({ ignoreResult: true })
    await recorder.fail(jobOf('t'), new TimeLimitExceeded('0.7'))
    await recorder.revoke(jobOf('t'), new TaskRevokedError('expired'))
    assert.deepEqual(host.journal, [])
  })

  test('of a message that cannot be read, or a task nobody knows: what its headers say', async () => {
    const host = new RecordingHost()
    const decodeBody = (): never => {
      throw new DecodeError('no JSON')
    }
    const recorder = new OutcomeRecorder(host.execution({ decodeBody }))
    await recorder.fail(jobOf('gone', [], { groupId: 'g' }), new WorkerLostError('lost'))
    const meta = host.backend.metas.get('id')
    assert.equal(meta?.status, 'FAILURE')
    assert.equal(meta?.group_id, 'g')
  })

  test('rejects when the backend is down', async () => {
    const { host, recorder } = prepare()
    host.backend.broken = new BackendStoreError('down')
    await assert.rejects(recorder.fail(jobOf('t'), new WorkerLostError('lost')), BackendStoreError)
  })
})
