import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ChannelError, ConnectionError } from '../../../src/errors.ts'
import type { Transport, TransportOptions } from '../../../src/messaging/transport.ts'
import { createMemoryTransport } from '../../../src/messaging/transports/memory.ts'
import { StreamLogger } from '../../../src/util/logger.ts'
import { setUpDelayedDelivery } from '../../../src/worker/delayed-delivery.ts'

function broker(url: string): TransportOptions {
  return {
    url,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'test',
  }
}

/** Sets up `brokers`, of which those called `away…` cannot be reached. */
async function setUp(
  brokers: readonly string[],
  declare: () => Promise<void>,
  direct: readonly string[] = [],
): Promise<string[]> {
  const log: string[] = []
  const logger = new StreamLogger('', {
    format: ({ level, message }) => `${level} ${message}`,
    write: (line) => log.push(line.trimEnd()),
  })
  const memory = createMemoryTransport()
  const away: Transport = {
    ...memory,
    connect: () => Promise.reject(new ConnectionError('nobody there')),
  }
  await setUpDelayedDelivery(
    { brokers: brokers.map(broker), levels: { declare }, queues: [{ declare: async () => {}, direct }] },
    {
      resolve: async (url) => (url.startsWith('away') ? away : memory),
      logger,
      signal: new AbortController().signal,
      retry: { start: 0, step: 0, max: 0, maxRetries: 3 },
    },
  )
  return log
}

suite('delayed delivery, when a worker starts', () => {
  test('is declared on each broker [5-137]', async () => {
    let declared = 0
    const log = await setUp(['memory://one', 'memory://two'], async () => {
      declared += 1
    })
    assert.equal(declared, 2)
    assert.deepEqual(log, [])
  })

  test('is tried three times more where the broker cannot be reached; others are set up all the same [5-137]', async () => {
    let declared = 0
    const log = await setUp(['away://one', 'memory://two'], async () => {
      declared += 1
    })
    assert.equal(declared, 1)
    assert.deepEqual(log, [
      ...[1, 2, 3].map(
        (attempt) =>
          `WARNING Retrying delayed delivery setup (attempt ${attempt}/3) after error: nobody there. Sleeping 0.00 seconds.`,
      ),
      "WARNING Failed to setup delayed delivery for 'away://one': nobody there",
    ])
  })

  test('is given up where the broker refuses, and the worker runs on [5-137]', async () => {
    const log = await setUp(['memory://one'], () => Promise.reject(new ChannelError('inequivalent arg')))
    assert.deepEqual(log, [
      "WARNING Failed to setup delayed delivery for 'memory://one': inequivalent arg",
      'CRITICAL Failed to setup delayed delivery for all broker URLs. Native delayed delivery will not be available.',
    ])
  })

  test('tells of direct exchanges [5-136]', async () => {
    const [line = ''] = await setUp(['memory://one'], async () => {}, ['straight'])
    assert.match(line, /^WARNING Exchange straight is a direct exchange/)
  })
})
