import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Configuration } from '../../../src/config/configuration.ts'
import { Ignore, Reject, Retry } from '../../../src/errors.ts'
import type { TaskOptions, UserTaskOptions } from '../../../src/task/options.ts'
import { normalizeTaskOptions } from '../../../src/task/options.ts'
import { autoretryOptions, isAutoretried } from '../../../src/task/retry.ts'

class NetworkError extends Error {}
class Timeout extends NetworkError {}

function options(user: UserTaskOptions): TaskOptions {
  return normalizeTaskOptions('t', user, new Configuration({}, { environment: {} }).resolved(), true)
}

suite('automatic retries', () => {
  test('follow classes of errors and their exceptions [2-081 2-082 2-141]', () => {
    const task = options({ autoretryFor: [NetworkError, Ignore], dontAutoretryFor: [Timeout] })
    assert.ok(isAutoretried(new NetworkError(), task))
    assert.ok(!isAutoretried(new Timeout(), task))
    assert.ok(!isAutoretried(new Error(), task))
    assert.ok(!isAutoretried('a text', task))
    for (const predicate of [new Ignore(), new Retry(), new Reject()]) {
      assert.ok(!isAutoretried(predicate, task))
    }
  })

  test('double their delay up to a limit [2-084 2-085]', () => {
    const task = options({ retryBackoff: 2, retryBackoffMax: 10, retryJitter: false })
    const delays = [0, 1, 2, 3, 50].map((retries) => autoretryOptions('e', task, retries).countdown)
    assert.deepEqual(delays, [2, 4, 8, 10, 10])
  })

  test('jitter takes whole seconds between none and all [2-086]', () => {
    const task = options({ retryBackoff: 8 })
    const draw = (random: number) => autoretryOptions('e', task, 0, () => random).countdown
    assert.deepEqual([draw(0), draw(0.5), draw(0.999)], [0, 4, 8])
  })

  test('pass the options on, which backoff overrides [2-083 2-141]', () => {
    const retryKwargs = { maxRetries: 5, countdown: '30s' }
    assert.deepEqual(autoretryOptions('e', options({ retryKwargs }), 0), {
      error: 'e',
      countdown: 30,
      maxRetries: 5,
    })
    const backoff = options({ retryKwargs, retryBackoff: 1, retryJitter: false })
    assert.equal(autoretryOptions('e', backoff, 3).countdown, 8)
    assert.equal(autoretryOptions('e', options({ retryKwargs: { maxRetries: null } }), 0).maxRetries, null)
    assert.deepEqual(autoretryOptions('e', options({}), 0), { error: 'e' })
  })
})
