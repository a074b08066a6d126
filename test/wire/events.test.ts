/** Events as a worker of ours and a client send them, against those of Python's. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { Celery, Ignore, Reject } from '../../src/index.ts'
import type { Delivery } from '../../src/messaging/message.ts'
import { memoryTransport } from '../../src/messaging/transports/memory.ts'
import type { CeleryEvent } from '../../src/protocol/events.ts'
import { readEvents } from '../../src/protocol/events.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'

interface GoldenMessage {
  readonly exchange: string
  readonly routing_key: string
  readonly properties: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

const { entries }: { readonly entries: readonly { name: string; messages: readonly GoldenMessage[] }[] } =
  JSON.parse(readFileSync(new URL('vectors/events.json', import.meta.url), 'utf8'))

/** The events of an entry of the golden file. */
function golden(name: string): CeleryEvent[] {
  const entry = entries.find((each) => each.name === name)
  assert.ok(entry, name)
  return entry.messages.flatMap(({ body }) => readEvents(JSON.parse(body)))
}

/** A worker with events, and everything that goes through the exchange of events. */
async function setUp(t: TestContext) {
  const url = `memory://${randomUUID()}`
  const app = new Celery('golden', {
    broker: url,
    backend: 'cache+memory://',
    logger: silentLogger,
    setAsCurrent: false,
    taskSendSentEvent: true,
  })
  app.task('golden.add', (x: number, y: number) => x + y)
  app.task('golden.fail', () => {
    throw new Error('it broke')
  })
  app.task('golden.retry', { bind: true }, async (self) => {
    if (self.request.retries === 0) throw await self.retry({ countdown: 0, error: new Error('try again') })
    return 1
  })
  app.task('golden.reject', { acksLate: true }, () => {
    throw new Reject('no', { requeue: false })
  })
  app.task('golden.ignore', () => {
    throw new Ignore()
  })
  app.task('golden.slow_hard', { timeLimit: 0.05 }, () => new Promise(() => undefined))
  const warn = (): void => undefined
  const connection = await memoryTransport.connect({
    url,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'test',
    warn,
  })
  const channel = await connection.openChannel()
  await channel.declareExchange({
    name: 'celeryev',
    type: 'topic',
    durable: true,
    autoDelete: false,
    arguments: {},
  })
  const queue = { name: 'tap', durable: false, exclusive: false, autoDelete: true, arguments: {} }
  await channel.declareQueue(queue)
  await channel.bind({ queue: 'tap', exchange: 'celeryev', routingKey: '#', arguments: {} })
  const messages: Delivery[] = []
  await channel.consume('tap', (delivery) => void messages.push(delivery), { noAck: true })
  const worker = new Worker(app, {
    pool: 'async',
    taskEvents: true,
    hostname: 'golden@worker.local',
    logger: silentLogger,
  })
  await worker.start()
  const stop = async (): Promise<void> => {
    await worker.stop('cold')
    await app.close()
    await connection.close()
  }
  onCleanup(t, stop, () => undefined)
  const events = (): CeleryEvent[] =>
    messages.flatMap(({ body }) => readEvents(JSON.parse(Buffer.from(body).toString())))
  /** The events of a task, once it has had all of these. */
  const of = async (id: string, ...types: string[]): Promise<CeleryEvent[]> => {
    const about = (): CeleryEvent[] => events().filter(({ uuid }) => uuid === id)
    await eventually(() => types.every((type) => about().some((event) => event.type === type)))
    return about()
  }
  return { app, worker, messages, events, of }
}

/** Ours have the keys of Python's, in their order, and values of the same kind. */
function assertAlike(ours: CeleryEvent | undefined, theirs: CeleryEvent | undefined): void {
  assert.ok(ours !== undefined && theirs !== undefined)
  assert.deepEqual(Object.keys(ours), Object.keys(theirs), theirs.type)
  for (const [key, value] of Object.entries(theirs))
    assert.equal(kind(ours[key]), kind(value), `${theirs.type} ${key}`)
}

function kind(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value
}

