import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CeleryError, Ignore, Reject, Retry, SoftTimeLimitExceeded } from '../../../src/errors.ts'
import type { Verdict } from '../../../src/execution/verdict.ts'
import { classify, isAbandoned, meantError } from '../../../src/execution/verdict.ts'
import type { AbortReason } from '../../../src/pool/pool.ts'

class Expected extends Error {}
class MoreExpected extends Expected {}

suite('what it means that a body threw [2-159 2-166 2-168 2-169]', () => {
  const retry = new Retry('later')
  const reject = new Reject('not mine', { requeue: true })
  const error = new Error('boom')
  const expected = new MoreExpected('known')
  const rows: readonly (readonly [string, unknown, AbortReason | undefined, Verdict])[] = [
    ['an error', error, undefined, { kind: 'failed', error, expected: false }],
    ['no error at all', 'boom', undefined, { kind: 'failed', error: 'boom', expected: false }],
    ['undefined', undefined, undefined, { kind: 'failed', error: undefined, expected: false }],
    ['one it is known to throw', expected, undefined, { kind: 'failed', error: expected, expected: true }],
    ['Retry', retry, undefined, { kind: 'retry', reason: retry }],
    ['Reject', reject, undefined, { kind: 'rejected', reason: reject }],
    ['Ignore', new Ignore('no'), undefined, { kind: 'ignored' }],
    ['an error after the soft limit', error, 'soft', { kind: 'failed', error, expected: false }],
    ['Retry after the soft limit', retry, 'soft', { kind: 'retry', reason: retry }],
    ['an error after the hard limit', error, 'timeout', { kind: 'abandoned' }],
    ['Retry after it was terminated', retry, 'terminate', { kind: 'abandoned' }],
    ['Ignore at shutdown', new Ignore('no'), 'shutdown', { kind: 'abandoned' }],
  ]
  for (const [name, thrown, aborted, verdict] of rows) {
    test(name, () => {
      assert.deepEqual(classify(thrown, { throws: [TypeError, Expected], aborted }), verdict)
    })
  }

  test('`throws` may name the classes that say something to the worker', () => {
    const verdict = classify(retry, { throws: [CeleryError], aborted: undefined })
    assert.equal(verdict.kind, 'retry')
  })
})

test('only the soft limit leaves the task to itself', () => {
  assert.deepEqual(([undefined, 'soft', 'timeout', 'terminate', 'shutdown'] as const).map(isAbandoned), [
    false,
    false,
    true,
    true,
    true,
  ])
})

test('an AbortError after the soft limit means that limit, and no other error does', () => {
  const abort = new DOMException('This operation was aborted', 'AbortError')
  const meant = meantError(abort, 'soft')
  assert.ok(meant instanceof SoftTimeLimitExceeded)
  assert.equal(meant.cause, abort)
  assert.equal(meantError(abort, undefined), abort)
  assert.equal(meantError(abort, 'terminate'), abort)
  const error = new Error('boom')
  assert.equal(meantError(error, 'soft'), error)
})
