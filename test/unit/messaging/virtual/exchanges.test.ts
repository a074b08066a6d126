import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChannelError } from '../../../../src/errors.ts'
import type { ExchangeDeclaration } from '../../../../src/messaging/transport.ts'
import { Exchanges } from '../../../../src/messaging/virtual/exchanges.ts'
import { LocalBindings } from '../../../../src/messaging/virtual/local-bindings.ts'

const TYPES = new Set(['direct', 'topic', 'fanout'])

function declaration(name: string, type: string): ExchangeDeclaration {
  return { name, type, durable: true, autoDelete: false, arguments: {} }
}

function binding(exchange: string, queue: string, routingKey: string) {
  return { exchange, queue, routingKey, arguments: {} }
}

// Programs that did not declare an exchange still publish to it: bindings with a pattern are those of a topic exchange.
test('an exchange declared elsewhere routes by its bindings', async () => {
  const bindings = new LocalBindings()
  const elsewhere = new Exchanges(bindings, TYPES)
  elsewhere.declare(declaration('topic', 'topic'))
  elsewhere.declare(declaration('direct', 'direct'))
  await elsewhere.bind(binding('topic', 'q1', 'a.*'))
  await elsewhere.bind(binding('direct', 'q2', 'a.*'))
  const here = new Exchanges(bindings, TYPES)
  assert.deepEqual(await here.route('topic', 'a.b'), ['q1'])
  assert.deepEqual(await here.route('direct', 'a.b'), [])
  assert.deepEqual(await here.route('direct', 'a.*'), ['q2'])
})

// Without a name there is nothing to route to.
test('the default exchange routes by name, and the empty key nowhere [5-095]', async () => {
  const exchanges = new Exchanges(new LocalBindings(), TYPES)
  assert.deepEqual(await exchanges.route('', 'q'), ['q'])
  assert.deepEqual(await exchanges.route('', ''), [])
  assert.deepEqual(await exchanges.route('nowhere', 'q'), [])
})

// Mistakes must be seen where they are made, not where messages are missing.
test('binding to the default exchange or to one that was not declared is refused', async () => {
  const exchanges = new Exchanges(new LocalBindings(), TYPES)
  await assert.rejects(exchanges.bind(binding('', 'q', 'q')), ChannelError)
  await assert.rejects(exchanges.bind(binding('x', 'q', 'q')), /declare it on this connection first/)
})

// AMQP brokers have these without being asked.
test('amq.topic is there from the start', async () => {
  const exchanges = new Exchanges(new LocalBindings(), TYPES)
  await exchanges.bind(binding('amq.topic', 'q', 'a.#'))
  assert.deepEqual(await exchanges.route('amq.topic', 'a.b.c'), ['q'])
})

// Every start of every program declares again.
test('declaring again the same way is fine, another way is not', () => {
  const exchanges = new Exchanges(new LocalBindings(), TYPES)
  exchanges.declare(declaration('x', 'direct'))
  exchanges.declare(declaration('x', 'direct'))
  exchanges.declare(declaration('', 'direct'))
  assert.throws(() => exchanges.declare({ ...declaration('x', 'direct'), durable: false }), ChannelError)
  assert.throws(() => exchanges.declare({ ...declaration('x', 'direct'), arguments: { a: 1 } }), ChannelError)
})

// A queue with two bindings that fit gets one copy.
test('each queue is named once', async () => {
  const exchanges = new Exchanges(new LocalBindings(), TYPES)
  exchanges.declare(declaration('x', 'topic'))
  await exchanges.bind(binding('x', 'q', 'a.*'))
  await exchanges.bind(binding('x', 'q', '#'))
  await exchanges.bind(binding('x', 'r', 'a.b'))
  assert.deepEqual(await exchanges.route('x', 'a.b'), ['q', 'r'])
  await exchanges.removeQueue('q')
  assert.deepEqual(await exchanges.route('x', 'a.b'), ['r'])
})

// What is deleted is forgotten, here and in the shared table.
test('deleting an exchange removes its bindings', async () => {
  const bindings = new LocalBindings()
  const exchanges = new Exchanges(bindings, TYPES)
  exchanges.declare(declaration('x', 'fanout'))
  await exchanges.bind(binding('x', 'q', ''))
  assert.deepEqual(exchanges.fanoutSources('q'), [{ exchange: 'x', routingKey: '' }])
  await exchanges.remove('x')
  assert.deepEqual(await bindings.list('x'), [])
  assert.deepEqual(exchanges.fanoutSources('q'), [])
  exchanges.declare(declaration('x', 'direct'))
})
