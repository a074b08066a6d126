import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { Broadcast } from '../../../src/messaging/broadcast.ts'
import type { Declarable } from '../../../src/messaging/entity.ts'
import { Exchange, numericMode, Queue } from '../../../src/messaging/entity.ts'
import { queueFromDict } from '../../../src/messaging/queue-from-dict.ts'
import { RecordingChannel } from './recording-channel.ts'

test('a queue and its defaults [10-029]', () => {
  const queue = new Queue('celery')
  const {
    name,
    exchange,
    routingKey,
    durable,
    exclusive,
    autoDelete,
    noAck,
    alias,
    queueArguments,
    bindings,
  } = queue
  assert.deepEqual(
    [
      name,
      exchange?.name,
      routingKey,
      durable,
      exclusive,
      autoDelete,
      noAck,
      alias,
      queueArguments,
      bindings,
    ],
    ['celery', '', '', true, false, false, false, undefined, {}, []],
  )
})

test('an exclusive queue is auto-deleted [10-029]', () => {
  assert.equal(new Queue('q', { exclusive: true }).autoDelete, true)
})

test('limits become x-arguments, times in milliseconds [10-030]', () => {
  const queue = new Queue('q', {
    queueArguments: { 'x-queue-type': 'classic' },
    expires: 60,
    messageTtl: '1.5s',
    maxLength: 10,
    maxLengthBytes: 1000,
    maxPriority: 9,
  })
  assert.deepEqual(queue.queueArguments, {
    'x-queue-type': 'classic',
    'x-expires': 60_000,
    'x-message-ttl': 1500,
    'x-max-length': 10,
    'x-max-length-bytes': 1000,
    'x-max-priority': 9,
  })
  assert.throws(() => new Queue('q', { expires: 'soon' }), /expires of queue q: 'soon' is no duration/)
})

test('an exchange and its defaults [10-031]', () => {
  const { name, type, durable, autoDelete, deliveryMode, passive, noDeclare } = new Exchange('media')
  assert.deepEqual(
    [name, type, durable, autoDelete, deliveryMode, passive, noDeclare],
    ['media', 'direct', true, false, undefined, false, false],
  )
  assert.equal(new Exchange('m', { deliveryMode: 'transient' }).deliveryMode, 1)
  assert.equal(numericMode('persistent'), 2)
  assert.equal(`${new Exchange('media', { type: 'topic' })}`, 'media(topic)')
})

test('declaring makes the exchange, the queue, and binds it [10-032]', async () => {
  const media = new Exchange('media', { type: 'topic', arguments: { 'alternate-exchange': 'x' } })
  const queue = new Queue('video', { exchange: media, routingKey: 'video.#', bindingArguments: { b: 1 } })
  assert.deepEqual(await declare(queue), [
    [
      'declareExchange',
      {
        name: 'media',
        type: 'topic',
        durable: true,
        autoDelete: false,
        passive: false,
        arguments: { 'alternate-exchange': 'x' },
      },
    ],
    ['declareQueue', { name: 'video', durable: true, exclusive: false, autoDelete: false, arguments: {} }],
    ['bind', { queue: 'video', exchange: 'media', routingKey: 'video.#', arguments: { b: 1 } }],
  ])
})

test('several bindings take the place of one [10-032]', async () => {
  const [a, b] = [new Exchange('a'), new Exchange('b', { type: 'fanout' })]
  const queue = new Queue('q', { bindings: [a.binding('x', { arguments: { n: 1 } }), b.binding()] })
  assert.equal(queue.exchange, undefined)
  const calls = await declare(queue)
  assert.deepEqual(
    calls.map(([verb]) => verb),
    ['declareQueue', 'declareExchange', 'bind', 'declareExchange', 'bind'],
  )
  const channel = new RecordingChannel()
  await a.binding('x', { arguments: { n: 1 }, unbindArguments: { n: 2 } }).unbind(channel, 'q')
  assert.deepEqual(channel.calls, [
    ['unbind', { queue: 'q', exchange: 'a', routingKey: 'x', arguments: { n: 2 } }],
  ])
})

test('the broker’s own exchanges are not declared, and what says noDeclare is not, either [10-031]', async () => {
  assert.deepEqual(await declare(new Exchange('')), [])
  assert.deepEqual(await declare(new Exchange('amq.topic')), [])
  assert.deepEqual(await declare(new Exchange('mine', { noDeclare: true })), [])
  assert.deepEqual(await declare(new Queue('q', { noDeclare: true })), [])
  const verbs = (await declare(new Queue('q'))).map(([verb]) => verb)
  assert.deepEqual(verbs, ['declareQueue'])
})

test('onDeclared hears what the broker says [10-029]', async () => {
  const said: unknown[] = []
  await declare(new Queue('q', { onDeclared: (status) => said.push(status) }))
  assert.deepEqual(said, [{ name: 'q', messages: 0, consumers: 0 }])
})

