import { test } from 'node:test'
import type { TransportConnection } from '../../src/messaging/transport.ts'
import { amqpTransport } from '../../src/messaging/transports/amqp/transport.ts'
import { exerciseTransport } from '../../src/testing/conformance/transport.ts'
import { needs } from '../support/require-server.ts'
import { startRabbitmq } from '../support/servers/rabbitmq.ts'

const { skip } = needs('rabbitmq-server')
if (skip) {
  test('transport amqp', { skip }, () => undefined)
} else {
  const server = await startRabbitmq()
  exerciseTransport({
    name: 'amqp',
    features: amqpTransport.features,
    connect: () => connect(server.url),
    restart: () => server.restart(),
  })
}

function connect(url: string): Promise<TransportConnection> {
  return amqpTransport.connect({
    url,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'conformance',
  })
}
