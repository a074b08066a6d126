import type { RedisConnection } from './redis-connection.ts'
import { connectTo, credentialsOf } from './redis-connection.ts'
import { findMaster } from './redis-sentinel.ts'
import type { RedisTarget } from './redis-target.ts'

/**
 * Opens a connection: to the server, or to the master that the sentinels name now.
 * Rejects with `ConnectionError`, or with `ImproperlyConfigured` when ioredis is not installed.
 */
export async function openRedis(target: RedisTarget): Promise<RedisConnection> {
  const { address } = target
  const { username, password } = await credentialsOf(target)
  return connectTo({
    ...target,
    username,
    password,
    address: 'sentinels' in address ? await findMaster(address, target) : address,
  })
}
