/**
 * The app of the golden captures, on a broker in memory, and what compares its messages with Celery's.
 *
 * Ids differ from run to run: two messages are alike when ids can be exchanged one for one. Times are compared to the
 * millisecond, which is all that a `Date` knows.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { UserAppOptions } from '../../../src/app/app-options.ts'
import { Celery } from '../../../src/app/celery.ts'
import type { TaskJob } from '../../../src/execution/job.ts'
import { createTaskRunner } from '../../../src/execution/runner.ts'
import type { Delivery } from '../../../src/messaging/message.ts'
import { JobContext } from '../../../src/pool/job-context.ts'
import { readTaskHeaders } from '../../../src/protocol/task-headers.ts'
import { TaskSelf } from '../../../src/task/context.ts'
import { runInTask } from '../../../src/task/current-task.ts'
import type { RegisteredTask } from '../../../src/task/ports.ts'
import type { TaskRequestFields } from '../../../src/task/request.ts'
import { createTaskRequest } from '../../../src/task/request.ts'
import { isRecord } from '../../../src/util/is-record.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

export const ID = 'aaaaaaaa-0000-4000-8000-000000000001'

let brokers = 0

/** The tasks of the captures. */
export function createGoldenApp(options: UserAppOptions = {}) {
  brokers += 1
  const app = new Celery('golden', {
    broker: `memory://golden-${brokers}`,
    backend: 'cache+memory://',
    clock: new VirtualClock(),
    setAsCurrent: false,
    ...options,
  })
  const tasks = {
    add: app.task('golden.add', { params: ['x', 'y?'] }, (x: number, y = 0) => x + y),
    mul: app.task('golden.mul', (x: number, y: number) => x * y),
    xsum: app.task('golden.xsum', (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)),
    echo: app.task('golden.echo', (...args: unknown[]): unknown => args),
    noargs: app.task('golden.noargs', () => null),
    ignored: app.task('golden.ignored', { ignoreResult: true }, (x: number) => x),
    defaults: app.task(
      'golden.defaults',
      {
        priority: 7,
        timeLimit: 60,
        softTimeLimit: 50,
        expires: 120,
        serializer: 'json',
        compression: 'gzip',
        queue: 'golden-defaults',
        maxRetries: 5,
        rateLimit: '10/m',
      },
      (x: number) => x,
    ),
    fail: app.task('golden.fail', (kind: string): never => {
      throw new RangeError(kind)
    }),
    retry: app.task('golden.retry', { bind: true, maxRetries: 3 }, async (self, times: number) => {
      const { retries } = self.request
      if (retries < times) throw await self.retry({ error: new RangeError('try again'), countdown: '200ms' })
      return retries
    }),
    errbackOld: app.task('golden.errback_old', (id: string) => id),
    errbackNew: app.task('golden.errback_new', (request: unknown, error: unknown, traceback: unknown) => [
      request,
      error,
      traceback,
    ]),
  }
  return { app, ...tasks }
}

export type GoldenApp = ReturnType<typeof createGoldenApp>

/** Runs code as if a task were executing with this request. */
export function withRequest<T>(
  app: Celery,
  task: RegisteredTask,
  fields: Partial<TaskRequestFields>,
  code: (self: TaskSelf) => T,
): T {
  const deliveryInfo = {
    exchange: '',
    routingKey: 'celery',
    priority: 0,
    redelivered: false,
    isEager: false,
  }
  const request = createTaskRequest({ id: 'run-id', task: task.name, deliveryInfo, ...fields })
  const self = new TaskSelf({ task, host: app, request })
  return runInTask(self, () => code(self))
}

