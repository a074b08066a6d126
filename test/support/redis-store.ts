import type { Inheritance } from '../../src/messaging/transports/redis/inheritance.ts'
import { redisOptions } from '../../src/messaging/transports/redis/redis-options.ts'
import type { RedisStore } from '../../src/messaging/transports/redis/redis-store.ts'
import { openRedisStore } from '../../src/messaging/transports/redis/redis-store.ts'
import type { StoredMessage, Taken } from '../../src/messaging/virtual/queue-store.ts'
import type { Clock } from '../../src/util/clock.ts'
import { systemClock } from '../../src/util/clock.ts'
import { openRedis } from '../../src/util/redis/open-redis.ts'
import type { RedisConnection } from '../../src/util/redis/redis-connection.ts'
import { redisTarget } from '../../src/util/redis/redis-target.ts'
import type { CleanupContext } from './cleanup.ts'
import { onCleanup } from './cleanup.ts'

export interface TestStore {
  readonly store: RedisStore
  /** What the store had to say. */
  readonly warnings: string[]
}

export interface TestStoreOptions {
  /** `brokerTransportOptions`. */
  readonly options?: Readonly<Record<string, unknown>>
  readonly ssl?: boolean | Readonly<Record<string, unknown>>
  readonly clientName?: string
  readonly inheritance?: Inheritance
  readonly clock?: Clock
}

/** Opens a store on a real Redis, which is closed with the test. */
export async function openTestStore(
  t: CleanupContext,
  url: string,
  { options = {}, ssl = false, clientName = 'test', inheritance, clock = systemClock }: TestStoreOptions = {},
): Promise<TestStore> {
  const warnings: string[] = []
  const resolved = redisOptions({
    url,
    transportOptions: options,
    connectTimeout: undefined,
    heartbeat: 0,
    ssl,
    clientName,
  })
  const warn = (text: string): void => void warnings.push(text)
  const store = await openRedisStore(resolved, { warn, clock, inheritance })
  // A test that breaks the connection has nothing left to close.
  const close = (): Promise<void> => store.close().catch(() => undefined)
  onCleanup(t, close, () => undefined)
  return { store, warnings }
}

/** A connection to look at the keys with. */
export async function openTestConnection(t: CleanupContext, url: string): Promise<RedisConnection> {
  const connection = await openRedis(redisTarget({ url, options: {}, where: 'test', ssl: false }))
  onCleanup(
    t,
    () => connection.close(),
    () => undefined,
  )
  return connection
}

/** A message with a short text as its body. */
export function textMessage(text: string, changes: Partial<StoredMessage> = {}): StoredMessage {
  return {
    body: Buffer.from(text),
    properties: { contentType: 'text/plain', contentEncoding: 'utf-8' },
    headers: {},
    exchange: '',
    routingKey: 'q',
    redelivered: false,
    ...changes,
  }
}

export function textOf(taken: Taken): string {
  return Buffer.from(taken.message.body).toString()
}

const NEVER = new AbortController().signal

/** Takes what is there without waiting. */
export function takeNow(store: RedisStore, queues: readonly string[], max = 100): Promise<readonly Taken[]> {
  return store.take(queues, { max, signal: NEVER, wait: false })
}

/** Waits for messages. */
export function takeNext(store: RedisStore, queues: readonly string[], max = 100): Promise<readonly Taken[]> {
  return store.take(queues, { max, signal: NEVER, wait: true })
}
