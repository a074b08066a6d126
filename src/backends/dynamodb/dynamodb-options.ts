/** `dynamodb://[key:secret@]region[:port]/table?read=&write=&ttl_seconds=`, as Celery reads it. */
import { isIP } from 'node:net'
import { ImproperlyConfigured } from '../../errors.ts'
import { OptionReader } from '../../util/option-reader.ts'
import { parseUrl } from '../../util/url.ts'

/** Which table, and who asks for it. */
export interface DynamodbOptions {
  readonly table: string
  /** Undefined: Amazon's. */
  readonly endpoint: string | undefined
  /** Undefined: what the AWS SDK finds by itself. */
  readonly region: string | undefined
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
  /** Capacity units of a table that is made. */
  readonly read: number
  readonly write: number
  /**
   * Milliseconds after which DynamoDB removes an item; `off`: the table is to remove nothing; undefined: whatever the
   * table does, items say nothing.
   */
  readonly timeToLive: number | 'off' | undefined
}

const DEFAULT_TABLE = 'celery'
/** Of the DynamoDB that runs on one's own machine. */
const LOCAL_PORT = 8000
const LOCAL_REGION = 'us-east-1'

/** @throws ImproperlyConfigured */
export function readDynamodbOptions(
  url: string,
  settings: Readonly<Record<string, unknown>>,
): DynamodbOptions {
  const { hostname, port = LOCAL_PORT, username, password, path, query } = parseUrl(url)
  if ((username === undefined) !== (password === undefined)) {
    throw new ImproperlyConfigured(
      'The URL dynamodb:// must have both the access key and its secret, or neither',
    )
  }
  const reader = new OptionReader(query, 'dynamodb://')
  const isLocal = hostname === 'localhost' || isIP(hostname ?? '') > 0
  const host = hostname?.includes(':') ? `[${hostname}]` : hostname
  const configured = new OptionReader(settings, 'the settings of dynamodb://').text('dynamodb_endpoint_url')
  return {
    table: path ?? DEFAULT_TABLE,
    endpoint: configured || (isLocal ? `http://${host}:${port}` : undefined),
    region: isLocal ? LOCAL_REGION : hostname,
    credentials:
      username === undefined || password === undefined
        ? undefined
        : { accessKeyId: username, secretAccessKey: password },
    read: reader.integer('read', 1) ?? 1,
    write: reader.integer('write', 1) ?? 1,
    timeToLive: timeToLive(reader),
  }
}

function timeToLive(reader: OptionReader): DynamodbOptions['timeToLive'] {
  const seconds = reader.integer('ttl_seconds', Number.NEGATIVE_INFINITY)
  if (seconds === undefined) return undefined
  return seconds < 0 ? 'off' : seconds * 1000
}
