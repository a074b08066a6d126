import { redisTransport } from '../../src/messaging/transports/redis/transport.ts'
import { exerciseTransport } from '../../src/testing/conformance/transport.ts'
import { findProgram } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'

if (findProgram('redis-server') || process.env['CI']) {
  const server = await startRedis(undefined, { appendonly: true })
  const setups: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    redis: {},
    'redis with global_keyprefix and ten priorities': {
      global_keyprefix: 'pre:',
      priority_steps: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      sep: ':',
    },
  }
  for (const [name, transportOptions] of Object.entries(setups)) {
    exerciseTransport({
      name,
      features: redisTransport.features,
      knowsQueues: false,
      connect: () =>
        redisTransport.connect({
          url: `${server.url}/1`,
          transportOptions,
          connectTimeout: undefined,
          heartbeat: 0,
          ssl: false,
          clientName: 'conformance',
        }),
      restart: () => server.restart(),
    })
  }
}
