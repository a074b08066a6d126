import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MigrationOptions, MigrationState } from '../../../src/cli/migrate/migration.ts'
import { Migration } from '../../../src/cli/migrate/migration.ts'
import { BrokerConnection } from '../../../src/messaging/connection.ts'
import { Queue } from '../../../src/messaging/entity.ts'
import type { Delivery, DeliveryTag } from '../../../src/messaging/message.ts'
import type { Channel, ConsumerHandle, TransportFeatures } from '../../../src/messaging/transport.ts'
import { eventually } from '../../support/eventually.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { RecordingChannel } from '../messaging/recording-channel.ts'

/** Delivers what the test says, and notes what is acknowledged. */
class SourceChannel extends RecordingChannel {
  readonly acked: DeliveryTag[] = []
  deliver: ((delivery: Delivery) => void) | undefined

  override async consume(_queue: unknown, deliver?: (delivery: Delivery) => void): Promise<ConsumerHandle> {
    this.deliver = deliver
    return { cancel: async () => undefined }
  }

  override async ack(tags: readonly DeliveryTag[] = []): Promise<void> {
    this.acked.push(...tags)
  }
}

const FEATURES: TransportFeatures = {
  exchangeTypes: new Set(['direct']),
  priorities: { levels: 0, lowFirst: false },
  persistent: true,
  redeliversOnDisconnect: true,
  mandatory: true,
  shared: true,
  messageTtl: false,
}

function brokerOf(channel: Channel): BrokerConnection {
  const connection = {
    features: FEATURES,
    openChannel: async () => channel,
    closed: new Promise<undefined>(() => undefined),
    close: async () => undefined,
  }
  return new BrokerConnection({
    candidates: [
      { url: 'x://', transportOptions: {}, connectTimeout: 1, heartbeat: 0, ssl: false, clientName: 'x' },
    ],
    resolve: async () => ({ name: 'x', features: FEATURES, connect: async () => connection }),
  })
}

function delivery(tag: number, task = 'tasks.add'): Delivery {
  return {
    ...{ tag, queue: 'celery', exchange: 'celery', routingKey: 'celery', redelivered: false },
    properties: { priority: 3 },
    headers: { task, id: `id-${tag}` },
    body: new Uint8Array([tag]),
  }
}

interface Running {
  readonly source: SourceChannel
  readonly target: RecordingChannel
  readonly clock: VirtualClock
  readonly stop: AbortController
  readonly done: Promise<MigrationState>
}

async function start(options: Partial<MigrationOptions> = {}): Promise<Running> {
  const [source, target, clock] = [new SourceChannel(), new RecordingChannel(), new VirtualClock()]
  const stop = new AbortController()
  const migration = new Migration({
    source: brokerOf(source),
    destination: brokerOf(target),
    queues: [{ from: 'celery', to: new Queue('new') }],
    ...{ limit: undefined, timeout: 1000, ack: true, tasks: new Set<string>(), clock },
    signal: stop.signal,
    moved: () => undefined,
    ...options,
  })
  const done = migration.run()
  await eventually(() => source.deliver !== undefined)
  return { source, target, clock, stop, done }
}

test('a message is acknowledged once the destination has confirmed it, and not before [6-037]', async () => {
  const { source, target, clock, done } = await start()
  source.deliver?.(delivery(1))
  source.deliver?.(delivery(2))
  assert.deepEqual(
    target.published.map((each) => each.target),
    Array(2).fill({ exchange: '', routingKey: 'new', mandatory: true }),
  )
  assert.deepEqual(target.published[0]?.message.properties, { deliveryMode: 2, priority: 3 })
  assert.deepEqual(source.acked, [])
  target.published[1]?.confirmed.resolve()
  await eventually(() => assert.deepEqual(source.acked, [2]))
  // Time alone doesn't end it while one is under way.
  await clock.advance(5000)
  target.published[0]?.confirmed.resolve()
  await eventually(() => assert.deepEqual(source.acked, [2, 1]))
  await clock.advance(2000)
  assert.equal((await done).count, 2)
})

test('what the destination refuses ends the migration, and stays at the source [6-037]', async () => {
  const { source, target, done } = await start()
  source.deliver?.(delivery(1))
  target.published[0]?.confirmed.reject(new Error('full'))
  await assert.rejects(done, /full/)
  assert.deepEqual(source.acked, [])
})

test('a migration that is stopped finishes what it began, and begins nothing new [6-037]', async () => {
  const { source, target, stop, done } = await start({ timeout: undefined })
  source.deliver?.(delivery(1))
  stop.abort()
  await new Promise(setImmediate)
  source.deliver?.(delivery(2))
  assert.equal(target.published.length, 1)
  target.published[0]?.confirmed.resolve()
  assert.equal((await done).count, 1)
  assert.deepEqual(source.acked, [1])
})

test('a limit, some tasks only, and copies that are not acknowledged [6-037]', async () => {
  const tasks = new Set(['tasks.mul'])
  const { source, target, done } = await start({ limit: 2, tasks, ack: false })
  for (const [index, name] of ['tasks.mul', 'tasks.add', 'tasks.mul', 'tasks.mul'].entries()) {
    source.deliver?.(delivery(index, name))
  }
  assert.deepEqual(
    target.published.map(({ message }) => message.headers['id']),
    ['id-0', 'id-2'],
  )
  for (const { confirmed } of target.published) confirmed.resolve()
  assert.equal((await done).count, 2)
  assert.deepEqual(source.acked, [])
})
