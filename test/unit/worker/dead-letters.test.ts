import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery } from '../../../src/messaging/message.ts'
import type { TransportConnection } from '../../../src/messaging/transport.ts'
import { silentLogger } from '../../../src/util/logger.ts'
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
  assert.equal(await letters.bury(delivery, session, 'too-often', 'enough'), 'ack')
  const headers = channels.flatMap(({ published }) => published.map(({ message }) => message.headers))
  assert.deepEqual(
    headers.map((each) => Object.keys(each)),
    [
      ['id', 'celeriac_losses'],
      ['id', 'celeriac_death'],
    ],
  )
})
