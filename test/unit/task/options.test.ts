import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Configuration } from '../../../src/config/configuration.ts'
import type { UserSettings } from '../../../src/config/settings.ts'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import type { TaskOptions, UserTaskOptions } from '../../../src/task/options.ts'
import { normalizeTaskOptions } from '../../../src/task/options.ts'

function resolve(options: UserTaskOptions = {}, settings: UserSettings = {}): TaskOptions {
  const conf = new Configuration(settings, { environment: {} })
  return normalizeTaskOptions('t.add', options, conf.resolved(), true)
}

suite('options of a task', () => {
  test('have the defaults of Celery [2-070 2-075 2-079 2-080 2-085 2-086 2-089 2-090 2-104]', () => {
    const options = resolve()
    assert.equal(options.bind, false)
    assert.equal(options.typing, true)
    assert.equal(options.maxRetries, 3)
    assert.equal(options.defaultRetryDelay, 180_000)
    assert.equal(options.retryBackoff, undefined)
    assert.equal(options.retryBackoffMax, 600_000)
    assert.equal(options.retryJitter, true)
    assert.equal(options.trail, true)
    assert.equal(options.sendEvents, true)
    assert.equal(options.resultreprMaxsize, 1024)
    assert.deepEqual(options.publish, { serializer: 'json' })
  })

  test('take from the settings what they leave open [2-108 2-087 2-088 2-091 2-094 2-096 2-097 2-100]', () => {
    const options = resolve(
      {},
      {
        taskSerializer: 'yaml',
        taskDefaultRateLimit: '5/m',
        taskDefaultPriority: 4,
        taskTimeLimit: 60,
        taskSoftTimeLimit: '50s',
        taskTrackStarted: true,
        taskAcksLate: true,
        taskRejectOnWorkerLost: true,
        taskIgnoreResult: true,
        taskStoreErrorsEvenIfIgnored: true,
        taskStoreEagerResult: true,
      },
    )
    assert.equal(options.serializer, 'yaml')
    assert.equal(options.rateLimit, '5/m')
    assert.equal(options.timeLimit, 60_000)
    assert.equal(options.softTimeLimit, 50_000)
    assert.ok(options.trackStarted && options.acksLate && options.rejectOnWorkerLost)
    assert.ok(options.ignoreResult && options.storeErrorsEvenIfIgnored && options.storeEagerResult)
    assert.deepEqual(options.publish, {
      priority: 4,
      serializer: 'yaml',
      time_limit: 60,
      soft_time_limit: 50,
      ignore_result: true,
    })
  })

  test('win over the settings [2-108]', () => {
    const settings = { taskTrackStarted: true, taskIgnoreResult: true, taskTimeLimit: 60 }
    const options = resolve({ trackStarted: false, ignoreResult: false, timeLimit: '1h' }, settings)
    assert.equal(options.trackStarted, false)
    assert.equal(options.ignoreResult, false)
    assert.equal(options.timeLimit, 3_600_000)
    assert.equal(options.publish['ignore_result'], undefined)
  })

  test('become options of the calls, in the order of Celery [2-093 2-102 2-103 2-105 2-109]', () => {
    const { publish } = resolve({
      mandatory: true,
      softTimeLimit: 5,
      timeLimit: 10,
      compression: 'gzip',
      deliveryMode: 1,
      serializer: 'msgpack',
      expires: '2m',
      priority: 7,
      exchange: 'x',
      routingKey: 'k',
      queue: 'q',
    })
    assert.deepEqual(Object.entries(publish), [
      ['queue', 'q'],
      ['routing_key', 'k'],
      ['exchange', 'x'],
      ['priority', 7],
      ['expires', 120],
      ['serializer', 'msgpack'],
      ['delivery_mode', 1],
      ['compression', 'gzip'],
      ['time_limit', 10],
      ['soft_time_limit', 5],
      ['mandatory', true],
    ])
  })

  test('acknowledging on failure and on timeout follows the older setting unless said otherwise [2-098 2-099]', () => {
    const older = resolve({}, { taskAcksOnFailureOrTimeout: false })
    assert.deepEqual([older.acksOnFailure, older.acksOnTimeout], [false, false])
    const mixed = resolve({ acksOnFailure: true }, { taskAcksOnFailureOrTimeout: false })
    assert.deepEqual([mixed.acksOnFailure, mixed.acksOnTimeout], [true, false])
    const setting = resolve({ acksOnFailureOrTimeout: false }, { taskAcksOnTimeout: true })
    assert.deepEqual([setting.acksOnFailure, setting.acksOnTimeout], [false, true])
  })

  test('backoff starts at whole seconds, at least one [2-084]', () => {
    assert.equal(resolve({ retryBackoff: true }).retryBackoff, 1000)
    assert.equal(resolve({ retryBackoff: 5.7 }).retryBackoff, 5000)
    assert.equal(resolve({ retryBackoff: 0.1 }).retryBackoff, 1000)
    assert.equal(resolve({ retryBackoff: false }).retryBackoff, undefined)
  })

  test('null retries are endless [2-079 2-083]', () => {
    const options = resolve({ maxRetries: null, retryKwargs: { maxRetries: 7, countdown: '3s' } })
    assert.equal(options.maxRetries, Number.POSITIVE_INFINITY)
    assert.deepEqual(options.retryKwargs, { maxRetries: 7, countdown: 3000 })
  })

  test('a time limit of 0 is none that was given [2-102 3-020]', () => {
    const none = resolve({ timeLimit: 0, softTimeLimit: '0s' }, { taskTimeLimit: 0, taskSoftTimeLimit: 0 })
    assert.deepEqual([none.timeLimit, none.softTimeLimit], [undefined, undefined])
    assert.deepEqual(none.publish, { serializer: 'json' })
    assert.equal(resolve({ timeLimit: 0, softTimeLimit: 10 }).softTimeLimit, 10_000)
    assert.equal(resolve({ timeLimit: 0 }, { taskTimeLimit: 30 }).timeLimit, 30_000)
  })

  test('a soft limit above the hard one is refused [3-020]', () => {
    assert.throws(
      () => resolve({ timeLimit: 5, softTimeLimit: 10 }),
      (error) => error instanceof ImproperlyConfigured && /t\.add.*softTimeLimit/.test(error.message),
    )
  })

  test('a duration that is none names the option', () => {
    assert.throws(() => resolve({ defaultRetryDelay: 'soon' }), /defaultRetryDelay: 'soon' is no duration/)
  })

  test('whatever else belongs to a task is kept [2-110]', () => {
    assert.deepEqual(resolve({ attributes: { owner: 'me' } }).attributes, { owner: 'me' })
  })
})
