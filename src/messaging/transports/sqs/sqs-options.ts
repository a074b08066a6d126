/** `brokerTransportOptions` of SQS and its URL: kombu's names in, resolved values out. */
import { ImproperlyConfigured } from '../../../errors.ts'
import { isRecord, isStringArray } from '../../../util/is-record.ts'
import { OptionReader } from '../../../util/option-reader.ts'
import { didYouMean } from '../../../util/text.ts'
import { parseUrl } from '../../../util/url.ts'
import { CONNECT_RETRY_OPTIONS } from '../../connect-retry.ts'
import type { TransportOptions } from '../../transport.ts'

/** Keys of an AWS user. */
export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Where requests go and who makes them. Undefined: what the AWS SDK finds by itself. */
export interface SqsAccount {
  readonly region: string | undefined
  readonly credentials: AwsCredentials | undefined
}

/** A queue that exists already, and of which nothing is asked that could be forbidden. */
export interface PredefinedQueue extends SqsAccount {
  readonly url: string
  /** Seconds that a rejected message stays hidden, by the number of its delivery. */
  readonly backoffPolicy: ReadonlyMap<number, number>
  /** Tasks the policy holds for. */
  readonly backoffTasks: ReadonlySet<string>
}

/** How the HTTP connections behave. */
export interface SqsHttpOptions {
  /** Milliseconds. */
  readonly connectTimeout: number | undefined
  /** Milliseconds. */
  readonly readTimeout: number | undefined
  /** How often a request is tried. */
  readonly maxAttempts: number | undefined
  /** Connections at most. */
  readonly maxConnections: number
}

/** The role to be assumed. */
export interface SqsRole {
  readonly arn: string
  /** Milliseconds that its keys are good for. */
  readonly lifetime: number
  /** They are replaced so many milliseconds before. */
  readonly buffer: number
}

/** Options, resolved. Times are in milliseconds. */
export interface SqsOptions {
  readonly account: SqsAccount
  /** Undefined: Amazon's. */
  readonly endpoint: string | undefined
  readonly http: SqsHttpOptions
  readonly role: SqsRole | undefined
  readonly queueNamePrefix: string
  /** By our name; undefined: queues are looked for and made. */
  readonly predefinedQueues: ReadonlyMap<string, PredefinedQueue> | undefined
  readonly creationAttributes: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>> | undefined
  /** A message that is held is hidden from others for so long, and again each time this is renewed. */
  readonly visibilityTimeout: number
  /** An idle consumer asks so often. */
  readonly waitTime: number
  /** Between two questions that found nothing, when `waitTime` is 0. */
  readonly pollingInterval: number
  readonly base64: boolean
  readonly systemAttributes: readonly SystemAttribute[]
  readonly messageAttributes: readonly string[]
}

/** kombu's defaults; durations in milliseconds. */
const DEFAULTS = {
  visibilityTimeout: 1_800_000,
  waitTime: 10_000,
  pollingInterval: 1000,
  roleLifetime: 900_000,
  maxConnections: 50,
} as const
/** SQS hides nothing for longer. */
export const LONGEST_VISIBILITY = 43_200_000
const LONGEST_WAIT = 20_000
/** What SQS tells of messages. */
const SYSTEM_ATTRIBUTES = [
  'All',
  'SenderId',
  'SentTimestamp',
  'ApproximateReceiveCount',
  'ApproximateFirstReceiveTimestamp',
  'SequenceNumber',
  'MessageDeduplicationId',
  'MessageGroupId',
  'AWSTraceHeader',
  'DeadLetterQueueSourceArn',
] as const
type SystemAttribute = (typeof SYSTEM_ATTRIBUTES)[number]
/** What a store cannot do without. */
const NEEDED_ATTRIBUTES: readonly SystemAttribute[] = ['ApproximateReceiveCount', 'SentTimestamp']