test('what may vanish by itself is declared each time', () => {
  assert.equal(new Queue('q').canCacheDeclaration, true)
  assert.equal(new Queue('q', { autoDelete: true }).canCacheDeclaration, false)
  assert.equal(new Queue('q', { expires: 1 }).canCacheDeclaration, false)
  assert.equal(new Exchange('e', { autoDelete: true }).canCacheDeclaration, false)
})

test('keys are equal for equal declarations only', () => {
  const exchange = new Exchange('e')
  const key = (options: ConstructorParameters<typeof Queue>[1]): string => new Queue('q', options).key
  assert.equal(key({ exchange, routingKey: 'k' }), key({ exchange: 'e', routingKey: 'k' }))
  const keys = new Set([
    key({}),
    key({ routingKey: 'k' }),
    key({ durable: false }),
    key({ maxPriority: 3 }),
    key({ exchange }),
    key({ exchange: new Exchange('e', { type: 'topic' }) }),
    key({ bindings: [exchange.binding('k')] }),
  ])
  assert.equal(keys.size, 7)
})

test('with() changes one thing and keeps the rest', () => {
  const queue = new Queue('q', { maxPriority: 3, routingKey: 'k' }).with({ exchange: 'e' })
  assert.deepEqual(
    [queue.exchange?.name, queue.routingKey, queue.queueArguments],
    ['e', 'k', { 'x-max-priority': 3 }],
  )
})

test('a broadcast has a fanout exchange of its name and a queue of its own [10-033]', () => {
  const broadcast = new Broadcast('reload')
  assert.match(broadcast.name, /^bcast\.[0-9a-f-]{36}$/)
  assert.deepEqual(
    [broadcast.exchange?.name, broadcast.exchange?.type, broadcast.alias, broadcast.autoDelete],
    ['reload', 'fanout', 'reload', true],
  )
  assert.notEqual(new Broadcast('reload').name, broadcast.name)
  assert.match(new Broadcast('reload', { queue: 'mine', unique: true }).name, /^mine\.[0-9a-f-]{36}$/)
  assert.equal(new Broadcast('reload', { queue: 'mine' }).name, 'mine')
})

test('queues as dictionaries, in both spellings [10-034]', () => {
  const queue = queueFromDict('feeds', {
    exchange: 'media',
    exchange_type: 'topic',
    binding_key: 'feed.#',
    routing_key: 'feed.import',
    durable: false,
    queueArguments: { 'x-queue-mode': 'lazy' },
    maxPriority: 5,
    no_ack: true,
    exclusive: null,
  })
  const { exchange, routingKey, durable, noAck, queueArguments } = queue
  assert.deepEqual(
    [exchange?.name, exchange?.type, exchange?.durable, routingKey, durable, noAck, queueArguments],
    ['media', 'topic', false, 'feed.#', false, true, { 'x-queue-mode': 'lazy', 'x-max-priority': 5 }],
  )
  assert.equal(queueFromDict('plain', {}).routingKey, 'plain')
  assert.equal(queueFromDict('plain', { routing_key: 'k' }).routingKey, 'k')
  assert.throws(
    () => queueFromDict('q', { exchang: 'e' }),
    /unknown option "exchang" \(did you mean "exchange"\?\)/,
  )
  assert.throws(() => queueFromDict('q', { durable: 'yes' }), ImproperlyConfigured)
})

async function declare(declarable: Declarable): Promise<RecordingChannel['calls']> {
  const channel = new RecordingChannel()
  await declarable.declare(channel)
  return channel.calls
}

test('what Python’s order or spelling makes of a queue is refused, with how it is meant [10-029 10-030]', () => {
  const make =
    (type: typeof Queue | typeof Exchange, ...args: readonly unknown[]) =>
    (): unknown =>
      Reflect.construct(type, args)
  const media = new Exchange('media', { type: 'topic' })
  const complaints: readonly (readonly [attempt: () => unknown, complaint: RegExp])[] = [
    [
      make(Queue, 'video', media, { routing_key: 'v' }),
      /second argument of Queue 'video' .* new Queue\('video', \{ exch/,
    ],
    [make(Queue, 'video', 'media'), /holds its options, all of them, and is not 'media'/],
    [make(Queue, { name: 'video' }), /first argument of Queue is its name, a text, not \{'name': 'video'\}/],
    [
      make(Queue, 'video', { routing_key: 'v' }),
      /Queue 'video': .* 'routing_key' \(did you mean "routingKey"\?\)/,
    ],
    [make(Queue, 'video', { maxPriorty: 5 }), /no option 'maxPriorty' \(did you mean "maxPriority"\?\)/],
    [
      make(Exchange, 'media', 'topic'),
      /second argument of Exchange 'media' .* new Exchange\('media', \{ type/,
    ],
    [
      make(Exchange, 'media', { auto_delete: true }),
      /no option 'auto_delete' \(did you mean "autoDelete"\?\)/,
    ],
    [
      make(Exchange, 'media', { exchange_type: 'topic' }),
      /Exchange 'media': there is no option 'exchange_type'/,
    ],
  ]
  for (const [attempt, message] of complaints) assert.throws(attempt, { message })
})
