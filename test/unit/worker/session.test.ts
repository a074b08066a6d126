import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ChannelError, PublishError } from '../../../src/errors.ts'
import type { DeliveryTag } from '../../../src/messaging/message.ts'
import { StreamLogger } from '../../../src/util/logger.ts'
import { Session } from '../../../src/worker/session.ts'
import { RecordingChannel } from '../messaging/recording-channel.ts'
import { memoryConnection } from './memory-connection.ts'

/** A session whose broker refuses acknowledgements while there is a reason to. */
async function setUp(t: TestContext) {
  const lines: string[] = []
  const asked: (readonly DeliveryTag[])[] = []
  const refusal: { reason: Error | undefined } = { reason: undefined }
  const channel = new RecordingChannel()
  const ack = async (tags: readonly DeliveryTag[]): Promise<void> => {
    asked.push(tags)
    if (refusal.reason !== undefined) throw refusal.reason
  }
  Object.assign(channel, { ack })
  const logger = new StreamLogger('test', { level: 'WARNING', write: (line) => void lines.push(line) })
  const session = new Session(await memoryConnection(t), channel, logger)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const pass = async (milliseconds: number): Promise<void> => {
    t.mock.timers.tick(milliseconds)
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  return { session, asked, refusal, lines, pass }
}

test('what a broker refuses for now it is told again until it takes it, all together', async (t) => {
  const { session, asked, refusal, lines, pass } = await setUp(t)
  refusal.reason = new PublishError('NOREPLICAS')
  session.settle(1, 'ack')
  await pass(0)
  session.settle(2, 'ack')
  await pass(999)
  assert.deepEqual(asked, [[1], [2]])
  await pass(1)
  assert.deepEqual(asked.splice(0), [[1], [2], [1, 2]])
  await pass(1999)
  assert.deepEqual(asked, [])
  refusal.reason = undefined
  await pass(1)
  await pass(60_000)
  assert.deepEqual(asked, [[1, 2]])
  assert.equal(lines.length, 3)
})

test('what it has refused it is told once more when the worker leaves, and not when the connection is lost', async (t) => {
  const { session, asked, refusal, pass } = await setUp(t)
  refusal.reason = new PublishError('NOREPLICAS')
  session.settle(1, 'ack')
  await pass(0)
  await session.drain()
  assert.deepEqual(asked, [[1], [1]])
  session.lost = true
  await pass(60_000)
  assert.deepEqual(asked, [[1], [1]])
})

test('what would be refused for ever is told once', async (t) => {
  const { session, asked, refusal, pass } = await setUp(t)
  refusal.reason = new ChannelError('Unknown delivery tag 1', { recoverable: false })
  session.settle(1, 'ack')
  await pass(0)
  await pass(60_000)
  assert.deepEqual(asked, [[1]])
})