test('the events of a worker and a client have the fields of Python’s', async (t) => {
  const { app, worker, events, messages, of } = await setUp(t)
  const call = async (name: string, ...args: unknown[]): Promise<string> =>
    (await app.sendTask(`golden.${name}`, args)).id
  const compare = async (entry: string, id: string, types: readonly string[]): Promise<CeleryEvent[]> => {
    const ours = await of(id, ...types)
    const theirs = golden(entry)
    for (const type of types) {
      assertAlike(
        ours.find((event) => event.type === type),
        theirs.find((event) => event.type === type),
      )
    }
    return ours
  }
  const last = (ours: readonly CeleryEvent[]): CeleryEvent | undefined => ours.at(-1)

  await t.test('success [5-059 5-060 5-061 5-062 1-159 3-038]', async () => {
    const types = ['task-sent', 'task-received', 'task-started', 'task-succeeded']
    const ours = await compare('succeeded', await call('add', 2, 3), types)
    const [sent] = ours.filter(({ type }) => type === 'task-sent')
    const { args, kwargs, queue, exchange, routing_key } = sent ?? { type: '' }
    const [theirs] = golden('succeeded')
    assert.deepEqual(
      { args, kwargs, queue, exchange, routing_key },
      {
        args: theirs?.['args'],
        kwargs: theirs?.['kwargs'],
        queue: theirs?.['queue'],
        exchange: theirs?.['exchange'],
        routing_key: theirs?.['routing_key'],
      },
    )
    assert.equal(ours.find(({ type }) => type === 'task-succeeded')?.['result'], '5')
  })

  await t.test('a call may bring its own dispatcher [3-026]', async () => {
    const eventDispatcher = app.events.dispatcher({ hostname: 'own@client' })
    const { id } = await app.sendTask('golden.add', [1, 1], {}, { eventDispatcher })
    const ours = await of(id, 'task-sent', 'task-succeeded')
    assert.equal(ours.find(({ type }) => type === 'task-sent')?.hostname, 'own@client')
  })

  await t.test('failure and time limit [5-063]', async () => {
    const ours = await compare('failed', await call('fail'), ['task-failed'])
    assert.equal(ours.find(({ type }) => type === 'task-failed')?.['exception'], "Error('it broke')")
    const late = await compare('failed-time-limit', await call('slow_hard'), ['task-started', 'task-failed'])
    // Python's own shows by mistake what it wraps the error in.
    assert.equal(last(late)?.['exception'], 'TimeLimitExceeded(0.05)')
  })

  await t.test('retry [5-066]', async () => {
    const ours = await compare('retried', await call('retry'), ['task-retried', 'task-succeeded'])
    const types = ours.map(({ type }) => type).filter((type) => type !== 'task-sent')
    assert.deepEqual(types, [
      'task-received',
      'task-started',
      'task-retried',
      'task-received',
      'task-started',
      'task-succeeded',
    ])
    assert.equal(ours.find(({ type }) => type === 'task-retried')?.['exception'], "Error('try again')")
  })

  await t.test('rejected, ignored, unknown [5-064 5-063]', async () => {
    await compare('rejected', await call('reject'), ['task-started', 'task-rejected'])
    const unknown = await compare('unknown-task', (await app.sendTask('no.such.task')).id, ['task-failed'])
    assert.equal(
      unknown.find(({ type }) => type === 'task-failed')?.['exception'],
      "NotRegistered('no.such.task')",
    )
    const ignored = await call('ignore')
    await of(ignored, 'task-started')
    await of(await call('add', 1, 1), 'task-succeeded')
    const types = events()
      .filter(({ uuid }) => uuid === ignored)
      .map(({ type }) => type)
    assert.deepEqual(types.toSorted(), ['task-received', 'task-sent', 'task-started'])
  })

  await t.test('expired and revoked [5-065]', async () => {
    const expired = await app.sendTask('golden.add', [1, 1], {}, { countdown: 0.1, expires: 0.05 })
    const ours = await compare('revoked-expired', expired.id, ['task-received', 'task-revoked'])
    const { terminated, signum, expired: isExpired } = last(ours) ?? { type: '' }
    assert.deepEqual([terminated, signum, isExpired], [false, null, true])
    const revoked = await app.sendTask('golden.add', [1, 1], {}, { countdown: 600 })
    await of(revoked.id, 'task-received')
    await app.control.revoke(revoked.id)
    assert.equal(last(await compare('revoked', revoked.id, ['task-revoked']))?.['expired'], false)
  })

  await t.test('messages: keys, headers, properties [5-050 5-051 5-052 5-053 12-033]', () => {
    const theirs = entries.find(({ name }) => name === 'succeeded')?.messages
    const shape = (key: string) => {
      const { exchange, headers, properties } = messages.find(({ routingKey }) => routingKey === key) ?? {}
      return { exchange, headers, ...properties }
    }
    for (const { routing_key: key, exchange, properties, headers } of theirs ?? []) {
      const {
        content_type: contentType,
        content_encoding: contentEncoding,
        delivery_mode: deliveryMode,
      } = properties
      const ours = shape(key)
      const { priority } = properties
      assert.deepEqual(
        { ...ours, headers: Object.keys(ours.headers ?? {}) },
        { exchange, headers: Object.keys(headers), contentType, contentEncoding, deliveryMode, priority },
      )
    }
    assert.deepEqual(shape('task.multi').headers, { hostname: 'golden@worker.local' })
    const multi = messages.filter(({ routingKey }) => routingKey === 'task.multi')
    assert.ok(multi.every(({ body }) => Array.isArray(JSON.parse(Buffer.from(body).toString()))))
  })

  await t.test('the worker itself [5-069 5-070 5-071]', async () => {
    worker.events.heartbeat()
    await eventually(() => events().some(({ type }) => type === 'worker-heartbeat'))
    await worker.stop()
    const [online, heartbeat] = golden('worker-online-heartbeat')
    const [offline] = golden('worker-offline')
    for (const theirs of [online, heartbeat, offline]) {
      assertAlike(
        events().find(({ type }) => type === theirs?.type),
        theirs,
      )
    }
    // Python insists on nothing here, but sends 2.0.
    const message = messages.find(({ routingKey }) => routingKey === 'worker.online')
    assert.match(Buffer.from(message?.body ?? []).toString(), /"freq": ?2\.0/)
  })
})
