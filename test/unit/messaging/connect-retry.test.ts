import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { connectRetryOf, DEFAULT_CONNECT_RETRY } from '../../../src/messaging/connect-retry.ts'

const own = { ...DEFAULT_CONNECT_RETRY, deadline: 4000 }

describe('the connection’s options of broker_transport_options', () => {
  test('say when it is tried again, in seconds [1-248, 1-249]', () => {
    const options = { max_retries: 3, interval_start: 0, interval_step: 0.2, interval_max: '1s' }
    const { start, step, max, maxRetries, deadline } = connectRetryOf(options, own)
    assert.deepEqual(
      { start, step, max, maxRetries, deadline },
      { start: 0, step: 200, max: 1000, maxRetries: 3, deadline: 4000 },
    )
    assert.equal(connectRetryOf({ connect_retries_timeout: 1.5 }, own).deadline, 1500)
  })

  test('leave what they do not name', () => {
    const unset = { errback: undefined, callback: undefined }
    assert.deepEqual(connectRetryOf({ visibility_timeout: 60 }, own), { ...own, ...unset })
  })

  test('know kombu’s words for no limit', () => {
    assert.equal(connectRetryOf({ max_retries: null }, own).maxRetries, undefined)
    assert.equal(connectRetryOf({ max_retries: 0 }, own).maxRetries, 0)
    assert.equal(connectRetryOf({ connect_retries_timeout: null }, own).deadline, undefined)
    assert.equal(connectRetryOf({ connect_retries_timeout: 0 }, own).deadline, undefined)
  })

  test('are refused by name when they make no sense', () => {
    const wrong: [Record<string, unknown>, RegExp][] = [
      [
        { max_retries: -1 },
        /brokerTransportOptions: max_retries must be a whole number of at least 0, not -1/,
      ],
      [{ interval_start: 'soon' }, /brokerTransportOptions: .*interval_start/],
      [{ errback: 'print' }, /brokerTransportOptions: errback must be a function, not "print"/],
      [{ callback: 1 }, /brokerTransportOptions: callback must be a function, not 1/],
    ]
    for (const [options, message] of wrong) {
      assert.throws(
        () => connectRetryOf(options, own),
        (error) => {
          assert.ok(error instanceof ImproperlyConfigured)
          assert.match(error.message, message)
          return true
        },
      )
    }
  })
})
