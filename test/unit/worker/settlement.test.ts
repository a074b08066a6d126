import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ending, type Settlement, settle, storesLoss } from '../../../src/worker/settlement.ts'

const lenient = { acksLate: true, acksOnFailure: true, acksOnTimeout: true, rejectOnWorkerLost: false }
const strict = { acksLate: true, acksOnFailure: false, acksOnTimeout: false, rejectOnWorkerLost: true }

/** ending → [with the lenient policy (Celery's defaults), with the strict one]. */
const TABLE: Readonly<Record<Ending, readonly [Settlement, Settlement]>> = {
  succeeded: ['ack', 'ack'],
  failed: ['ack', 'reject'],
  retried: ['ack', 'ack'],
  ignored: ['ack', 'ack'],
  rejected: ['reject', 'reject'],
  'rejected-requeue': ['requeue', 'requeue'],
  'timed-out': ['ack', 'requeue'],
  lost: ['ack', 'requeue'],
  revoked: ['ack', 'ack'],
  expired: ['ack', 'ack'],
  interrupted: ['requeue', 'requeue'],
  buried: ['ack', 'ack'],
  discarded: ['reject', 'reject'],
}

for (const [ending, [withLenient, withStrict]] of Object.entries(TABLE)) {
  test(`a task that ${ending}: ${withLenient}, or ${withStrict} [7-055..7-065]`, () => {
    assert.equal(settle(ending as Ending, lenient), withLenient)
    assert.equal(settle(ending as Ending, strict), withStrict)
  })
}

test('a lost task that may not be put back is settled like a failure [7-058]', () => {
  assert.equal(settle('lost', { ...strict, rejectOnWorkerLost: false }), 'reject')
})

test('the loss of a process is stored as failure unless the message goes back [7-058, 7-059]', () => {
  assert.equal(storesLoss(strict), false)
  assert.equal(storesLoss({ ...strict, acksLate: false }), true)
  assert.equal(storesLoss(lenient), true)
})
