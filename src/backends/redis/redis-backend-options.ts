/** Settings and `resultBackendTransportOptions` of the Redis backend: Celery's names in, resolved values out. */
import { ImproperlyConfigured } from '../../errors.ts'
import type { IntervalPolicy } from '../../util/backoff.ts'
import { OptionReader } from '../../util/option-reader.ts'
import type { RedisTarget } from '../../util/redis/redis-target.ts'
import { REDIS_CONNECTION_OPTIONS, redisTarget } from '../../util/redis/redis-target.ts'
import type { BackendOptions } from '../backend.ts'

/** An error that counts as a lost connection: its class, its name, or what a reply begins with. */
export type ConnectionErrorMark = string | (abstract new (...args: never[]) => Error)

/** Options, resolved. Times are in milliseconds. */
export interface RedisBackendOptions {
  readonly target: RedisTarget
  /** Shown by `CLIENT LIST`. */
  readonly clientName: string | undefined
  /** Before every key, with its separator. */
  readonly keyPrefix: string
  /** How often is tried again what a lost connection has made fail. */
  readonly retryPolicy: IntervalPolicy
  /** No retry begins later than this after the first try; undefined: no limit. */
  readonly retryTimeout: number | undefined
  readonly connectionErrors: readonly ConnectionErrorMark[]
  /** Whether parts of chords are kept in the order of their header. */
  readonly orderedChords: boolean
  /** An idle connection is tested so often; undefined: never. */
  readonly healthCheckInterval: number | undefined
}

const WHERE = 'resultBackendTransportOptions'

const KNOWN = new Set([
  ...REDIS_CONNECTION_OPTIONS,
  ...['global_keyprefix', 'retry_policy', 'result_chord_ordered', 'additional_connection_errors'],
  // Of no use here, but often the same object as the broker's options.
  ...['visibility_timeout', 'polling_interval', 'priority_steps', 'sep', 'queue_order_strategy'],
  ...['fanout_prefix', 'fanout_patterns', 'max_retries', 'interval_start', 'interval_step', 'interval_max'],
  ...['unacked_restore_limit', 'unacked_restore_interval', 'unacked_restore_throttle'],
])

/** redis-py's options, by the setting that holds them. */
const SETTINGS: Readonly<Record<string, string>> = {
  redis_socket_timeout: 'socket_timeout',
  redis_socket_connect_timeout: 'socket_connect_timeout',
  redis_retry_on_timeout: 'retry_on_timeout',
  redis_socket_keepalive: 'socket_keepalive',
  redis_max_connections: 'max_connections',
  redis_client_name: 'client_name',
  redis_backend_health_check_interval: 'health_check_interval',
  redis_backend_credential_provider: 'credential_provider',
}

/** Celery's default of `redis_socket_timeout`, in seconds. */
const SOCKET_TIMEOUT = 120

/** @throws ImproperlyConfigured for unknown options and unusable values. */
export function redisBackendOptions(options: BackendOptions): RedisBackendOptions {
  const { url, transportOptions, settings } = options
  const reader = new OptionReader(transportOptions, WHERE)
  reader.refuseUnknown(KNOWN)
  const redis = new OptionReader(settings, 'settings')
  const connection: Record<string, unknown> = { socket_timeout: SOCKET_TIMEOUT }
  for (const [setting, option] of Object.entries(SETTINGS)) {
    if (redis.has(setting)) connection[option] = redis.value(setting)
  }
  for (const option of REDIS_CONNECTION_OPTIONS) {
    if (reader.has(option)) connection[option] = reader.value(option)
  }
  const merged = new OptionReader(connection, WHERE)
  return {
    target: redisTarget({
      url,
      options: connection,
      where: WHERE,
      ssl: tlsOf(url, redis.value('redis_backend_use_ssl')),
      defaults: {
        host: redis.text('redis_host'),
        port: redis.integer('redis_port'),
        database: redis.integer('redis_db'),
        username: redis.text('redis_username'),
        password: redis.text('redis_password'),
      },
    }),
    clientName: merged.text('client_name'),
    keyPrefix: keyPrefix(reader.text('global_keyprefix') ?? ''),
    ...retryPolicy(reader),
    connectionErrors: connectionErrors(reader.value('additional_connection_errors')),
    orderedChords: reader.flag('result_chord_ordered') ?? true,
    healthCheckInterval: merged.milliseconds('health_check_interval') || undefined,
  }
}

/** The prefix and the rest of a key are parted by `_`, unless it ends with something like that. */
function keyPrefix(prefix: string): string {
  return prefix === '' || /[:_.-]$/.test(prefix) ? prefix : `${prefix}_`
}

function tlsOf(url: string, value: unknown): boolean | Readonly<Record<string, unknown>> {
  if (value === undefined || value === false) return false
  if (/^redis:\/\//i.test(url)) {
    throw new ImproperlyConfigured(
      'redisBackendUseSsl is set, but resultBackend begins with redis://: write rediss:// for Redis with TLS',
    )
  }
  if (value === true) return true
  const settings = new OptionReader({ redis_backend_use_ssl: value }, 'settings')
  return settings.record('redis_backend_use_ssl') ?? false
}

/** Celery's policy, in seconds, with its defaults. */
function retryPolicy(reader: OptionReader): Pick<RedisBackendOptions, 'retryPolicy' | 'retryTimeout'> {
  const policy = new OptionReader(reader.record('retry_policy') ?? {}, `${WHERE}: retry_policy`)
  policy.refuseUnknown(new Set(['max_retries', 'interval_start', 'interval_step', 'interval_max', 'timeout']))
  const maxRetries = policy.integer('max_retries')
  return {
    retryPolicy: {
      start: policy.milliseconds('interval_start') ?? 0,
      step: policy.milliseconds('interval_step') ?? 1000,
      max: policy.milliseconds('interval_max') ?? 1000,
      // 0 is kombu's word for "for ever", as is None.
      maxRetries: policy.has('max_retries') ? maxRetries || undefined : 20,
    },
    retryTimeout: policy.milliseconds('timeout') || undefined,
  }
}

function connectionErrors(value: unknown): readonly ConnectionErrorMark[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.every(isMark)) return value
  throw new ImproperlyConfigured(
    `${WHERE}: additional_connection_errors must be a list of error classes or names`,
  )
}

function isMark(value: unknown): value is ConnectionErrorMark {
  return typeof value === 'string' || typeof value === 'function'
}