const WHERE = 'brokerTransportOptions'
const KNOWN = new Set([
  ...['visibility_timeout', 'wait_time_seconds', 'polling_interval', 'queue_name_prefix', 'region'],
  ...['is_secure', 'port', 'regioninfo', 'predefined_queues', 'sqs-creation-attributes', 'queue_tags'],
  ...['client-config', 'sts_role_arn', 'sts_token_timeout', 'sts_token_buffer_time', 'sqs_base64_encoding'],
  ...['fetch_message_attributes', 'supports_fanout', 'predefined_exchanges'],
  // For the layers above: virtual transports, and the connection's retries.
  ...['deadletter_queue', 'retry_policy', 'connect_timeout', 'confirm_publish'],
  ...CONNECT_RETRY_OPTIONS,
])

/** @throws ImproperlyConfigured for unknown options and unusable values. */
export function sqsOptions({ url, transportOptions, connectTimeout }: TransportOptions): SqsOptions {
  const reader = new OptionReader(transportOptions, WHERE)
  reader.refuseUnknown(KNOWN)
  if (reader.flag('supports_fanout')) {
    throw new ImproperlyConfigured(
      `${WHERE}: supports_fanout (broadcasts through SNS) is not to be had: take it away, and use Redis or RabbitMQ ` +
        'where workers are to be controlled from afar',
    )
  }
  const { username, password } = parseUrl(url)
  const account = {
    region: reader.text('region'),
    credentials: credentials(username, password, 'The broker URL'),
  }
  return {
    account,
    endpoint: endpoint(url, reader),
    http: httpOptions(reader.record('client-config') ?? {}, connectTimeout),
    role: role(reader),
    queueNamePrefix: reader.text('queue_name_prefix') ?? '',
    predefinedQueues: predefinedQueues(reader, account),
    creationAttributes: texts(reader, 'sqs-creation-attributes') ?? {},
    tags: texts(reader, 'queue_tags'),
    visibilityTimeout:
      bounded(reader, 'visibility_timeout', LONGEST_VISIBILITY) || DEFAULTS.visibilityTimeout,
    waitTime: bounded(reader, 'wait_time_seconds', LONGEST_WAIT) ?? DEFAULTS.waitTime,
    pollingInterval: reader.milliseconds('polling_interval') || DEFAULTS.pollingInterval,
    base64: reader.flag('sqs_base64_encoding') ?? true,
    ...attributesToFetch(reader),
  }
}

/** A host in the URL is that of a server of one's own; without TLS, unless `is_secure` says otherwise. */
function endpoint(url: string, reader: OptionReader): string | undefined {
  const { hostname, port = reader.integer('port') } = parseUrl(url)
  if (hostname === undefined) return undefined
  const host = hostname.includes(':') ? `[${hostname}]` : hostname
  return `${reader.flag('is_secure') ? 'https' : 'http'}://${host}${port === undefined ? '' : `:${port}`}`
}

function credentials(
  accessKeyId: string | undefined,
  secretAccessKey: string | undefined,
  where: string,
): AwsCredentials | undefined {
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey }
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined
  throw new ImproperlyConfigured(`${where} must have both the access key and its secret, or neither`)
}

function httpOptions(
  config: Readonly<Record<string, unknown>>,
  connectTimeout: number | undefined,
): SqsHttpOptions {
  const reader = new OptionReader(config, `${WHERE}: client-config`)
  reader.refuseUnknown(new Set(['connect_timeout', 'read_timeout', 'max_pool_connections', 'retries']))
  const retries = new OptionReader(reader.record('retries') ?? {}, `${WHERE}: client-config: retries`)
  return {
    connectTimeout: reader.milliseconds('connect_timeout') ?? connectTimeout,
    readTimeout: reader.milliseconds('read_timeout'),
    maxAttempts: retries.integer('max_attempts', 1) ?? retries.integer('total_max_attempts', 1),
    maxConnections: reader.integer('max_pool_connections', 1) ?? DEFAULTS.maxConnections,
  }
}

function role(reader: OptionReader): SqsRole | undefined {
  const arn = reader.text('sts_role_arn')
  if (arn === undefined) return undefined
  return {
    arn,
    lifetime: reader.milliseconds('sts_token_timeout') || DEFAULTS.roleLifetime,
    buffer: reader.milliseconds('sts_token_buffer_time') ?? 0,
  }
}

function bounded(reader: OptionReader, name: string, most: number): number | undefined {
  const value = reader.milliseconds(name)
  if (value === undefined || value <= most) return value
  throw new ImproperlyConfigured(
    `${WHERE}: ${name} must be ${most / 1000} seconds at most, as SQS takes no more, not ${value / 1000}`,
  )
}

