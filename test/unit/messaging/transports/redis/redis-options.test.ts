import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { QueueOrder } from '../../../../../src/messaging/transports/redis/queue-order.ts'
import { RedisKeys } from '../../../../../src/messaging/transports/redis/redis-keys.ts'
import { redisOptions } from '../../../../../src/messaging/transports/redis/redis-options.ts'

const options = (transportOptions: Readonly<Record<string, unknown>> = {}, url = 'redis://h/2') => {
  return redisOptions({
    url,
    transportOptions,
    connectTimeout: 4000,
    heartbeat: 0,
    ssl: false,
    clientName: 'me',
  })
}

suite('options of the Redis transport', () => {
  test("kombu's defaults [1-257] [1-258] [1-259] [1-260] [1-261] [1-262] [1-263] [1-264] [1-265] [1-266] [1-267] [1-268] [1-271] [1-272] [1-275]", () => {
    const { target, ...rest } = options()
    assert.equal(target.connectTimeout, 4000)
    assert.deepEqual(rest, {
      clientName: 'me',
      globalKeyPrefix: '',
      separator: '\x06\x16',
      prioritySteps: [0, 3, 6, 9],
      queueOrder: 'round_robin',
      bodyEncoding: 'base64',
      ackEmulation: true,
      unackedKey: 'unacked',
      unackedIndexKey: 'unacked_index',
      unackedMutexKey: 'unacked_mutex',
      unackedMutexExpire: 300_000,
      visibilityTimeout: 3_600_000,
      restoreInterval: 10_000,
      restoreLimit: undefined,
      fanoutPrefix: '/2.',
      fanoutPatterns: true,
      pollingInterval: 1000,
      healthCheckInterval: 25_000,
      maxConnections: 10,
    })
  })

  test('bodies are in base64, or stand there as they are [1-252]', () => {
    const bodyEncoding = (value: unknown): string => options({ body_encoding: value }).bodyEncoding
    assert.deepEqual([undefined, 'base64'].map(bodyEncoding), ['base64', 'base64'])
    assert.deepEqual([null, false, '', 'utf-8'].map(bodyEncoding), ['text', 'text', 'text', 'text'])
  })

  test('those of other layers, and of later versions, are known', () => {
    const others = {
      max_retries: 3,
      callback: () => undefined,
      deadletter_queue: 'x',
      reauth_check_interval: 10,
    }
    assert.deepEqual(options(others), options())
  })

  test('values of every kind', () => {
    assert.equal(options({ visibility_timeout: '12h' }).visibilityTimeout, 43_200_000)
    assert.equal(options({ unacked_restore_interval: 2, unacked_restore_throttle: 1 }).restoreInterval, 2000)
    assert.equal(options({ unacked_restore_interval: 2, unacked_restore_throttle: 0 }).restoreInterval, 2000)
    assert.equal(options({ health_check_interval: 0 }).healthCheckInterval, undefined)
    assert.equal(options({ client_name: 'you' }).clientName, 'you')
    assert.equal(options({ fanout_prefix: false }).fanoutPrefix, '')
    assert.equal(options({ fanout_prefix: '/x{db}.' }).fanoutPrefix, '/x2.')
    assert.equal(options({ deadletter_queue: 'dlq', max_retries: 3, retry_policy: {} }).maxConnections, 10)
  })

  test('what is wrong is refused', () => {
    assert.throws(
      () => options({ visibility_timout: 1 }),
      /brokerTransportOptions: there is no option "visibility_timout" \(did you mean "visibility_timeout"\?\)/,
    )
    assert.throws(
      () => options({ priority_steps: [3, 0] }),
      /priority_steps must be a list of whole numbers, each higher/,
    )
    assert.throws(() => options({ priority_steps: 4 }), /priority_steps/)
    assert.throws(
      () => options({ queue_order_strategy: 'random' }),
      /one of round_robin, priority, sorted, not "random"/,
    )
    assert.throws(
      () => options({ body_encoding: 'rot13' }),
      /body_encoding must be base64, utf-8 or null, not "rot13"/,
    )
    assert.throws(() => options({ visibility_timeout: -1 }), /visibility_timeout must be a number of seconds/)
    assert.throws(
      () => options({ max_connections: 0 }),
      /max_connections must be a whole number of at least 1/,
    )
  })
})

suite('names of keys', () => {
  test('lists of priorities [5-102] [5-103]', () => {
    const keys = new RedisKeys(options())
    assert.deepEqual(keys.lists('q'), ['q', 'q\x06\x163', 'q\x06\x166', 'q\x06\x169'])
    const steps = [0, 2, 3, 5, 6, 8, 9, 100, -5, undefined, null, '7', 'x', 4.9].map((priority) =>
      keys.list('q', priority),
    )
    assert.deepEqual(
      steps.map((list) => keys.lists('q').indexOf(list)),
      [0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 0, 2, 0, 1],
    )
  })

  test('without a step that low, the last list, as in kombu', () => {
    const keys = new RedisKeys(options({ priority_steps: [2, 5], sep: ':' }))
    assert.deepEqual([keys.list('q', 0), keys.list('q', 2), keys.list('q', 9)], ['q:5', 'q:2', 'q:5'])
  })

  test('the global prefix is before all of them [1-258] [5-111]', () => {
    const keys = new RedisKeys(options({ global_keyprefix: 'p:' }))
    const names = [
      ...keys.lists('q'),
      ...[keys.unacked, keys.unackedIndex, keys.unackedMutex, keys.consumers, keys.bindingDeadlines],
      ...[keys.binding('e'), keys.lastingBinding('e'), keys.dead('q'), keys.channel('e', 'k')],
    ]
    assert.ok(names.every((name) => name.startsWith('p:')))
  })

  test('channels [1-259] [1-260] [5-110]', () => {
    assert.equal(new RedisKeys(options()).channel('ex', ''), '/2.ex')
    assert.equal(new RedisKeys(options()).channel('ex', 'a.b'), '/2.ex/a.b')
    assert.equal(new RedisKeys(options({ fanout_patterns: false })).channel('ex', 'a.b'), '/2.ex')
    assert.equal(new RedisKeys(options({ fanout_prefix: false })).channel('ex', 'a.b'), 'ex/a.b')
    assert.equal(new RedisKeys(options({ fanout_prefix: '/custom.' })).channel('ex', ''), '/custom.ex')
  })
})

suite('the order of queues [1-261]', () => {
  const queues = ['b', 'a', 'c']

  test('who was served last comes last', () => {
    const order = new QueueOrder('round_robin')
    assert.deepEqual(order.arrange(queues), ['b', 'a', 'c'])
    order.served('b')
    assert.deepEqual(order.arrange(queues), ['a', 'c', 'b'])
    order.served('c')
    assert.deepEqual(order.arrange(queues), ['a', 'b', 'c'])
    assert.deepEqual(order.arrange(['b', 'c']), ['b', 'c'])
    assert.deepEqual(order.arrange(['c', 'new', 'b']), ['new', 'b', 'c'])
  })

  test('as given, or by name', () => {
    const [given, sorted] = [new QueueOrder('priority'), new QueueOrder('sorted')]
    for (const order of [given, sorted]) order.served('b')
    assert.deepEqual(given.arrange(queues), ['b', 'a', 'c'])
    assert.deepEqual(sorted.arrange(queues), ['a', 'b', 'c'])
  })
})
