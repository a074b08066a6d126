import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { PublishError } from '../../../src/errors.ts'
import type { Delivery, DeliveryTag } from '../../../src/messaging/message.ts'
import type { TransportConnection } from '../../../src/messaging/transport.ts'
import { StreamLogger, silentLogger } from '../../../src/util/logger.ts'
import { DeadLetters } from '../../../src/worker/dead-letters.ts'
import { Session } from '../../../src/worker/session.ts'
import { RecordingChannel } from '../messaging/recording-channel.ts'
import { memoryConnection } from './memory-connection.ts'

const delivery: Delivery = {
  tag: 1,
  queue: 'celery',
  exchange: '',
  routingKey: 'celery',
  redelivered: true,
  properties: { contentType: 'application/json' },
  // As virtual brokers mark what comes again.
  headers: { id: 'one', redelivered: true },
  body: new Uint8Array(),
}

test('copies of a message are new ones, though it came again itself', async (t) => {
  const channels: RecordingChannel[] = []
  const openChannel = (): Promise<RecordingChannel> => {
    const channel = new RecordingChannel()
    channel.answer = ({ confirmed }) => confirmed.resolve()
    channels.push(channel)
    return Promise.resolve(channel)
  }
  const memory = await memoryConnection(t)
  const connection: TransportConnection = {
    features: memory.features,
    closed: memory.closed,
    openChannel,
    close: () => Promise.resolve(),
  }
  const session = new Session(connection, await openChannel(), silentLogger)
  const letters = new DeadLetters({ queue: 'dead', hostname: 'w1@h', logger: silentLogger })
  assert.equal(await letters.sendBack(delivery, session, 1), true)
  assert.equal(await letters.bury(delivery, session, { reason: 'too-often', detail: 'enough' }), 'ack')
  const headers = channels.flatMap(({ published }) => published.map(({ message }) => message.headers))
  assert.deepEqual(
    headers.map((each) => Object.keys(each)),
    [
      ['id', 'celeriac_losses'],
      ['id', 'celeriac_death'],
    ],
  )
})

/** Letters for a broker that refuses them as long as it is told to, on two sessions, the second of which is the latest. */
async function fullQueue(t: TestContext) {
  const lines: string[] = []
  const logger = new StreamLogger('test', {
    level: 'ERROR',
    format: ({ level, message }) => `${level} ${message}`,
    write: (line) => void lines.push(line.trimEnd()),
  })
  const broker = { isFull: true, stored: 0 }
  const openChannel = (): Promise<RecordingChannel> => {
    const channel = new RecordingChannel()
    channel.answer = ({ confirmed }) => {
      if (broker.isFull) return confirmed.reject(new PublishError('the queue is full'))
      broker.stored += 1
      confirmed.resolve()
    }
    return Promise.resolve(channel)
  }
  const memory = await memoryConnection(t)
  const { features, closed } = memory
  const connection = { features, closed, openChannel, close: () => Promise.resolve() }
  const acknowledged: DeliveryTag[] = []
  const sessionOf = async (): Promise<Session> => {
    const channel = await openChannel()
    Object.assign(channel, { ack: async (tags: readonly DeliveryTag[]) => void acknowledged.push(...tags) })
    return new Session(connection, channel, silentLogger)
  }
  const [first, latest] = [await sessionOf(), await sessionOf()]
  const letters = new DeadLetters({ queue: 'dead', hostname: 'w1@h', session: () => latest, logger })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const pass = async (milliseconds: number): Promise<void> => {
    t.mock.timers.tick(milliseconds)
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  const bury = (options: { readonly acknowledged: boolean }) =>
    letters.bury(delivery, first, { reason: 'undecodable', detail: 'no JSON', ...options })
  return { letters, first, broker, acknowledged, lines, pass, bury }
}

test('a message for which the dead-letter queue has no place is moved there later, and settled then', async (t) => {
  const { broker, acknowledged, pass, bury } = await fullQueue(t)
  assert.equal(await bury({ acknowledged: false }), undefined)
  await pass(1000)
  assert.deepEqual([broker.stored, acknowledged], [0, []])
  broker.isFull = false
  await pass(2000)
  assert.deepEqual([broker.stored, acknowledged], [1, [1]])
  await pass(60_000)
  assert.equal(broker.stored, 1)
})

test('one that was acknowledged early is moved there on another connection, too', async (t) => {
  const { first, broker, acknowledged, pass, bury } = await fullQueue(t)
  assert.equal(await bury({ acknowledged: true }), undefined)
  first.lost = true
  broker.isFull = false
  await pass(1000)
  assert.deepEqual([broker.stored, acknowledged], [1, []])
})

test('one that comes again on the next connection is not', async (t) => {
  const { first, broker, pass, bury } = await fullQueue(t)
  assert.equal(await bury({ acknowledged: false }), undefined)
  first.lost = true
  broker.isFull = false
  await pass(60_000)
  assert.equal(broker.stored, 0)
})

test('who stops tries for the last time, and says what is lost', async (t) => {
  const { letters, broker, lines, bury } = await fullQueue(t)
  await bury({ acknowledged: true })
  broker.isFull = false
  await letters.close(1000)
  assert.equal(broker.stored, 1)
  broker.isFull = true
  await bury({ acknowledged: true })
  await bury({ acknowledged: false })
  lines.splice(0)
  await letters.close(1000)
  assert.deepEqual(lines, [
    'CRITICAL A message of celery that cannot be run was acknowledged and cannot be kept: it is lost',
  ])
})
