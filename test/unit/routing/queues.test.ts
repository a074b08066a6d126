import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Configuration } from '../../../src/config/configuration.ts'
import type { UserSettings } from '../../../src/config/settings.ts'
import { ImproperlyConfigured, QueueNotFound } from '../../../src/errors.ts'
import { Broadcast } from '../../../src/messaging/broadcast.ts'
import { Exchange, Queue } from '../../../src/messaging/entity.ts'
import { Queues } from '../../../src/routing/queues.ts'

function queues(settings: UserSettings = {}): Queues {
  return new Queues(new Configuration(settings, { environment: {} }).resolved())
}

const names = (list: Iterable<Queue>): string[] => [...list].map(({ name }) => name)

suite('the queues of an app', () => {
  test('are the default queue when none are configured [10-027 1-141 1-143 1-145]', () => {
    const known = queues()
    assert.deepEqual(names(known), ['celery'])
    assert.equal(String(known.default), 'celery -> celery(direct) -> celery')
    const other = queues({
      taskDefaultQueue: 'q',
      taskDefaultExchange: 'x',
      taskDefaultExchangeType: 'topic',
      taskDefaultRoutingKey: 'k',
      taskDefaultQueueType: 'quorum',
    })
    assert.equal(String(other.default), 'q -> x(topic) -> k')
    assert.deepEqual(other.default.queueArguments, { 'x-queue-type': 'quorum' })
  })

  test('are a list of queues or a dict of options [10-034 2-058]', () => {
    const list = queues({
      taskQueues: [new Queue('a', { exchange: 'xa', routingKey: 'ka' }), new Queue('b')],
    })
    assert.deepEqual([...list].map(String), ['a -> xa(direct) -> ka', 'b -> celery(direct) -> celery'])
    const dict = queues({
      taskQueues: {
        a: { exchange: 'xa', exchange_type: 'topic', routing_key: 'a.#' },
        b: { binding_key: 'kb' },
        c: { exchange: 'xc' },
      },
    })
    assert.deepEqual([...dict].map(String), [
      'a -> xa(topic) -> a.#',
      'b -> celery(direct) -> kb',
      'c -> xc(direct) -> c',
    ])
  })

  test('that cannot be are refused', () => {
    assert.throws(() => queues({ taskQueues: [{ name: 'a' }] }), /a list must hold queues/)
    assert.throws(() => queues({ taskQueues: JSON.parse('{"a": "b"}') }), ImproperlyConfigured)
    assert.throws(
      () => queues({ taskDefaultQueueType: 'stream' }),
      /taskDefaultQueueType must be 'classic' or/,
    )
  })

  test('are made when they are named and missing [10-025 10-026 1-136 1-137 1-138]', () => {
    const plain = queues().get('new')
    assert.equal(String(plain), 'new -> new(direct) -> new')
    const quorum = queues({
      taskCreateMissingQueueType: 'quorum',
      taskCreateMissingQueueExchangeType: 'topic',
    }).get('new')
    assert.equal(String(quorum), 'new -> new(topic) -> new')
    assert.deepEqual(quorum.queueArguments, { 'x-queue-type': 'quorum' })
    const strict = queues({ taskCreateMissingQueues: false })
    assert.throws(
      () => strict.get('celry'),
      (error) => error instanceof QueueNotFound && /did you mean "celery"/.test(error.message),
    )
  })

  test('get the highest priority of the settings, unless they have their own [1-155]', () => {
    const known = queues({
      taskQueueMaxPriority: 9,
      taskQueues: [new Queue('a', { exchange: 'x', routingKey: 'k' }), new Queue('b', { maxPriority: 3 })],
    })
    assert.deepEqual(
      [known.get('a'), known.get('b'), known.get('new')].map(
        ({ queueArguments }) => queueArguments['x-max-priority'],
      ),
      [9, 3, 9],
    )
  })

  test('are known by their alias, too [10-029 10-033]', () => {
    const known = queues({ taskQueues: [new Broadcast('all')] })
    assert.match(known.get('all').name, /^bcast\./)
    assert.equal(known.has('all'), true)
    assert.equal(known.get('all').exchange?.type, 'fanout')
  })

  test('may be added later [2-058]', () => {
    const known = queues()
    known.add('late', { exchange: 'x', routing_key: 'k' })
    known.add(new Queue('later', { exchange: new Exchange('y') }))
    assert.deepEqual(names(known), ['celery', 'late', 'later'])
    assert.equal(String(known.get('late')), 'late -> x(direct) -> k')
    assert.equal(known.get('later').routingKey, 'celery')
  })
})

suite('the queues to consume', () => {
  test('are all, or those that were selected, missing ones made [2-040 2-058 10-036]', () => {
    const known = queues({ taskQueues: { a: {}, b: {} } })
    assert.deepEqual(names(known.consumeFrom), ['a', 'b'])
    known.select([])
    assert.deepEqual(names(known.consumeFrom), ['a', 'b'])
    known.select(['b', 'new'])
    assert.deepEqual(names(known.consumeFrom), ['b', 'new'])
    known.selectAdd('extra')
    known.add('silent')
    assert.deepEqual(names(known.consumeFrom), ['b', 'new', 'extra'])
  })

  test('are all but those excluded [2-058]', () => {
    const known = queues({ taskQueues: { a: {}, b: {}, c: {} } })
    known.deselect(['b'])
    assert.deepEqual(names(known.consumeFrom), ['a', 'c'])
    known.deselect(['c', 'unknown'])
    assert.deepEqual(names(known.consumeFrom), ['a'])
    assert.deepEqual(names(known), ['a', 'b', 'c'])
  })
})
