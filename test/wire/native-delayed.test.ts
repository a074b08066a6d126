/** Delays in RabbitMQ, as Celery's workers and clients ask for them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { Configuration } from '../../src/config/configuration.ts'
import type { UserSettings } from '../../src/config/settings.ts'
import { ImproperlyConfigured } from '../../src/errors.ts'
import { Exchange, Queue } from '../../src/messaging/entity.ts'
import {
  DelayedDeliveryLevels,
  DelayedQueue,
  delayedRoutingKey,
} from '../../src/messaging/native-delayed-delivery.ts'
import { destinationOf, routeCall } from '../../src/routing/destination.ts'
import { delayed, nativeDelay } from '../../src/routing/native-delay.ts'
import { Queues } from '../../src/routing/queues.ts'
import { readRoutes } from '../../src/routing/routes.ts'
import { RecordingChannel } from '../unit/messaging/recording-channel.ts'

interface Golden {
  readonly fixed_now: string
  readonly routing_keys: Readonly<Record<string, string>>
  readonly setups: readonly {
    readonly name: string
    readonly worker_amqp_methods: readonly {
      readonly method: string
      readonly args: Readonly<Record<string, unknown>>
    }[]
  }[]
  readonly entries: readonly {
    readonly name: string
    readonly messages: readonly { readonly exchange: string; readonly routing_key: string }[]
  }[]
}

const golden: Golden = JSON.parse(
  readFileSync(new URL('vectors/native-delayed.json', import.meta.url), 'utf8'),
)
const NOW = Date.parse(golden.fixed_now)

/** The settings of the captures. */
const TOPIC = {
  brokerUrl: 'amqp://',
  taskDefaultQueueType: 'quorum',
  taskDefaultExchangeType: 'topic',
} satisfies UserSettings

suite('what a worker declares for delayed delivery', () => {
  for (const [name, queueType] of [
    ['topic-exchange', 'quorum'],
    ['classic-delay-queues', 'classic'],
  ] as const) {
    test(`${name} [1-027 5-131 5-132 5-133 5-134 12-040]`, async () => {
      const setup = golden.setups.find((each) => each.name === name)
      const channel = new RecordingChannel()
      await new DelayedDeliveryLevels(queueType).declare(channel)
      const exchange = new Exchange('celery', { type: 'topic' })
      await new DelayedQueue(new Queue('celery', { exchange, routingKey: 'celery' })).declare(channel)
      const wanted = setup?.worker_amqp_methods.map(({ method, args }) => wire(method, args)) ?? []
      const declared = new Set(channel.calls.map(([verb, argument]) => wire(verb, { ...Object(argument) })))
      assert.equal(wanted.length, 28 * 4 + 2)
      for (const line of wanted) assert.ok(declared.has(line), `${line} is missing`)
      // Besides, the queue itself and its two bindings, which a worker of Celery has declared before.
      assert.equal(declared.size, wanted.length + 4)
      assert.ok(declared.has('bind celery celery #.celery'))
    })
  }

  test('direct exchanges are left out, and told of [5-136 12-040]', async () => {
    const channel = new RecordingChannel()
    const exchange = new Exchange('straight')
    const queue = new DelayedQueue(new Queue('q', { exchange, routingKey: 'q' }))
    await queue.declare(channel)
    assert.deepEqual(queue.direct, ['straight'])
    assert.ok(!channel.calls.some(([verb]) => verb === 'bindExchange'))
  })

  test('a queue of several bindings gets delayed messages by each of them [5-134]', async () => {
    const [one, two] = ['one', 'two'].map((name) => new Exchange(name, { type: 'topic' }))
    assert.ok(one !== undefined && two !== undefined)
    const bindings = [one.binding('a.*'), two.binding('#.b')]
    const channel = new RecordingChannel()
    await new DelayedQueue(new Queue('q', { bindings })).declare(channel)
    const bound = channel.calls.filter(([verb]) => verb === 'bindExchange')
    assert.deepEqual(
      bound.map(([verb, argument]) => wire(verb, { ...Object(argument) })),
      ['bindExchange one celery_delayed_delivery #.a.*', 'bindExchange two celery_delayed_delivery #.b'],
    )
  })

  test('the queues can be of no other type [5-137]', () => {
    assert.throws(() => new DelayedDeliveryLevels('stream'), ImproperlyConfigured)
  })
})

