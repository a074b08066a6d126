import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionError, ImproperlyConfigured, OperationalError } from '../../../src/errors.ts'
import type { BrokerConnectionOptions } from '../../../src/messaging/connection.ts'
import { BrokerConnection } from '../../../src/messaging/connection.ts'
import { Deferred } from '../../../src/util/deferred.ts'
import type { Logger } from '../../../src/util/logger.ts'
import { StreamLogger } from '../../../src/util/logger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { candidates, ScriptedBrokers } from './scripted-broker.ts'

test('nothing is connected before a channel is wanted, and everybody shares one connection', async () => {
  const { brokers, connection } = connect(['a'])
  assert.deepEqual(brokers.tried, [])
  assert.equal(connection.ready, undefined)
  const channels = await Promise.all([connection.channel(), connection.channel(), connection.channel()])
  assert.deepEqual(brokers.tried, ['a'])
  assert.equal(new Set(channels).size, 1)
  assert.equal(connection.ready, channels[0])
  assert.equal(connection.generation, 1)
})

test('own channels are the caller’s alone', async () => {
  const { brokers, connection } = connect(['a'])
  const [one, two] = await Promise.all([connection.openChannel(), connection.openChannel()])
  assert.notEqual(one, two)
  assert.deepEqual(brokers.tried, ['a'])
})

test('round-robin takes the next candidate at once, and comes back to the one that worked [1-023 7-099]', async () => {
  const { brokers, connection } = connect(['a', 'b', 'c'])
  brokers.refuse('a')
  await connection.channel()
  assert.deepEqual(brokers.tried, ['a', 'b'])
  assert.equal(connection.broker, 'amqp://user:**@b//')
  brokers.latest.lose()
  await settled()
  assert.equal(connection.ready, undefined)
  await connection.channel()
  assert.deepEqual(brokers.tried, ['a', 'b', 'b'])
  brokers.refuse('b')
  brokers.latest.lose()
  await settled()
  await connection.channel()
  assert.deepEqual(brokers.tried, ['a', 'b', 'b', 'b', 'c'])
})

test('shuffle tries all in random order [1-023]', async () => {
  const { brokers, connection } = connect(['a', 'b', 'c'], { strategy: 'shuffle', random: () => 0.99 })
  brokers.refuse('b', 'c')
  await connection.channel()
  assert.deepEqual(brokers.tried, ['c', 'b', 'a'])
})

test('a function can say the order [1-023]', async () => {
  const strategy = function* <T>(all: readonly T[]): Generator<T> {
    for (;;) yield* [...all].reverse()
  }
  const { brokers, connection } = connect(['a', 'b'], { strategy })
  brokers.refuse('b')
  await connection.channel()
  assert.deepEqual(brokers.tried, ['b', 'a'])
})

test('rounds are repeated with growing pauses, without a pause inside of a round [7-099 1-248]', async () => {
  const clock = new VirtualClock()
  const retry = { start: 2000, step: 2000, max: 30_000, maxRetries: 3 }
  const { brokers, connection } = connect(['a', 'b'], { clock, retry })
  brokers.refuse('a', 'b')
  const failed = assert.rejects(connection.channel(), (error) => {
    assert.ok(error instanceof OperationalError)
    assert.match(error.message, /None of the 2 brokers can be reached: a is down; b is down/)
    return true
  })
  const times: number[] = []
  for (let second = 0; second < 13; second++) {
    const before = brokers.tried.length
    await clock.advance(second === 0 ? 0 : 1000)
    if (brokers.tried.length > before) times.push(second)
  }
  await failed
  assert.deepEqual(times, [0, 2, 6, 12])
  assert.equal(brokers.tried.length, 8)
})

test('hooks hear of failed rounds, and of each second of the pause after them [1-250]', async () => {
  const clock = new VirtualClock()
  const heard: unknown[] = []
  const retry = {
    ...{ start: 2500, step: 0, max: 0, maxRetries: 1 },
    errback: (error: Error, interval: number) => heard.push(error.message, interval),
    callback: () => heard.push('tick'),
  }
  const { brokers, connection } = connect(['a'], { clock, retry })
  brokers.refuse('a')
  const failed = assert.rejects(connection.channel(), /a is down/)
  for (let half = 0; half <= 5; half++) await clock.advance(half === 0 ? 0 : 500)
  await failed
  assert.deepEqual(heard, ['a is down', 2.5, 'tick', 'tick', 'tick'])
  assert.equal(brokers.tried.length, 2)
})

test('an error of a hook ends the attempts [1-250]', async () => {
  const clock = new VirtualClock()
  const callback = (): never => {
    throw new Error('enough')
  }
  const { brokers, connection } = connect(['a'], {
    clock,
    retry: { start: 60_000, step: 0, max: 0, callback },
  })
  brokers.refuse('a')
  await assert.rejects(connection.channel(), /enough/)
  assert.equal(brokers.tried.length, 1)
})

