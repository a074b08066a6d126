import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChannelError, ConnectionError, OperationalError, PublishError } from '../../../src/errors.ts'
import { BrokerConnection } from '../../../src/messaging/connection.ts'
import { Queue } from '../../../src/messaging/entity.ts'
import type { OutgoingMessage } from '../../../src/messaging/message.ts'
import type { ProducerOptions } from '../../../src/messaging/producer.ts'
import { Producer } from '../../../src/messaging/producer.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import type { HandedOver } from './recording-channel.ts'
import { candidates, ScriptedBrokers } from './scripted-broker.ts'

const MESSAGE: OutgoingMessage = {
  body: new Uint8Array([1]),
  properties: { correlationId: 'id' },
  headers: {},
}
const TARGET = { exchange: '', routingKey: 'q' }
const QUEUE = new Queue('q')

test('a queue is declared once on each connection', async () => {
  const { brokers, producer } = setUp()
  await Promise.all([1, 2, 3].map(() => producer.publish(MESSAGE, { target: TARGET, declare: [QUEUE] })))
  await producer.publish(MESSAGE, { target: TARGET, declare: [new Queue('q')] })
  assert.equal(declares(brokers), 1)
  brokers.latest.lose()
  await turn()
  brokers.answer = confirm
  await producer.publish(MESSAGE, { target: TARGET, declare: [QUEUE] })
  assert.equal(brokers.connections.length, 2)
  assert.equal(declares(brokers), 1)
})

test('what waits for the first declaration goes out in the order in which it was published', async () => {
  const { brokers, producer } = setUp()
  const options = { target: TARGET, declare: [QUEUE] }
  const numbered = (number: number): OutgoingMessage => ({ ...MESSAGE, body: new Uint8Array([number]) })
  const sent: Promise<void>[] = []
  for (let number = 0; number < 50; number++) {
    sent.push(producer.publish(numbered(number), options))
    // Some come while the connection is made, some while the queue is declared, some right after.
    if (number >= 5) await Promise.resolve()
  }
  await Promise.all(sent)
  const numbers = brokers.latest.channel.published.map(({ message }) => message.body[0])
  assert.deepEqual(numbers, [...Array(50).keys()])
  assert.equal(declares(brokers), 1)
})

test('a queue that may vanish is declared each time', async () => {
  const { brokers, producer } = setUp()
  const queue = new Queue('q', { expires: 10 })
  await producer.publish(MESSAGE, { target: TARGET, declare: [queue] })
  await producer.publish(MESSAGE, { target: TARGET, declare: [queue] })
  assert.equal(declares(brokers), 2)
})

test('with everything ready, a message is handed over before publish returns', async () => {
  const { brokers, producer } = setUp()
  await producer.publish(MESSAGE, { target: TARGET, declare: [QUEUE] })
  const { published } = brokers.latest.channel
  const publishing = producer.publish(MESSAGE, { target: TARGET, declare: [QUEUE] })
  assert.equal(published.length, 2)
  await publishing
})

test('the default exchange is asked to return what no queue gets; others are not', async () => {
  const { brokers, producer } = setUp()
  await producer.publish(MESSAGE, { target: TARGET })
  await producer.publish(MESSAGE, { target: { ...TARGET, mandatory: false } })
  await producer.publish(MESSAGE, { target: { exchange: 'e', routingKey: 'k' } })
  assert.deepEqual(
    brokers.latest.channel.published.map(({ target }) => target.mandatory),
    [true, false, undefined],
  )
})

test('lost connections are retried by the policy [1-221]', async () => {
  const clock = new VirtualClock()
  const { brokers, producer } = setUp({ clock, retry: { start: 0, step: 200, max: 1000, maxRetries: 3 } })
  brokers.answer = () => brokers.latest.lose()
  const times: number[] = []
  const failed = assert.rejects(producer.publish(MESSAGE, { target: TARGET }), (error) => {
    assert.ok(error instanceof OperationalError)
    assert.match(
      error.message,
      /the queue 'q' through amqp:\/\/user:\*\*@a\/\/ failed: the retries are used up/,
    )
    assert.match(error.message, /The last error: the connection was reset/)
    assert.ok(error.cause instanceof ConnectionError)
    return true
  })
  for (let time = 0; time <= 700; time += 100) {
    const before = brokers.connections.length
    await clock.advance(time === 0 ? 0 : 100)
    if (brokers.connections.length > before) times.push(time)
  }
  await failed
  // The first and its retry after 0 ms fall together.
  assert.deepEqual(times, [0, 200, 600])
  assert.equal(brokers.connections.length, 4)
})

