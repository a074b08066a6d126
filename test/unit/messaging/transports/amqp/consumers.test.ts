import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prefetchScope } from '../../../../../src/messaging/transports/amqp/consumers.ts'

test('what a prefetch limit counts for depends on the broker [7-047]', () => {
  const scopes = ['2.8.7', '3.2.4', '3.3.0', '3.10.8', '3.13.7', '4.0.5', '4.1.0-rc.1'].map((version) =>
    prefetchScope({ product: 'RabbitMQ', version }),
  )
  assert.deepEqual(scopes, ['channel', 'channel', 'global', 'global', 'global', 'consumer', 'consumer'])
  assert.equal(prefetchScope({ product: 'Other', version: '9.9' }), 'channel')
})
