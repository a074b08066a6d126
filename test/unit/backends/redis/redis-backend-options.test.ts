import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { redisBackendOptions } from '../../../../src/backends/redis/redis-backend-options.ts'
import { RedisResultKeys } from '../../../../src/backends/redis/redis-result-keys.ts'
import { backendOptions } from '../../../../src/testing/conformance/backend-session.ts'

const options = (
  transportOptions: Readonly<Record<string, unknown>> = {},
  settings: Readonly<Record<string, unknown>> = {},
  url = 'redis://',
) => redisBackendOptions(backendOptions(url, { transportOptions, settings }))

suite('options of the Redis backend', () => {
  test("Celery's defaults [1-085] [1-327] [1-328]", () => {
    const { target, ...rest } = options()
    assert.equal(target.socketTimeout, 120_000)
    assert.deepEqual(rest, {
      clientName: undefined,
      keyPrefix: '',
      retryPolicy: { start: 0, step: 1000, max: 1000, maxRetries: 20 },
      retryTimeout: undefined,
      connectionErrors: [],
      orderedChords: true,
      healthCheckInterval: undefined,
    })
  })

  test('what only a broker needs is known and changes nothing [1-225] [12-061]', () => {
    assert.deepEqual(options({ visibility_timeout: 60, polling_interval: 1, priority_steps: [0] }), options())
    assert.throws(() => options({ visibility_time: 60 }), /visibility_time\b/)
  })

  test('settings [1-079] [1-080] [1-082] [1-083] [1-084] [1-085] [1-086] [1-088]', () => {
    const settings = {
      redis_host: 'h',
      redis_port: 7,
      redis_db: 3,
      redis_username: 'u',
      redis_password: 'p',
      redis_socket_timeout: 5,
      redis_socket_connect_timeout: 2,
      redis_socket_keepalive: true,
      redis_backend_health_check_interval: 9,
      redis_client_name: 'me',
    }
    const { target, clientName, healthCheckInterval } = options({}, settings, 'redis')
    const { address, database, username, password, socketTimeout, connectTimeout, keepAlive } = target
    assert.deepEqual(
      [
        address,
        database,
        username,
        password,
        socketTimeout,
        connectTimeout,
        keepAlive,
        clientName,
        healthCheckInterval,
      ],
      [{ host: 'h', port: 7 }, 3, 'u', 'p', 5000, 2000, 0, 'me', 9000],
    )
    assert.equal(options({ socket_timeout: 1 }, settings).target.socketTimeout, 1000)
  })

  test('the prefix gets a separator unless it has one [1-326] [4-048]', () => {
    for (const [prefix, key] of [
      ['', 'celery-task-meta-a'],
      ['pre', 'pre_celery-task-meta-a'],
      ...[':', '_', '-', '.'].map((end) => [`pre${end}`, `pre${end}celery-task-meta-a`]),
    ]) {
      const keys = new RedisResultKeys(options({ global_keyprefix: prefix }).keyPrefix)
      assert.equal(keys.task('a'), key)
      assert.equal(keys.idOfTask(keys.task('a')), 'a')
    }
  })

  test('the policy for retries [1-327] [11-022]', () => {
    const policy = { max_retries: 0, interval_start: 0.1, interval_step: 0.2, interval_max: 0.5, timeout: 3 }
    const { retryPolicy, retryTimeout } = options({ retry_policy: policy })
    assert.deepEqual(retryPolicy, { start: 100, step: 200, max: 500, maxRetries: undefined })
    assert.equal(retryTimeout, 3000)
  })

  test('unknown options are refused, those of the broker are not', () => {
    assert.throws(
      () => options({ result_chord_orderd: true }),
      /there is no option "result_chord_orderd" \(did you mean "result_chord_ordered"\?\)/,
    )
    assert.equal(options({ visibility_timeout: 5, result_chord_ordered: 'false' }).orderedChords, false)
    assert.throws(
      () => options({ additional_connection_errors: 'X' }),
      /must be a list of error classes or names/,
    )
  })
})
