import { createRedisBackend } from '../../src/backends/redis/backend.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import { backendOptions } from '../../src/testing/conformance/backend-session.ts'
import { findProgram } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'

if (findProgram('redis-server') || process.env['CI']) {
  const server = await startRedis()
  const setups: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    redis: {},
    'redis with global_keyprefix': { global_keyprefix: 'pre' },
  }
  for (const [name, transportOptions] of Object.entries(setups)) {
    exerciseBackend({
      name,
      features: { persistent: true, autoExpire: true, nativeJoin: true, groups: true },
      create: (_t, overrides) =>
        createRedisBackend(backendOptions(`${server.url}/1`, { transportOptions, ...overrides })),
    })
  }
}
