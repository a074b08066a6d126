import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transport } from '../../../src/messaging/transport.ts'
import { resolveTransport } from '../../../src/messaging/transports/resolve-transport.ts'
import { StreamLogger } from '../../../src/util/logger.ts'
import { Consumer } from '../../../src/worker/consumer.ts'
import { eventually } from '../../support/eventually.ts'

test('a broker that closes every connection at once is not flooded with them [7-016]', async () => {
  const memory = await resolveTransport('memory://')
  let connections = 0
  const transport: Transport = {
    name: memory.name,
    features: memory.features,
    connect: async (options) => {
      connections += 1
      const connection = await memory.connect(options)
      setImmediate(() => void connection.close())
      return connection
    },
  }
  const lines: string[] = []
  const logger = new StreamLogger('t', {
    write: (text) => lines.push(text.trimEnd()),
    format: ({ level, message }) => `${level} ${message}`,
  })
  const url = 'memory://frequent-restarts'
  const consumer = new Consumer({
    candidates: [
      { url, transportOptions: {}, connectTimeout: undefined, heartbeat: 0, ssl: false, clientName: 'test' },
    ],
    resolve: () => Promise.resolve(transport),
    queues: [],
    prefetch: () => 1,
    deliver: () => undefined,
    opened: () => undefined,
    lost: () => undefined,
    retry: { enabled: true, onStartup: true, policy: { start: 0, step: 0, max: 0, maxRetries: undefined } },
    patience: 10_000,
    logger,
  })
  await consumer.start()
  await eventually(() => lines.some((line) => line.startsWith('CRITICAL Frequent restarts detected')))
  assert.ok(connections >= 6, `${connections} connections`)
  // It stops during the pause, too.
  await consumer.close()
  assert.equal(consumer.session, undefined)
})