/** Texts by name; numbers and booleans may stand for texts. */
function texts(reader: OptionReader, name: string): Readonly<Record<string, string>> | undefined {
  const record = reader.record(name)
  if (record === undefined) return undefined
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  )
}

function predefinedQueues(
  reader: OptionReader,
  account: SqsAccount,
): ReadonlyMap<string, PredefinedQueue> | undefined {
  const record = reader.record('predefined_queues') ?? {}
  const queues = Object.entries(record).map(([name, value]) => {
    const where = `${WHERE}: predefined_queues: ${name}`
    if (!isRecord(value)) throw new ImproperlyConfigured(`${where} must be an object with a url`)
    return [name, predefinedQueue(name, new OptionReader(value, where), account, where)] as const
  })
  return queues.length === 0 ? undefined : new Map(queues)
}

function predefinedQueue(
  name: string,
  reader: OptionReader,
  account: SqsAccount,
  where: string,
): PredefinedQueue {
  reader.refuseUnknown(
    new Set(['url', 'region', 'access_key_id', 'secret_access_key', 'backoff_policy', 'backoff_tasks']),
  )
  const url = reader.text('url')
  if (url === undefined) throw new ImproperlyConfigured(`${where} must have a url`)
  if (url.endsWith('.fifo') !== name.endsWith('.fifo')) {
    throw new ImproperlyConfigured(
      `${where}: the names of FIFO queues end with .fifo, here and in the url, and those of others do not: ${url}`,
    )
  }
  const tasks = reader.value('backoff_tasks') ?? []
  if (!isStringArray(tasks)) throw new ImproperlyConfigured(`${where}: backoff_tasks must be names of tasks`)
  const keys = credentials(reader.text('access_key_id'), reader.text('secret_access_key'), where)
  return {
    url,
    region: reader.text('region') ?? account.region,
    credentials: keys ?? account.credentials,
    backoffPolicy: backoffPolicy(reader.record('backoff_policy') ?? {}, where),
    backoffTasks: new Set(tasks),
  }
}

function backoffPolicy(
  record: Readonly<Record<string, unknown>>,
  where: string,
): ReadonlyMap<number, number> {
  const reader = new OptionReader(record, `${where}: backoff_policy`)
  return new Map(
    Object.keys(record).map((name) => [
      Number(name),
      Math.round(bounded(reader, name, LONGEST_VISIBILITY) ?? 0) / 1000,
    ]),
  )
}

/** kombu takes a list of system attributes, or an object of both kinds. */
function attributesToFetch(reader: OptionReader): Pick<SqsOptions, 'systemAttributes' | 'messageAttributes'> {
  const value = reader.value('fetch_message_attributes')
  if (value === undefined || typeof value === 'string') {
    return { systemAttributes: NEEDED_ATTRIBUTES, messageAttributes: [] }
  }
  const system = isRecord(value) ? (value['MessageSystemAttributeNames'] ?? []) : value
  const message = isRecord(value) ? (value['MessageAttributeNames'] ?? []) : []
  if (!isStringArray(system) || !isStringArray(message)) {
    throw new ImproperlyConfigured(
      `${WHERE}: fetch_message_attributes must be names of system attributes, or an object of such lists with the ` +
        `names MessageSystemAttributeNames and MessageAttributeNames, not ${JSON.stringify(value)}`,
    )
  }
  return {
    systemAttributes: all(system)
      ? ['All']
      : [...new Set([...system.map(systemAttribute), ...NEEDED_ATTRIBUTES])],
    messageAttributes: all(message) ? ['All'] : message,
  }
}

function systemAttribute(name: string): SystemAttribute {
  const known = SYSTEM_ATTRIBUTES.find((attribute) => attribute === name)
  if (known !== undefined) return known
  throw new ImproperlyConfigured(
    `${WHERE}: fetch_message_attributes: SQS has no system attribute ${JSON.stringify(name)}` +
      didYouMean(name, SYSTEM_ATTRIBUTES),
  )
}

function all(names: readonly string[]): boolean {
  return names.some((name) => name.toLowerCase() === 'all')
}
