/** What becomes of a message in a worker, step by step: with a pool that does what the test says. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConnectionError } from '../../../src/errors.ts'
import type { Delivery } from '../../../src/messaging/message.ts'
import { JsonSerializer } from '../../../src/messaging/serialization/json.ts'
import { AsyncPool } from '../../../src/pool/async-pool.ts'
import type { PoolJob, PoolOutcome, PoolRunOptions } from '../../../src/pool/pool.ts'
import type { TaskCallData } from '../../../src/protocol/task-message.ts'
import { createTaskTemplate, encodeTaskMessage } from '../../../src/protocol/task-message.ts'
import { HeapTimer } from '../../../src/util/heap-timer.ts'
import type { LogFields } from '../../../src/util/logger.ts'
import { StreamLogger, silentLogger } from '../../../src/util/logger.ts'
import { DeadLetters } from '../../../src/worker/dead-letters.ts'
import { Intake } from '../../../src/worker/intake.ts'
import { RateLimits } from '../../../src/worker/rate-limits.ts'
import type { RequestHost } from '../../../src/worker/request.ts'
import { Request } from '../../../src/worker/request.ts'
import { Revokes } from '../../../src/worker/revokes.ts'
import { Session } from '../../../src/worker/session.ts'
import type { StrategyOptions } from '../../../src/worker/strategy.ts'
import { readDelivery } from '../../../src/worker/strategy.ts'
import { TaskLog } from '../../../src/worker/task-log.ts'
import { TaskObservers } from '../../../src/worker/task-observer.ts'
import { WorkerState } from '../../../src/worker/worker-state.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { createTestApp } from '../app/test-app.ts'
import { RecordingChannel } from '../messaging/recording-channel.ts'
import { memoryConnection } from './memory-connection.ts'

const json = new JsonSerializer()
const NOON = Date.parse('2030-01-02T12:00:00Z')

/** A pool that keeps what it is given until the test ends it. */
class HeldPool extends AsyncPool {
  readonly given: {
    readonly job: PoolJob
    readonly accept: () => void
    readonly end: (how: PoolOutcome) => void
  }[] = []
  readonly terminated: string[] = []

  override run(job: PoolJob, options: PoolRunOptions = {}): Promise<PoolOutcome> {
    const { promise, resolve } = Promise.withResolvers<PoolOutcome>()
    this.given.push({ job, accept: () => options.accepted?.(4711), end: resolve })
    return promise
  }

  override withdraw(): void {}

  override terminate(_id: string, signal: string): boolean {
    this.terminated.push(signal)
    return true
  }
}

/** A worker in pieces, with its journal. */
async function setUp(t: Parameters<typeof memoryConnection>[0]) {
  const clock = new VirtualClock()
  const app = createTestApp({ clock, taskDefaultRateLimit: 0, timezone: 'Europe/Berlin' })
  app.task('t.add', () => 1)
  app.task('t.limited', { timeLimit: 20, softTimeLimit: 10 }, () => 1)
  app.task('t.slow', { rateLimit: '1/m' }, () => 1)
  const journal: unknown[] = []
  const lines: {
    readonly level: string
    readonly message: string
    readonly fields: LogFields | undefined
  }[] = []
  const logger = new StreamLogger('test', {
    level: 'DEBUG',
    format: ({ level, message, fields }) => {
      lines.push({ level, message, fields })
      return message
    },
    write: (text) => journal.push(text.trimEnd()),
  })
  const channel = new RecordingChannel()
  const session = new Session(await memoryConnection(t), channel, logger)
  const observers = new TaskObservers()
  observers.add(new TaskLog(logger))
  observers.add({ received: () => journal.push('observed'), accepted: () => journal.push('started') })
  const timer = new HeapTimer(clock)
  const pool = new HeldPool({ size: 10 })
  const host: RequestHost = {
    pool,
    timer,
    rateLimits: new RateLimits({ tasks: app.tasks, timer, clock }),
    observers,
    deadLetters: new DeadLetters({ queue: undefined, hostname: 'w1@h', logger }),
    recorder: { fail: async () => {}, revoke: async (job) => void journal.push(`stored ${job.headers.id}`) },
    revokes: new Revokes({ environment: {}, clock }),
    maxDeliveries: undefined,
    stopping: false,
    entered: () => journal.push('entered'),
    held: () => journal.push('held'),
    released: () => journal.push('released'),
    ended: () => journal.push('ended'),
    settled: (_request, settlement) => journal.push(settlement),
    recordingFailed: (_request, error) => journal.push(error),
  }
  const strategy: StrategyOptions = {
    tasks: app.tasks,
    hostname: 'w1@h',
    decode: ({ body }) => json.decode(body),
    wantRepr: () => false,
    timeLimits: new Map(),
    timeLimit: 40_000,
    softTimeLimit: 30_000,
  }
  const state = new WorkerState()
  const intake = new Intake({ host, strategy, state, logger })
  const take = (delivery: Delivery): void => intake.take(delivery, session)
  return { clock, pool, host, strategy, session, channel, journal, lines, take }
}

