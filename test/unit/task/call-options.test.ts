import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { toWireOptions, wireName } from '../../../src/task/call-options.ts'

suite('options of a call on the wire', () => {
  test('have Celery’s names', () => {
    assert.deepEqual(toWireOptions({ taskId: 'a', routingKey: 'k', softTimeLimit: 3, linkError: [] }), {
      task_id: 'a',
      routing_key: 'k',
      soft_time_limit: 3,
      link_error: [],
    })
    assert.equal(wireName('already_so'), 'already_so')
  })

  test('count seconds [3-003 3-005 3-020]', () => {
    assert.deepEqual(toWireOptions({ countdown: '1500ms', timeLimit: '2m', expires: '1h', timeout: 3 }), {
      countdown: 1.5,
      time_limit: 120,
      expires: 3600,
      timeout: 3,
    })
    assert.throws(() => toWireOptions({ countdown: 'soon' }), /countdown: 'soon' is no duration/)
    assert.throws(() => toWireOptions({ countdown: Number.NaN }), /countdown/)
  })

  test('keep dates, as objects or as text [3-004 3-005]', () => {
    const date = new Date(0)
    assert.deepEqual(toWireOptions({ eta: date, expires: date }), { eta: date, expires: date })
    const text = '2030-01-02T03:04:05+00:00'
    assert.deepEqual(toWireOptions({ expires: text }), { expires: text })
  })

  test('leave out what is undefined, not what is null [3-028]', () => {
    assert.deepEqual(toWireOptions({ queue: undefined, priority: null }), { priority: null })
  })

  test('spread further properties, and spell the retry policy in Celery’s way [3-007 3-027]', () => {
    assert.deepEqual(
      toWireOptions({ properties: { MessageGroupId: 'g' }, retryPolicy: { maxRetries: 1, intervalMax: 2 } }),
      { MessageGroupId: 'g', retry_policy: { max_retries: 1, interval_max: 2 } },
    )
  })

  test('may have Celery’s names from the start, with the same values [3-007 3-020 3-027]', () => {
    assert.deepEqual(
      toWireOptions({ time_limit: '2m', MessageGroupId: 'g', retry_policy: { maxRetries: 1 } }),
      {
        time_limit: 120,
        MessageGroupId: 'g',
        retry_policy: { max_retries: 1 },
      },
    )
    assert.throws(() => toWireOptions({ soft_time_limit: 'soon' }), /soft_time_limit: 'soon' is no duration/)
  })
})