interface Message {
  readonly exchange: string
  readonly routingKey: string
  readonly properties: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

/** All messages in queues of these names, in order. */
export async function sentMessages(app: Celery, queues: readonly string[]): Promise<Message[]> {
  return (await sentDeliveries(app, queues)).map((delivery) => messageOf(app, delivery))
}

/** Runs what is in the queue as a worker does, and what that sends, until nothing is left. Gives what was sent then. */
export async function runAll(app: Celery): Promise<Message[]> {
  const runner = createTaskRunner(app.executionHost())
  const sent: Message[] = []
  let batch = await sentDeliveries(app, ['celery'])
  while (batch.length > 0) {
    // One by one, so that it is certain in which order a chord's parts come.
    for (const delivery of batch) {
      await runner.run(jobOf(delivery), new JobContext())
    }
    batch = await sentDeliveries(app, ['celery'])
    sent.push(...batch.map((delivery) => messageOf(app, delivery)))
  }
  return sent
}

function jobOf({ headers, properties, body, exchange, routingKey, redelivered }: Delivery): TaskJob {
  const read = readTaskHeaders(headers)
  assert.ok(read !== undefined)
  return {
    headers: read,
    properties,
    compression: undefined,
    body,
    exchange,
    routingKey,
    redelivered,
    hostname: 'golden@worker.local',
    wantRepr: false,
  }
}

async function sentDeliveries(app: Celery, queues: readonly string[]): Promise<Delivery[]> {
  const [candidate] = app.brokers('read')
  assert.ok(candidate !== undefined)
  const transport = await app.resolveTransport(candidate.url)
  const connection = await transport.connect(candidate)
  const channel = await connection.openChannel()
  const deliveries: Delivery[] = []
  for (const queue of queues) {
    for (;;) {
      const delivery = await channel.get(queue, { noAck: true })
      if (delivery === undefined) break
      deliveries.push(delivery)
    }
  }
  await connection.close()
  return deliveries
}

function messageOf(app: Celery, delivery: Delivery): Message {
  const { exchange, routingKey, headers } = delivery
  const { extra, ...named } = delivery.properties
  const properties = Object.fromEntries(
    Object.entries(named).map(([name, value]) => [
      name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
      value,
    ]),
  )
  return {
    exchange,
    routingKey,
    headers,
    properties: { ...properties, ...extra },
    body: app.decodeBody(delivery),
  }
}

/** An entry of the captures. */
export interface GoldenEntry {
  readonly name: string
  readonly call: string
  readonly settings?: Readonly<Record<string, unknown>>
  readonly messages: readonly Message[]
}

/** The entries of a file, by name. */
export function loadGolden(file: string): ReadonlyMap<string, GoldenEntry> {
  const url = new URL(`../../wire/vectors/${file}`, import.meta.url)
  const document: unknown = JSON.parse(readFileSync(url, 'utf8'))
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  const entries = document['entries'].map((entry: Readonly<Record<string, unknown>>): GoldenEntry => {
    const messages = Array.isArray(entry['messages']) ? entry['messages'] : []
    return {
      name: String(entry['name']),
      call: String(entry['call']),
      messages: messages.filter(isPlainTask).map((message) => ({
        exchange: message.exchange,
        routingKey: message.routing_key,
        properties: message.properties,
        headers: message.headers,
        // Python's own numbers; no test looks at them.
        body: JSON.parse(message.body.replaceAll(/-?\b(?:NaN|Infinity)\b/g, '0')),
      })),
    }
  })
  return new Map(entries.map((entry) => [entry.name, entry]))
}

/** Neither an event nor serialised or compressed in a way that needs more than JSON. */
function isPlainTask(message: {
  exchange: string
  properties: Record<string, unknown>
  headers: Record<string, unknown>
}): boolean {
  const { exchange, properties, headers } = message
  return (
    exchange !== 'celeryev' &&
    properties['content_type'] === 'application/json' &&
    !('compression' in headers)
  )
}

/** The queues that the messages of an entry went to. */
export function queuesOf(entry: GoldenEntry): string[] {
  return [...new Set(entry.messages.map((message) => message.routingKey))]
}

/**
 * Asserts that what was sent is what Celery sends.
 * @param options `worker`: captured from a real worker, whose clock went on and which is a client of its own.
 */
export function assertGolden(
  actual: readonly Message[],
  expected: readonly Message[],
  { worker = false }: { readonly worker?: boolean } = {},
): void {
  assert.equal(actual.length, expected.length, `${actual.length} messages instead of ${expected.length}`)
  const ids = new Map<string, string>()
  const taken = new Set<string>()
  const sorted = inOrder(actual)
  inOrder(expected).forEach((wanted, index) => {
    const message = sorted[index]
    assert.ok(message !== undefined)
    assertAlike(comparable(message), comparable(wanted), `message ${index}`, { ids, taken, worker })
  })
}

/** Calls of a group are published side by side, so their order says nothing. */
function inOrder(messages: readonly Message[]): Message[] {
  const key = ({ headers }: Message): string => JSON.stringify([headers['task'], headers['argsrepr']])
  return messages.toSorted((a, b) => key(a).localeCompare(key(b)))
}

function comparable(message: Message): unknown {
  const { lang: _lang, origin: _origin, ...own } = message.headers
  const headers: Record<string, unknown> = own
  const { task, kwargsrepr } = headers
  if (typeof task === 'string' && /^celery\.(star)?map$/.test(task)) {
    // Python shows the arguments of a signature as the tuples that they are there, and sends lists.
    headers['kwargsrepr'] = String(kwargsrepr).replaceAll('(', '[').replaceAll(')', ']')
  }
  const properties = Object.fromEntries(
    Object.entries(message.properties).filter(([, value]) => value !== null && value !== undefined),
  )
  return { ...message, properties, headers }
}

interface Exchange {
  /** Expected → actual. */
  readonly ids: Map<string, string>
  readonly taken: Set<string>
  readonly worker: boolean
}

/** `argsrepr` holds ids, and lists that came by JSON; the arguments themselves are compared. */
const VOLATILE: ReadonlySet<string> = new Set(['expiration', 'reply_to', 'argsrepr'])
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TIME = /^\d{4}-\d\d-\d\dT/

function assertAlike(actual: unknown, expected: unknown, where: string, exchange: Exchange): void {
  if (typeof expected === 'string' && typeof actual === 'string') {
    if (UUID.test(expected) && UUID.test(actual)) {
      assertSameId(actual, expected, where, exchange)
      return
    }
    if (TIME.test(expected) && TIME.test(actual)) {
      if (!exchange.worker) assert.equal(Date.parse(actual), Date.parse(expected), where)
      return
    }
  }
  if (Array.isArray(expected) && Array.isArray(actual)) {
    // Python keeps names of stamps in a set, whose order says nothing.
    if (where.endsWith('.stamped_headers')) {
      assert.deepEqual(actual.toSorted(), expected.toSorted(), where)
      return
    }
    assert.equal(actual.length, expected.length, `${where}: ${JSON.stringify(actual)}`)
    expected.forEach((item, index) => {
      assertAlike(actual[index], item, `${where}[${index}]`, exchange)
    })
    return
  }
  if (isRecord(expected) && isRecord(actual)) {
    if (expected['subtask_type'] === 'chord' && isRecord(expected['kwargs'])) {
      dropBody(expected['kwargs']['header'])
    }
    assert.deepEqual(keysOf(actual).sort(), keysOf(expected).sort(), where)
    for (const key of keysOf(expected)) {
      if (exchange.worker && VOLATILE.has(key)) continue
      // Milliseconds: Python counts them from a moment a little later.
      if (key === 'expiration') assert.ok(Math.abs(Number(actual[key]) - Number(expected[key])) <= 1, where)
      else assertAlike(actual[key], expected[key], `${where}.${key}`, exchange)
    }
    return
  }
  assert.deepEqual(actual, expected, where)
}

/** Members of a chord that is not sent yet don't carry its body here: it is in the chord, and they get it when sent. */
function dropBody(header: unknown): void {
  if (!isRecord(header) || !isRecord(header['kwargs']) || !Array.isArray(header['kwargs']['tasks'])) return
  for (const { options } of [header, ...header['kwargs']['tasks']]) delete options.chord
}

/** Options of a signature may name something as "none" or not name it: it is the same. */
function keysOf(record: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(record).filter(
    (key) => record[key] !== null || !['root_id', 'parent_id', 'priority'].includes(key) || 'task' in record,
  )
}

function assertSameId(actual: string, expected: string, where: string, { ids, taken }: Exchange): void {
  const known = ids.get(expected)
  if (known === undefined) {
    assert.ok(!taken.has(actual), `${where}: ${actual} stands for two ids`)
    ids.set(expected, actual)
    taken.add(actual)
  }
  assert.equal(actual, ids.get(expected), where)
}