test('a message that was on its way when the connection was lost is sent again', async () => {
  const { brokers, producer } = setUp()
  brokers.answer = undefined
  const publishing = producer.publish(MESSAGE, { target: TARGET })
  await turn()
  brokers.answer = confirm
  brokers.latest.lose()
  await publishing
  assert.deepEqual(
    brokers.connections.map(({ channel }) => channel.published.length),
    [1, 1],
  )
})

test('without retry the first loss is told', async () => {
  const { brokers, producer } = setUp({ retry: false })
  brokers.refuse('a')
  await assert.rejects(producer.publish(MESSAGE, { target: TARGET }), /retries are used up.*a is down/)
  assert.equal(brokers.tried.length, 1)
})

test('what the broker refuses is not retried', async () => {
  const { brokers, producer } = setUp()
  const nacked = new PublishError('nacked')
  brokers.answer = ({ confirmed }) => confirmed.reject(nacked)
  await assert.rejects(producer.publish(MESSAGE, { target: TARGET, declare: [QUEUE] }), nacked)
  assert.equal(brokers.latest.channel.published.length, 1)
})

test('a queue that was deleted is declared again, once', async () => {
  const { brokers, producer } = setUp()
  const options = { target: TARGET, declare: [QUEUE] }
  await producer.publish(MESSAGE, options)
  const unroutable = new PublishError('no such queue', { recoverable: false })
  let answers = 0
  brokers.answer = (handed) => {
    if (answers++ === 0) handed.confirmed.reject(unroutable)
    else confirm(handed)
  }
  await producer.publish(MESSAGE, options)
  assert.equal(declares(brokers), 2)
  brokers.answer = ({ confirmed }) => confirmed.reject(unroutable)
  await assert.rejects(producer.publish(MESSAGE, options), unroutable)
  assert.equal(declares(brokers), 3)
  await assert.rejects(producer.publish(MESSAGE, { target: TARGET }), unroutable)
  assert.equal(declares(brokers), 3)
})

test('a declaration that the broker refuses is told at once and hinders nobody else', async () => {
  const { brokers, producer } = setUp()
  await producer.publish(MESSAGE, { target: TARGET })
  const refused = new ChannelError('inequivalent arg', { recoverable: false })
  brokers.latest.channel.declareError = refused
  await assert.rejects(producer.publish(MESSAGE, { target: TARGET, declare: [QUEUE] }), refused)
  await producer.publish(MESSAGE, { target: TARGET, declare: [QUEUE] })
})

test('a publish settles in time when the broker says nothing, and the connection is given up', async () => {
  const clock = new VirtualClock()
  const { brokers, producer } = setUp({ clock, timeout: 30_000 })
  brokers.answer = undefined
  const first = assert.rejects(producer.publish(MESSAGE, { target: TARGET }), (error) => {
    assert.ok(error instanceof OperationalError)
    assert.match(error.message, /30000 ms have passed and the broker has not confirmed the message/)
    return true
  })
  await clock.advance(10_000)
  const handed = brokers.latest.channel.published[0]
  assert.equal(handed?.ticket?.withdrawn, false)
  const short = assert.rejects(
    producer.publish(MESSAGE, { target: TARGET, timeout: 1000 }),
    /1000 ms have passed/,
  )
  await clock.advance(1000)
  await short
  assert.equal(brokers.connections.length, 1)
  const old = brokers.latest
  await clock.advance(19_000)
  await first
  assert.equal(handed?.ticket?.withdrawn, true)
  assert.equal(await old.closed, undefined)
})

test('a broker that does not answer a declaration is left, and hinders nobody who comes later', async () => {
  const clock = new VirtualClock()
  const { brokers, connection, producer } = setUp({ clock, timeout: 1000 })
  await producer.publish(MESSAGE, { target: TARGET })
  brokers.latest.channel.declareGate = new Promise(() => undefined)
  const options = { target: TARGET, declare: [QUEUE] }
  const stuck = assert.rejects(producer.publish(MESSAGE, options), /1000 ms have passed/)
  await clock.advance(1000)
  await stuck
  assert.equal(connection.ready, undefined)
  await producer.publish(MESSAGE, options)
  assert.equal(connection.generation, 2)
})

