/** Which of the messages that come a second time are known already. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Delivery } from '../../../src/messaging/message.ts'
import { JsonSerializer } from '../../../src/messaging/serialization/json.ts'
import { AsyncPool } from '../../../src/pool/async-pool.ts'
import type { Runner } from '../../../src/pool/pool.ts'
import { createTaskTemplate, encodeTaskMessage } from '../../../src/protocol/task-message.ts'
import { HeapTimer } from '../../../src/util/heap-timer.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import { DeadLetters } from '../../../src/worker/dead-letters.ts'
import { Intake } from '../../../src/worker/intake.ts'
import { Revokes } from '../../../src/worker/revokes.ts'
import { Session } from '../../../src/worker/session.ts'
import { TaskObservers } from '../../../src/worker/task-observer.ts'
import { WorkerState } from '../../../src/worker/worker-state.ts'
import { createTestApp } from '../app/test-app.ts'
import { RecordingChannel } from '../messaging/recording-channel.ts'
import { memoryConnection } from './memory-connection.ts'

/** A worker in pieces with one place for tasks, which end when the test lets them. */
async function setUp(t: TestContext) {
  const app = createTestApp({ taskDefaultRateLimit: 0 })
  app.task('t.early', () => 1)
  app.task('t.late', { acksLate: true }, () => 1)
  const ran: string[] = []
  const ends: ((outcome: unknown) => void)[] = []
  const runner: Runner = {
    run: (data) => {
      ran.push(Object(data).headers.id)
      return new Promise((resolve) => ends.push(resolve))
    },
    close: () => Promise.resolve(),
  }
  const pool = new AsyncPool({ size: 1 })
  await pool.start({ module: '', init: undefined, create: () => Promise.resolve(runner) })
  const state = new WorkerState()
  const host = {
    pool,
    timer: new HeapTimer(),
    rateLimits: undefined,
    observers: new TaskObservers(),
    deadLetters: new DeadLetters({ queue: undefined, hostname: 'w1@h', logger: silentLogger }),
    recorder: { fail: () => Promise.resolve(), revoke: () => Promise.resolve() },
    revokes: new Revokes({ environment: {} }),
    maxDeliveries: undefined,
    stopping: false,
    entered: state.enter.bind(state),
    held: () => undefined,
    released: () => undefined,
    ended: state.leave.bind(state),
    settled: state.sent.bind(state),
    recordingFailed: () => undefined,
  }
  const strategy = {
    tasks: app.tasks,
    hostname: 'w1@h',
    decode: () => assert.fail('not of protocol 1'),
    naiveOffset: app.timezone,
    wantRepr: () => false,
    timeLimits: new Map(),
    timeLimit: undefined,
    softTimeLimit: undefined,
  }
  const intake = new Intake({ host, strategy, state, logger: silentLogger })
  const connection = await memoryConnection(t)
  let session = new Session(connection, new RecordingChannel(), silentLogger)
  return {
    ran,
    state,
    /** It stops; answers what the connection is told from then on. */
    stop: () => {
      host.stopping = true
      const told: (readonly [what: string, tag: unknown])[] = []
      const tell = (what: string) => async (tags: readonly unknown[]) =>
        void told.push(...tags.map((tag) => [what, tag] as const))
      Object.assign(session.channel, { ack: tell('ack'), reject: tell('give back') })
      return async () => {
        session.quiet()
        await session.drain()
        return told
      }
    },
    take: (delivery: Delivery) => intake.take(delivery, session),
    /** What runs ends so. */
    end: async (outcome: object = { kind: 'ignored' }) => {
      ends.shift()?.(outcome)
      await new Promise((resolve) => setImmediate(resolve))
    },
    /** The connection is lost, and there is another. */
    reconnect: async () => {
      session.lost = true
      state.sessionLost(session)
      session = new Session(connection, new RecordingChannel(), silentLogger)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

const json = new JsonSerializer()
let tags = 0

function deliveryOf(task: string, id: string, redelivered = false): Delivery {
  const data = { id, args: [], kwargs: {}, argsrepr: '()', kwargsrepr: '{}' }
  const { headers, body } = encodeTaskMessage(createTaskTemplate({ task, origin: 'gen1@h' }), data)
  const properties = { contentType: 'application/json', contentEncoding: 'utf-8' }
  const place = { tag: ++tags, queue: 'celery', exchange: '', routingKey: 'celery' }
  return { ...place, redelivered, properties, headers, body: json.encode(body) }
}

test('a message whose acknowledgement may be lost with its connection does not run again', async (t) => {
  for (const task of ['t.early', 't.late']) {
    const { ran, take, end, reconnect, state } = await setUp(t)
    take(deliveryOf(task, 'one'))
    await end()
    await reconnect()
    take(deliveryOf(task, 'one', true))
    assert.deepEqual([ran, state.requests.size], [['one'], 0])
  }
})

test('one that is acknowledged early and still runs does not run again', async (t) => {
  const { ran, take, end, reconnect } = await setUp(t)
  take(deliveryOf('t.early', 'one'))
  for (let times = 0; times < 3; times += 1) {
    await reconnect()
    take(deliveryOf('t.early', 'one', true))
  }
  await end()
  assert.deepEqual(ran, ['one'])
})

test('what comes again while the worker stops is given back, unless it runs or has run here', async (t) => {
  const { ran, take, end, reconnect, stop } = await setUp(t)
  take(deliveryOf('t.late', 'ended'))
  await end()
  take(deliveryOf('t.late', 'runs'))
  await reconnect()
  const told = stop()
  const [ended, runs, other] = ['ended', 'runs', 'other'].map((id) => deliveryOf('t.late', id, true))
  for (const delivery of [ended, runs, other]) if (delivery !== undefined) take(delivery)
  await end()
  assert.deepEqual(await told(), [
    ['ack', ended?.tag],
    ['ack', runs?.tag],
    ['give back', other?.tag],
  ])
  assert.deepEqual(ran, ['ended', 'runs'])
})

/** The connection is lost while one waits behind the other; both are delivered again, and end. */
async function bothComeAgain({
  take,
  end,
  reconnect,
}: Pick<Awaited<ReturnType<typeof setUp>>, 'take' | 'end' | 'reconnect'>): Promise<void> {
  await reconnect()
  take(deliveryOf('t.late', 'other', true))
  take(deliveryOf('t.late', 'one', true))
  await end()
  await end()
}

test('a second message of the same id runs, though the first was acknowledged before the connection was lost', async (t) => {
  const { ran, take, end, reconnect } = await setUp(t)
  take(deliveryOf('t.late', 'one'))
  take(deliveryOf('t.late', 'other'))
  // It was replaced by itself: the new message waits behind the other one.
  await end()
  take(deliveryOf('t.late', 'one'))
  await bothComeAgain({ take, end, reconnect })
  assert.deepEqual(ran, ['one', 'other', 'one'])
})

test('also when it comes on the next connection, and that one is lost, too', async (t) => {
  const { ran, take, end, reconnect } = await setUp(t)
  take(deliveryOf('t.late', 'one'))
  await end()
  await reconnect()
  take(deliveryOf('t.late', 'other'))
  take(deliveryOf('t.late', 'one'))
  await bothComeAgain({ take, end, reconnect })
  assert.deepEqual(ran, ['one', 'other', 'one'])
})

test('what was put back runs when it comes again', async (t) => {
  const { ran, take, end, reconnect } = await setUp(t)
  take(deliveryOf('t.late', 'one'))
  await end()
  take(deliveryOf('t.late', 'one'))
  await end({ kind: 'rejected', requeue: true, reason: 'later' })
  await reconnect()
  take(deliveryOf('t.late', 'one', true))
  await end()
  assert.deepEqual(ran, ['one', 'one', 'one'])
})
