import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EncodeError, OperationalError } from '../../../src/errors.ts'
import type { DispatcherOptions } from '../../../src/events/event-dispatcher.ts'
import { EventDispatcher } from '../../../src/events/event-dispatcher.ts'
import { isRecord } from '../../../src/util/is-record.ts'
import { LamportClock } from '../../../src/util/lamport-clock.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** A dispatcher whose broker can be switched off, and what it has sent. */
function setUp(options: DispatcherOptions = {}) {
  const clock = new VirtualClock()
  const lamport = new LamportClock()
  const sent: [key: string, body: unknown][] = []
  const warnings: string[] = []
  const broker: { error: Error | undefined; tries: number } = { error: undefined, tries: 0 }
  const logger = {
    ...silentLogger,
    warn: (text: string) => void warnings.push(text),
    error: (text: string) => void warnings.push(text),
  }
  const transmit = async (body: unknown, routingKey: string, hostname: string): Promise<void> => {
    assert.equal(hostname, 'w1@host')
    broker.tries += 1
    if (broker.error !== undefined) throw broker.error
    sent.push([routingKey, body])
  }
  const dispatcher = new EventDispatcher({ transmit, lamport, clock, logger }, 'w1@host', options)
  /** What a field of the sent events says, lists flattened, by routing key. */
  const told = (field: string): string[] =>
    sent.map(([key, body]) => {
      const all: unknown[] = Array.isArray(body) ? body : [body]
      return `${key} ${all.map((event) => (isRecord(event) ? event[field] : '?')).join(' ')}`
    })
  return { clock, lamport, sent, warnings, broker, dispatcher, told }
}

test('events carry who, when and the logical clock [5-054 9-001 9-006]', async () => {
  const { dispatcher, sent, clock } = setUp()
  dispatcher.send('worker-online', { freq: 2 })
  dispatcher.send('custom-thing')
  await dispatcher.publish('custom-blind', {}, { blind: true })
  assert.deepEqual(
    sent.map(([key]) => key),
    ['worker.online', 'custom.thing', 'custom.blind'],
  )
  assert.deepEqual(
    sent.map(([, body]) => isRecord(body) && body['clock']),
    [1, 2, null],
  )
  const [, online] = sent[0] ?? []
  assert.ok(isRecord(online))
  assert.deepEqual([online['hostname'], online['pid'], online['freq']], ['w1@host', process.pid, 2])
  assert.equal(online['timestamp'], clock.now() / 1000)
})

test('only the groups that are wanted are sent, and none when it is disabled [5-058 9-001]', async () => {
  const { dispatcher, told } = setUp({ groups: ['worker'] })
  const switched: string[] = []
  dispatcher.onEnabled.add(() => switched.push('on'))
  dispatcher.onDisabled.add(() => switched.push('off'))
  dispatcher.send('task-started', { n: 1 })
  dispatcher.send('worker-heartbeat', { n: 2 })
  dispatcher.groups.add('task')
  dispatcher.send('task-started', { n: 3 })
  dispatcher.disable()
  dispatcher.disable()
  dispatcher.send('worker-heartbeat', { n: 4 })
  dispatcher.enable()
  dispatcher.send('worker-heartbeat', { n: 5 })
  assert.deepEqual(told('n'), ['worker.heartbeat 2', 'task.started 3', 'worker.heartbeat 5'])
  assert.deepEqual(switched, ['off', 'on'])
})

test('events of a buffered group leave together, at the end of the turn or when they are many [5-055 5-051]', async () => {
  const { dispatcher, told } = setUp({ bufferGroups: ['task'], bufferLimit: 3 })
  for (const n of [1, 2, 3, 4]) dispatcher.send('task-started', { n })
  dispatcher.send('worker-heartbeat', { n: 5 })
  assert.deepEqual(told('n'), ['task.multi 1 2 3', 'worker.heartbeat 5'])
  await new Promise((resolve) => void setImmediate(resolve))
  assert.deepEqual(told('n').slice(2), ['task.multi 4'])
})

test('what is published comes after what was sent [5-068]', async () => {
  const { dispatcher, told } = setUp({ bufferGroups: ['task'] })
  dispatcher.send('task-started', { n: 1 })
  await dispatcher.publish('task-progress', { n: 2 })
  assert.deepEqual(told('n'), ['task.multi 1', 'task.progress 2'])
})

test('while the broker is gone events wait, in order and not without limit [9-002 5-055]', async () => {
  const { dispatcher, broker, clock, told, warnings } = setUp({ offlineLimit: 3 })
  broker.error = new OperationalError('nobody there')
  for (const n of [1, 2, 3, 4]) dispatcher.send('worker-heartbeat', { n })
  await clock.advance(0)
  assert.equal(dispatcher.waiting, 3)
  assert.match(warnings.join(), /More than 3 messages with events wait/)
  const before = broker.tries
  await clock.advance(3_000)
  assert.equal(broker.tries, before + 3, 'one try a second')
  dispatcher.send('worker-heartbeat', { n: 5 })
  broker.error = undefined
  await clock.advance(1_000)
  assert.deepEqual(told('n'), ['worker.heartbeat 3', 'worker.heartbeat 4', 'worker.heartbeat 5'])
  dispatcher.send('worker-heartbeat', { n: 6 })
  assert.deepEqual(told('n').at(-1), 'worker.heartbeat 6')
})

test('what cannot be encoded is dropped when it is sent, and thrown when it is published [9-001]', async () => {
  const { dispatcher, broker, clock, warnings } = setUp()
  broker.error = new EncodeError('a function is no JSON')
  dispatcher.send('custom-thing')
  await clock.advance(5_000)
  assert.match(warnings.join(), /custom\.thing.*no JSON/)
  assert.equal(dispatcher.waiting, 0)
  await assert.rejects(dispatcher.publish('custom-thing'), EncodeError)
})

test('closing sends what is left, and does not wait for a broker that is gone [9-001]', async () => {
  const there = setUp({ bufferGroups: ['task'] })
  there.dispatcher.send('task-started', { n: 1 })
  await there.dispatcher.close()
  there.dispatcher.send('task-started', { n: 2 })
  await there.dispatcher.close()
  assert.deepEqual(there.told('n'), ['task.multi 1'])

  const gone = setUp()
  gone.broker.error = new OperationalError('nobody there')
  gone.dispatcher.send('worker-offline')
  await gone.dispatcher.close()
  assert.equal(gone.clock.pending, 0)
})