suite('where calls that are due later are published to', () => {
  for (const [seconds, key] of Object.entries(golden.routing_keys)) {
    test(`in ${seconds} s [5-135]`, () => {
      assert.equal(delayedRoutingKey(Number(seconds), 'celery'), key)
    })
  }

  for (const [name, seconds] of [
    ['countdown-1', 1],
    ['countdown-3600', 3600],
    ['countdown-float', 90.7],
    ['countdown-negative', -5],
    ['eta', 59.3211],
    ['eta-past', -315_000_000],
  ] as const) {
    test(`${name} [3-037 5-135]`, () => {
      assert.deepEqual(targetOf(TOPIC, seconds), targetIn(name))
    })
  }

  test('a queue of its own: queue-object-topic [3-037]', () => {
    const queue = new Queue('tq', {
      exchange: new Exchange('tx', { type: 'topic' }),
      routingKey: 't.key',
      queueArguments: { 'x-queue-type': 'quorum' },
    })
    assert.deepEqual(targetOf(TOPIC, 10, { queue }), targetIn('queue-object-topic'))
  })

  for (const [name, settings] of [
    ['direct/countdown-10', { ...TOPIC, taskDefaultExchangeType: 'direct' }],
    [
      'classic-queue/countdown-10',
      { ...TOPIC, taskDefaultQueueType: 'classic', taskDefaultQueue: 'celery-classic' },
    ],
  ] as const) {
    test(`their worker does the waiting: ${name} [3-037 5-136]`, () => {
      assert.deepEqual(targetOf(settings, 10), targetIn(name))
    })
  }

  test('on brokers other than RabbitMQ a queue type says nothing', () => {
    assert.equal(targetOf({ ...TOPIC, brokerUrl: 'redis://' }, 10).exchange, 'celery')
  })

  test('a second that has begun is waited for by the worker; Celery refuses such a call', () => {
    assert.deepEqual(targetOf(TOPIC, 0.5), { exchange: 'celery', routing_key: 'celery' })
  })

  test('more than 28 digits are no key that anything is bound for: the rest is waited for by the worker', () => {
    assert.equal(delayedRoutingKey(2 ** 28, 'celery'), delayedRoutingKey(2 ** 28 - 1, 'celery'))
  })
})

function targetIn(name: string): unknown {
  const entry = golden.entries.find((each) => each.name === name)
  const [message] = entry?.messages ?? []
  return { exchange: message?.exchange, routing_key: message?.routing_key }
}

function targetOf(
  settings: UserSettings,
  seconds: number,
  options: Readonly<Record<string, unknown>> = {},
): { readonly exchange: string; readonly routing_key: string } {
  const resolved = new Configuration(settings, { environment: {} }).resolved()
  const queues = new Queues(resolved)
  const routes = readRoutes(null)
  assert.ok(!(routes instanceof Promise))
  const routed = routeCall(queues, routes, {
    name: 'golden.add',
    args: [],
    kwargs: {},
    options,
    task: undefined,
  })
  const delay = nativeDelay(routed, queues, resolved)
  const plain = { target: destinationOf(routed, queues) }
  const { target } =
    delay === undefined || delay.problem !== undefined
      ? plain
      : delayed(plain, delay, new Date(NOW + seconds * 1000), NOW)
  return { exchange: target.exchange, routing_key: target.routingKey }
}

/** One line for each method, alike for Celery's and ours. */
function wire(verb: string, args: Readonly<Record<string, unknown>>): string {
  switch (verb) {
    case 'exchange.declare':
      return `declareExchange ${args['exchange']} ${args['type']} ${args['durable']} ${args['auto_delete']}`
    case 'declareExchange':
      return `declareExchange ${args['name']} ${args['type']} ${args['durable']} ${args['autoDelete']}`
    case 'queue.declare':
      return `declareQueue ${args['queue']} ${args['durable']} ${tableOf(args)}`
    case 'declareQueue':
      return `declareQueue ${args['name']} ${args['durable']} ${tableOf(args)}`
    case 'queue.bind':
    case 'bind':
      return `bind ${args['queue']} ${args['exchange']} ${args['routing_key'] ?? args['routingKey']}`
    case 'exchange.bind':
      return `bindExchange ${args['destination']} ${args['source']} ${args['routing_key']}`
    default:
      return `${verb} ${args['exchange']} ${args['source']} ${args['routingKey']}`
  }
}

function tableOf(args: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(Object(args['arguments'])).toSorted())
}
