/** `brokerTransportOptions` of Redis: Celery's names in, resolved values out. */
import { ImproperlyConfigured } from '../../../errors.ts'
import { OptionReader } from '../../../util/option-reader.ts'
import type { RedisTarget } from '../../../util/redis/redis-target.ts'
import { REDIS_CONNECTION_OPTIONS, redisTarget } from '../../../util/redis/redis-target.ts'
import { CONNECT_RETRY_OPTIONS } from '../../connect-retry.ts'
import type { TransportOptions } from '../../transport.ts'
import type { BodyEncoding } from '../../virtual/envelope.ts'

/** In which order queues are served; kombu's names. */
export type QueueOrderStrategy = 'round_robin' | 'priority' | 'sorted'

/** Options, resolved. Times are in milliseconds. */
export interface RedisOptions {
  readonly target: RedisTarget
  /** Shown by `CLIENT LIST`. */
  readonly clientName: string
  /** Before every key and channel. */
  readonly globalKeyPrefix: string
  /** Between a queue and its priority, and between the parts of a binding. */
  readonly separator: string
  /** Lowest priority of each list of a queue. */
  readonly prioritySteps: readonly number[]
  readonly queueOrder: QueueOrderStrategy
  readonly bodyEncoding: BodyEncoding
  /** Whether taken messages are recorded until they are settled. */
  readonly ackEmulation: boolean
  readonly unackedKey: string
  readonly unackedIndexKey: string
  readonly unackedMutexKey: string
  readonly unackedMutexExpire: number
  /** After so long without renewal a taken message is given to somebody else. */
  readonly visibilityTimeout: number
  /** How often is looked for such messages. */
  readonly restoreInterval: number
  /** How many are restored at a time; undefined: all. */
  readonly restoreLimit: number | undefined
  /** Before the name of an exchange on a channel. */
  readonly fanoutPrefix: string
  /** Whether routing keys are part of channels. */
  readonly fanoutPatterns: boolean
  /** How often is looked for messages where the server cannot tell of them, and to be sure where it can. */
  readonly pollingInterval: number
  /** An idle connection is tested so often; undefined: never. */
  readonly healthCheckInterval: number | undefined
  /** At most so many connections; more would be used to wait for many queues on servers without client tracking. */
  readonly maxConnections: number
}

const QUEUE_ORDERS: readonly string[] = ['round_robin', 'priority', 'sorted'] satisfies QueueOrderStrategy[]

/** kombu's defaults, but for one. Durations in milliseconds. */
const DEFAULTS = {
  separator: '\x06\x16',
  prioritySteps: [0, 3, 6, 9],
  unackedMutexExpire: 300_000,
  visibilityTimeout: 3_600_000,
  restoreInterval: 10_000,
  // kombu's is 10, so that a message waits up to 100 seconds after its time. A look costs next to nothing.
  restoreThrottle: 1,
  pollingInterval: 1000,
  healthCheckInterval: 25_000,
  maxConnections: 10,
} as const

const KNOWN = new Set([
  ...REDIS_CONNECTION_OPTIONS,
  ...['visibility_timeout', 'global_keyprefix', 'fanout_prefix', 'fanout_patterns', 'queue_order_strategy'],
  ...['priority_steps', 'sep', 'ack_emulation', 'unacked_key', 'unacked_index_key', 'unacked_mutex_key'],
  ...[
    'unacked_mutex_expire',
    'unacked_restore_limit',
    'unacked_restore_interval',
    'unacked_restore_throttle',
  ],
  ...['polling_interval', 'body_encoding'],
  // kombu 5.7 looks whether credentials have expired; here the provider is asked before each connection.
  'reauth_check_interval',
  // For the layers above: virtual transports, and the connection's retries.
  ...['deadletter_queue', 'retry_policy', 'connect_timeout', 'confirm_publish'],
  ...CONNECT_RETRY_OPTIONS,
])