let tags = 0

/** A task as the broker brings it. */
function deliveryOf(task: string, call: Partial<TaskCallData> = {}): Delivery {
  const data = { id: 'one', args: [], kwargs: {}, argsrepr: '()', kwargsrepr: '{}', ...call }
  const { headers, body } = encodeTaskMessage(createTaskTemplate({ task, origin: 'gen1@h' }), data)
  return rawDelivery(headers, json.encode(body))
}

function rawDelivery(headers: Delivery['headers'], body: Uint8Array): Delivery {
  const properties = { contentType: 'application/json', contentEncoding: 'utf-8' }
  return {
    tag: ++tags,
    queue: 'celery',
    exchange: '',
    routingKey: 'celery',
    redelivered: false,
    properties,
    headers,
    body,
  }
}

suite('a task in a worker', () => {
  test('is logged, observed, looked at, and given to the pool [7-053]', async (t) => {
    const { journal, pool, take, host } = await setUp(t)
    take(deliveryOf('t.add'))
    assert.deepEqual(journal.splice(0), ['Task t.add[one] received', 'observed', 'entered'])
    assert.equal(pool.given.length, 1)
    host.revokes.add(['two'])
    take(deliveryOf('t.add', { id: 'two', eta: new Date(NOON + 3_600_000) }))
    await settled()
    assert.equal(pool.given.length, 1)
    assert.deepEqual(journal, [
      ...['Task t.add[two] received', 'observed', 'entered'],
      ...['Discarding revoked task: t.add[two]', 'stored two', 'ack', 'ended'],
    ])
  })

  test('that starts is told of, acknowledged, and ended if it was revoked meanwhile [7-072, 10-007]', async (t) => {
    const { journal, lines, pool, take, host } = await setUp(t)
    const requests: Request[] = []
    host.observers.add({ received: (task) => void (task instanceof Request && requests.push(task)) })
    take(deliveryOf('t.add'))
    journal.splice(0)
    requests[0]?.revoke('SIGKILL')
    // It may be one that has no way of saying that it has started.
    assert.deepEqual(pool.terminated, ['SIGKILL'])
    pool.given[0]?.accept()
    assert.deepEqual(journal, ['Task accepted: t.add[one] pid:4711', 'started', 'ack'])
    assert.deepEqual(pool.terminated, ['SIGKILL'])
    assert.deepEqual(
      lines.map(({ level, fields }) => [level, fields]),
      [
        ['INFO', { data: { name: 't.add', id: 'one' } }],
        ['DEBUG', { data: { name: 't.add', id: 'one', pid: 4711 } }],
      ],
    )
  })

  test('runs at once when its eta is past, and takes its token only when it is due [7-078, 7-079]', async (t) => {
    const { clock, pool, take } = await setUp(t)
    const given = (): string[] => pool.given.splice(0).map(({ job }) => job.kind ?? '')
    const inSeconds = (seconds: number): Date => new Date(clock.now() + seconds * 1000)
    take(deliveryOf('t.add', { eta: inSeconds(-5) }))
    assert.deepEqual(given(), ['t.add'])
    // Were the token taken before, the second would have to wait for the next one.
    take(deliveryOf('t.slow', { id: 'late', eta: inSeconds(30) }))
    take(deliveryOf('t.slow', { id: 'now' }))
    assert.deepEqual(given(), ['t.slow'])
    await clock.advance(30_000)
    assert.deepEqual(given(), [])
    await clock.advance(30_000)
    assert.deepEqual(given(), ['t.slow'])
  })

  test('has the time limits of its message, else its own, else those of the worker [7-032]', async (t) => {
    const { pool, take } = await setUp(t)
    const limits = (): unknown[] => pool.given.splice(0).map(({ job }) => [job.timeLimit, job.softTimeLimit])
    take(deliveryOf('t.add'))
    take(deliveryOf('t.limited'))
    take(deliveryOf('t.limited', { timeLimit: 4_000, softTimeLimit: 2_000 }))
    assert.deepEqual(limits(), [
      [40_000, 30_000],
      [20_000, 10_000],
      [4_000, 2_000],
    ])
  })

  test('with an eta without offset, which is UTC in either protocol, as in Celery’s workers [5-025, 7-080]', async (t) => {
    const { strategy } = await setUp(t)
    const etaOf = (delivery: Delivery): string => {
      const reading = readDelivery(delivery, strategy)
      assert.ok(reading.runnable)
      return new Date(reading.subject.eta ?? 0).toISOString()
    }
    const v1 = (utc: boolean): Delivery => {
      const body = { task: 't.add', id: 'one', args: [], kwargs: {}, eta: '2030-01-02T12:00:00', utc }
      return rawDelivery({}, json.encode(body))
    }
    assert.equal(etaOf(v1(true)), '2030-01-02T12:00:00.000Z')
    assert.equal(etaOf(v1(false)), '2030-01-02T12:00:00.000Z')
    const { headers, body } = deliveryOf('t.add')
    const v2 = (eta: string): Delivery => rawDelivery({ ...headers, eta }, body)
    assert.equal(etaOf(v2('2030-01-02T12:00:00+02:00')), '2030-01-02T10:00:00.000Z')
    assert.equal(etaOf(v2('2030-01-02T12:00:00')), '2030-01-02T12:00:00.000Z')
  })

  test('whose message cannot be acknowledged is a line in the log, and no error [7-073]', async (t) => {
    const { channel, journal, pool, session, take } = await setUp(t)
    channel.ack = () => Promise.reject(new ConnectionError('the line is dead'))
    take(deliveryOf('t.add'))
    journal.splice(0)
    pool.given[0]?.accept()
    await session.drain()
    assert.match(String(journal.at(-1)), /^Couldn't ack 1 messages, reason: .*the line is dead/)
  })

  test('a message with headers that nobody has foreseen is refused, and no error [7-068]', async (t) => {
    const { host, take } = await setUp(t)
    const refused: string[] = []
    host.observers.add({ refused: (_delivery, { reason }) => void refused.push(reason) })
    const { headers, body } = deliveryOf('t.add')
    // As from Python's `time_limit=float('inf')`.
    take(rawDelivery({ ...headers, timelimit: [Number.POSITIVE_INFINITY, null] }, body))
    await settled()
    assert.deepEqual(refused, ['invalid'])
  })

  test('that nobody can read and that comes again while it is buried is settled where it came last', async (t) => {
    const { journal, pool, session, take, host } = await setUp(t)
    const requests: Request[] = []
    host.observers.add({ received: (task) => void (task instanceof Request && requests.push(task)) })
    const buried = Promise.withResolvers<undefined>()
    const sessions: Session[] = []
    t.mock.method(host.deadLetters, 'bury', (_delivery: Delivery, on: Session) => {
      sessions.push(on)
      return on === session ? buried.promise : Promise.resolve('ack')
    })
    take(deliveryOf('t.add'))
    pool.given[0]?.end({ kind: 'returned', value: { kind: 'invalid', reason: 'invalid', detail: 'no body' } })
    await settled()
    session.lost = true
    const next = new Session(await memoryConnection(t), new RecordingChannel(), silentLogger)
    requests[0]?.adopt(deliveryOf('t.add'), next)
    journal.splice(0)
    buried.resolve(undefined)
    await settled()
    assert.deepEqual(sessions, [session, next])
    assert.deepEqual(journal, ['ack', 'ended'])
  })

  test('a message that is none is told of and refused [7-068]', async (t) => {
    const { channel, journal, session, take, host } = await setUp(t)
    const refused: string[] = []
    const rejected: unknown[] = []
    Object.assign(channel, {
      reject: async (sent: readonly unknown[], how: { readonly requeue: boolean }) =>
        void rejected.push(sent.length, how.requeue),
    })
    host.observers.add({ refused: (_delivery, { reason }) => void refused.push(reason) })
    take(rawDelivery({}, json.encode({ not: 'a task' })))
    await settled()
    await session.drain()
    assert.deepEqual(refused, ['unknown-message'])
    assert.match(String(journal[0]), /^Received and deleted unknown message\. Wrong destination\?/)
    assert.deepEqual(rejected, [1, false])
  })
})

async function settled(): Promise<void> {
  await new Promise(setImmediate)
}