test('a deadline ends the attempts [1-249]', async () => {
  const clock = new VirtualClock()
  const { brokers, connection } = connect(['a'], {
    clock,
    retry: { start: 1000, step: 0, max: 0, deadline: 2500 },
  })
  brokers.refuse('a')
  const failed = assert.rejects(connection.channel(), ConnectionError)
  await clock.advance(5000)
  await failed
  assert.equal(brokers.tried.length, 4)
})

test('the log tells of attempts in Celery’s words, without the password [7-108]', async () => {
  const clock = new VirtualClock()
  const lines: string[] = []
  const logger = capture(lines)
  const retry = { start: 2000, step: 0, max: 0, maxRetries: 1 }
  const { brokers, connection } = connect(['a'], { clock, retry, logger })
  brokers.refuse('a')
  const failed = assert.rejects(connection.channel())
  await clock.advance(2000)
  await failed
  assert.deepEqual(lines, ['a is down. Trying again in 2.00 seconds... (1/1)'])
})

test('what no attempt can mend is told at once', async () => {
  const { brokers, connection } = connect(['a'])
  brokers.down.set('a', new ConnectionError('wrong password', { recoverable: false }))
  await assert.rejects(connection.channel(), /wrong password/)
  brokers.down.set('a', new ImproperlyConfigured('no such package'))
  await assert.rejects(connection.channel(), ImproperlyConfigured)
  assert.equal(brokers.tried.length, 2)
})

test('a broker that refuses the login does not keep the others from being tried', async () => {
  const { brokers, connection } = connect(['a', 'b'])
  brokers.down.set('a', new ConnectionError('wrong password', { recoverable: false }))
  await connection.channel()
  assert.deepEqual(brokers.tried, ['a', 'b'])
})

test('one attempt, when no retry is wanted', async () => {
  const { brokers, connection } = connect(['a'])
  brokers.refuse('a')
  await assert.rejects(connection.channel({ retry: false }), /a is down/)
  assert.equal(brokers.tried.length, 1)
})

test('waiting can be given up; the others go on', async () => {
  const { brokers, connection } = connect(['a'])
  brokers.gate = new Deferred()
  const controller = new AbortController()
  const other = connection.channel()
  const given = assert.rejects(connection.channel({ signal: controller.signal }), /enough/)
  controller.abort(new Error('enough'))
  await given
  brokers.gate.resolve()
  assert.equal(await other, connection.ready)
  assert.deepEqual(brokers.tried, ['a'])
})

test('a channel that the broker closed is opened again on the same connection', async () => {
  const { brokers, connection } = connect(['a'])
  const first = await connection.channel()
  brokers.latest.channel.lose(new OperationalError('precondition failed'))
  await settled()
  assert.equal(connection.ready, undefined)
  assert.notEqual(await connection.channel(), first)
  assert.equal(connection.generation, 1)
})

test('a dropped connection is made anew, and the old one is closed', async () => {
  const { brokers, connection } = connect(['a'])
  await connection.channel()
  const old = brokers.latest
  connection.drop('nobody answers')
  assert.equal(await old.closed, undefined)
  await connection.channel()
  assert.equal(connection.generation, 2)
})

test('a blocked broker is told of, in the log and to whoever asks', async () => {
  const lines: string[] = []
  const logger = capture(lines)
  const { brokers, connection } = connect(['a'], { logger })
  await connection.channel()
  brokers.latest.options.blocked?.('low on memory')
  assert.equal(connection.blocked, 'low on memory')
  brokers.latest.options.blocked?.(undefined)
  assert.equal(connection.blocked, undefined)
  assert.deepEqual(lines, [
    'amqp://user:**@a// accepts no messages: low on memory',
    'amqp://user:**@a// accepts messages again',
  ])
})

test('after close there is nothing more, whatever was under way', async () => {
  const { brokers, connection } = connect(['a'])
  brokers.gate = new Deferred()
  const waiting = assert.rejects(connection.channel(), /was closed/)
  await settled()
  const closing = connection.close()
  brokers.gate.resolve()
  await closing
  await waiting
  assert.equal(await brokers.latest.closed, undefined)
  await assert.rejects(connection.channel(), /was closed/)
  await assert.rejects(connection.openChannel(), ConnectionError)
})

test('closing waits for no broker that does not answer', async () => {
  const { brokers, connection } = connect(['a'])
  brokers.gate = new Deferred()
  const waiting = assert.rejects(connection.channel(), /was closed/)
  await settled()
  await connection.close()
  await waiting
  // Should it answer after all, nothing stays open.
  brokers.gate.resolve()
  await settled()
  assert.equal(await brokers.latest.closed, undefined)
})

function connect(
  hosts: readonly string[],
  options: Partial<BrokerConnectionOptions> = {},
): { readonly brokers: ScriptedBrokers; readonly connection: BrokerConnection } {
  const brokers = new ScriptedBrokers()
  const connection = new BrokerConnection({
    candidates: candidates(...hosts),
    resolve: brokers.resolve,
    ...options,
  })
  return { brokers, connection }
}

function capture(lines: string[]): Logger {
  const write = (text: string): void => {
    lines.push(text.trim())
  }
  return new StreamLogger('test', { level: 'DEBUG', format: ({ message }) => message, write })
}

/** Lets what was promised come true. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
