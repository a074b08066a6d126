import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channelFailure } from '../../../../../src/messaging/transports/amqp/broker-error.ts'

/** As amqplib puts it. */
function reply(code: number, name: string, text: string): Error {
  const message = `Operation failed: QueueDeclare; ${code} (${name}) with message "${text}"`
  return Object.assign(new Error(message), { code })
}

// Workers must outlive the restart of a node on which their queue lives.
test('a queue that cannot be reached at the moment is tried again', () => {
  const queue = "queue 'celery' in vhost '/'"
  for (const text of [
    `home node 'rabbit@b' of durable ${queue} is down or inaccessible`,
    `failed to perform operation on ${queue} due to timeout`,
    `${queue} process is stopped by supervisor`,
    `${queue} has crashed and failed to restart`,
    `failed to perform operation on ${queue}: its master replica rabbit@b may be stopping or being demoted`,
  ]) {
    const failure = channelFailure(reply(404, 'NOT-FOUND', `NOT_FOUND - ${text}`), 'Declaring')
    assert.equal(failure.recoverable, true, text)
    assert.equal(
      failure.message,
      `Declaring failed: NOT_FOUND - ${text}. Its node is restarting, perhaps: it is tried again.`,
    )
  }
  const missing = channelFailure(reply(404, 'NOT-FOUND', `NOT_FOUND - no ${queue}`), 'Looking')
  assert.equal(missing.recoverable, false)
  assert.match(missing.message, /Declare it first/)
})