/** @throws ImproperlyConfigured for unknown options and unusable values. */
export function redisOptions(options: TransportOptions): RedisOptions {
  const { url, transportOptions, ssl, connectTimeout, clientName } = options
  const where = 'brokerTransportOptions'
  const reader = new OptionReader(transportOptions, where)
  reader.refuseUnknown(KNOWN)
  const target = redisTarget({ url, options: transportOptions, where, ssl, connectTimeout })
  return {
    target,
    clientName: reader.text('client_name') ?? clientName,
    globalKeyPrefix: reader.text('global_keyprefix') ?? '',
    separator: reader.text('sep') || DEFAULTS.separator,
    prioritySteps: prioritySteps(reader, where),
    queueOrder: queueOrder(reader, where),
    bodyEncoding: bodyEncoding(transportOptions['body_encoding'], where),
    ackEmulation: reader.flag('ack_emulation') ?? true,
    unackedKey: reader.text('unacked_key') ?? 'unacked',
    unackedIndexKey: reader.text('unacked_index_key') ?? 'unacked_index',
    unackedMutexKey: reader.text('unacked_mutex_key') ?? 'unacked_mutex',
    unackedMutexExpire: reader.milliseconds('unacked_mutex_expire') || DEFAULTS.unackedMutexExpire,
    visibilityTimeout: reader.milliseconds('visibility_timeout') || DEFAULTS.visibilityTimeout,
    restoreInterval: restoreInterval(reader),
    restoreLimit: reader.integer('unacked_restore_limit') || undefined,
    fanoutPrefix: fanoutPrefix(reader, target.database),
    fanoutPatterns: reader.flag('fanout_patterns') ?? true,
    pollingInterval: reader.milliseconds('polling_interval') || DEFAULTS.pollingInterval,
    healthCheckInterval: healthCheckInterval(reader),
    maxConnections: reader.integer('max_connections', 1) ?? DEFAULTS.maxConnections,
  }
}

/** kombu looks every `unacked_restore_interval` whether it is time, and at every `unacked_restore_throttle`th it is. */
function restoreInterval(reader: OptionReader): number {
  const interval = reader.milliseconds('unacked_restore_interval') || DEFAULTS.restoreInterval
  return interval * (reader.integer('unacked_restore_throttle') ?? DEFAULTS.restoreThrottle) || interval
}

function healthCheckInterval(reader: OptionReader): number | undefined {
  const interval = reader.milliseconds('health_check_interval') ?? DEFAULTS.healthCheckInterval
  return interval === 0 ? undefined : interval
}

function fanoutPrefix(reader: OptionReader, database: number): string {
  const value = reader.value('fanout_prefix') ?? true
  if (value === false || value === '') return ''
  return value === true
    ? `/${database}.`
    : (reader.text('fanout_prefix') ?? '').replace('{db}', `${database}`)
}

function prioritySteps(reader: OptionReader, where: string): readonly number[] {
  const value = reader.value('priority_steps')
  if (value === undefined) return DEFAULTS.prioritySteps
  const steps = Array.isArray(value) ? value.map(Number) : []
  const ascending = steps.every(
    (step, index) => Number.isInteger(step) && step >= 0 && step > (steps[index - 1] ?? -1),
  )
  if (steps.length > 0 && ascending) return steps
  throw new ImproperlyConfigured(
    `${where}: priority_steps must be a list of whole numbers, each higher than the one before, such as [0, 3, 6, 9]`,
  )
}

function queueOrder(reader: OptionReader, where: string): QueueOrderStrategy {
  const value = reader.value('queue_order_strategy') ?? 'round_robin'
  if (isQueueOrder(value)) return value
  throw new ImproperlyConfigured(
    `${where}: queue_order_strategy must be one of ${QUEUE_ORDERS.join(', ')}, not ${JSON.stringify(value)}`,
  )
}

function isQueueOrder(value: unknown): value is QueueOrderStrategy {
  return typeof value === 'string' && QUEUE_ORDERS.includes(value)
}

/** kombu: None leaves bodies as they are. */
function bodyEncoding(value: unknown, where: string): BodyEncoding {
  if (value === undefined || value === 'base64') return 'base64'
  if (value === null || value === false || value === '' || value === 'utf-8') return 'text'
  throw new ImproperlyConfigured(
    `${where}: body_encoding must be base64, utf-8 or null, not ${JSON.stringify(value)}`,
  )
}