test('a slow broker that confirms other messages keeps its connection', async () => {
  const clock = new VirtualClock()
  const { brokers, connection, producer } = setUp({ clock, timeout: 1000 })
  await producer.publish(MESSAGE, { target: TARGET })
  brokers.answer = undefined
  const slow = assert.rejects(producer.publish(MESSAGE, { target: TARGET }), OperationalError)
  await clock.advance(600)
  brokers.answer = confirm
  await producer.publish(MESSAGE, { target: TARGET })
  await clock.advance(400)
  await slow
  assert.equal(connection.generation, 1)
  assert.notEqual(connection.ready, undefined)
})

test('short timeouts, too, find out that the connection is dead', async () => {
  const clock = new VirtualClock()
  const { brokers, connection, producer } = setUp({ clock, timeout: 30_000 })
  await producer.publish(MESSAGE, { target: TARGET })
  brokers.answer = undefined
  for (let second = 0; second < 15; second++) {
    assert.notEqual(connection.ready, undefined)
    const failed = assert.rejects(
      producer.publish(MESSAGE, { target: TARGET, timeout: 1000 }),
      OperationalError,
    )
    await clock.advance(1000)
    await failed
  }
  assert.equal(connection.ready, undefined)
})

test('a blocked broker is named as the reason, and keeps its connection', async () => {
  const clock = new VirtualClock()
  const { brokers, connection, producer } = setUp({ clock, timeout: 1000 })
  await producer.publish(MESSAGE, { target: TARGET })
  brokers.latest.options.blocked?.('low on memory')
  brokers.answer = undefined
  const waiting = assert.rejects(
    producer.publish(MESSAGE, { target: TARGET }),
    /accepts no messages.*low on memory/,
  )
  await clock.advance(1000)
  await waiting
  assert.equal(connection.generation, 1)
  assert.notEqual(connection.ready, undefined)
})

test('the deadline counts retries and connecting, too', async () => {
  const clock = new VirtualClock()
  const { brokers, producer } = setUp({ clock, timeout: 1000, retry: { start: 300, step: 0, max: 0 } })
  brokers.refuse('a')
  const failed = assert.rejects(
    producer.publish(MESSAGE, { target: TARGET }),
    /1000 ms have passed.*a is down/,
  )
  await clock.advance(1000)
  await failed
  assert.equal(brokers.tried.length, 4)
})

test('a signal gives up and withdraws', async () => {
  const { brokers, producer } = setUp()
  await producer.publish(MESSAGE, { target: TARGET })
  brokers.answer = undefined
  const controller = new AbortController()
  const given = assert.rejects(
    producer.publish(MESSAGE, { target: TARGET, signal: controller.signal }),
    /enough/,
  )
  controller.abort(new Error('enough'))
  await given
  assert.equal(brokers.latest.channel.published[1]?.ticket?.withdrawn, true)
  await assert.rejects(producer.publish(MESSAGE, { target: TARGET, signal: controller.signal }), /enough/)
  assert.equal(brokers.latest.channel.published.length, 2)
})

test('close waits for what is under way and accepts nothing more', async () => {
  const { brokers, producer } = setUp()
  brokers.answer = undefined
  const publishing = producer.publish(MESSAGE, { target: TARGET })
  await turn()
  let closed = false
  const closing = producer.close().then(() => {
    closed = true
  })
  await turn()
  assert.equal(closed, false)
  brokers.latest.channel.published[0]?.confirmed.resolve()
  await publishing
  await closing
  await assert.rejects(producer.publish(MESSAGE, { target: TARGET }), /The producer is closed/)
})

function confirm({ confirmed }: HandedOver): void {
  confirmed.resolve()
}

function declares(brokers: ScriptedBrokers): number {
  return brokers.latest.channels.flatMap(({ calls }) => calls).filter(([verb]) => verb === 'declareQueue')
    .length
}

function setUp(options: Partial<ProducerOptions> = {}): {
  readonly brokers: ScriptedBrokers
  readonly connection: BrokerConnection
  readonly producer: Producer
} {
  const brokers = new ScriptedBrokers()
  brokers.answer = confirm
  const connection = new BrokerConnection({
    candidates: candidates('a'),
    resolve: brokers.resolve,
    clock: options.clock,
  })
  return { brokers, connection, producer: new Producer({ connection, ...options }) }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
