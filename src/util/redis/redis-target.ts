/**
 * Where a Redis is and how to talk to it: URL, options and TLS dictionary in, plain data out.
 *
 *     redis://[user[:password]@]host[:port][/database][?option=…]      rediss:// the same with TLS
 *     redis+socket:///path/to/redis.sock[?virtual_host=database]       also socket://
 *     sentinel://host[:26379][/database][;sentinel://host2…]           with the option master_name
 */
import { ImproperlyConfigured } from '../../errors.ts'
import { OptionReader } from '../option-reader.ts'
import type { UrlParts } from '../url.ts'
import { parseUrl, sanitizeUrl, splitUrls } from '../url.ts'
import type { RedisTls } from './redis-tls.ts'
import { redisTls } from './redis-tls.ts'

/** A server, as a host or a socket. */
export type RedisAddress = { readonly host: string; readonly port: number } | { readonly path: string }

/** Sentinels, who know the master. */
export interface SentinelAddress {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[]
  readonly masterName: string
  /** Only believe sentinels who know at least so many others. */
  readonly minOtherSentinels: number
  readonly username: string | undefined
  readonly password: string | undefined
  readonly tls: RedisTls | undefined
}

/** What to log in with. */
export interface RedisCredentials {
  readonly username?: string | undefined
  readonly password?: string | undefined
}

/** Asked for credentials before each connection is made. redis-py: a `CredentialProvider`. */
export type RedisCredentialProvider = () => RedisCredentials | Promise<RedisCredentials>

/** All that a connection needs. Times are in milliseconds; undefined: the client's own default. */
export interface RedisTarget {
  readonly address: RedisAddress | SentinelAddress
  readonly database: number
  readonly username: string | undefined
  readonly password: string | undefined
  /** A function, or `module#export` of one; it takes the place of username and password. */
  readonly credentials: RedisCredentialProvider | string | undefined
  readonly tls: RedisTls | undefined
  readonly connectTimeout: number | undefined
  /** How long the server may owe a reply. */
  readonly socketTimeout: number | undefined
  /** Idle time before the first TCP keep-alive probe. */
  readonly keepAlive: number | undefined
  /** For messages: the URL without password. */
  readonly label: string
  /** What somebody should know. */
  readonly warnings: readonly string[]
}

/** What to read a target from. */
export interface RedisTargetOptions {
  readonly url: string
  /** redis-py's connection options; those in the URL's query come first. */
  readonly options: Readonly<Record<string, unknown>>
  /** Names `options` in messages. */
  readonly where: string
  /** TLS: true, or a dictionary. */
  readonly ssl: boolean | Readonly<Record<string, unknown>>
  /** Used where the URL says nothing. */
  readonly defaults?: {
    readonly host?: string | undefined
    readonly port?: number | undefined
    readonly database?: number | undefined
    readonly username?: string | undefined
    readonly password?: string | undefined
  }
  readonly connectTimeout?: number | undefined
}

/** Connection options that `redisTarget` reads; callers add theirs before they refuse unknown ones. */
export const REDIS_CONNECTION_OPTIONS: readonly string[] = [
  'socket_timeout',
  'socket_connect_timeout',
  'socket_keepalive',
  'socket_keepalive_options',
  'retry_on_timeout',
  'max_connections',
  'health_check_interval',
  'client_name',
  'credential_provider',
  'reauth_check_interval',
  'master_name',
  'service_name',
  'min_other_sentinels',
  'sentinel_kwargs',
]

const QUERY_OPTIONS = new Set([
  ...REDIS_CONNECTION_OPTIONS,
  'virtual_host',
  'db',
  ...['ssl_cert_reqs', 'ssl_ca_certs', 'ssl_ca_data', 'ssl_certfile', 'ssl_keyfile', 'ssl_password'],
  'ssl_check_hostname',
])
const SCHEMES = new Set(['redis', 'rediss', 'redis+socket', 'socket', 'sentinel'])
const REDIS_PORT = 6379
const SENTINEL_PORT = 26379

/** @throws ImproperlyConfigured for what cannot be understood. */
export function redisTarget(request: RedisTargetOptions): RedisTarget {
  const { options, where, defaults = {}, ssl } = request
  const urls = splitUrls(request.url.includes('://') ? request.url : `${request.url.replace(/:$/, '')}://`)
  const [first, ...others] = urls.map((url) => parseRedisUrl(url))
  if (first === undefined)
    throw new ImproperlyConfigured(`${where}: a URL is missing, e.g. redis://localhost`)
  const reader = new OptionReader({ ...options, ...first.query }, where)
  const tls = tlsOf(first, ssl)
  const database = databaseOf(first) ?? defaults.database ?? 0
  const credentials = reader.value('credential_provider')
  if (credentials !== undefined && typeof credentials !== 'string' && !isProvider(credentials)) {
    throw new ImproperlyConfigured(`${where}: credential_provider must be a function, or the name of one`)
  }
  const connectTimeout = reader.milliseconds('socket_connect_timeout') ?? request.connectTimeout
  const socketTimeout = reader.milliseconds('socket_timeout')
  return {
    address:
      first.scheme === 'sentinel' ? sentinels([first, ...others], reader, where) : addressOf(first, defaults),
    database,
    username: first.username ?? defaults.username,
    password: first.password ?? defaults.password,
    credentials,
    tls,
    connectTimeout: connectTimeout || undefined,
    socketTimeout: socketTimeout || undefined,
    keepAlive: keepAliveOf(reader),
    label: urls.map((url) => sanitizeUrl(url).replace(/\?.*$/s, '')).join(';'),
    warnings: tls !== undefined && !tls.rejectUnauthorized ? [UNVERIFIED] : [],
  }
}

const UNVERIFIED =
  'ssl_cert_reqs=none: the certificate of Redis is not verified, so anybody on the way can read and change everything'

function parseRedisUrl(url: string): UrlParts {
  const parts = parseUrl(url)
  if (!SCHEMES.has(parts.scheme)) {
    throw new ImproperlyConfigured(
      `${sanitizeUrl(url)}: ${parts.scheme}:// is not Redis; known are ${[...SCHEMES].map((scheme) => `${scheme}://`).join(', ')}`,
    )
  }
  new OptionReader(parts.query, `The query of ${sanitizeUrl(url)}`).refuseUnknown(QUERY_OPTIONS)
  return parts
}

function addressOf(
  { scheme, hostname, port, path }: UrlParts,
  defaults: NonNullable<RedisTargetOptions['defaults']>,
): RedisAddress {
  if (scheme !== 'redis+socket' && scheme !== 'socket') {
    return { host: hostname ?? defaults.host ?? '127.0.0.1', port: port ?? defaults.port ?? REDIS_PORT }
  }
  if (path === undefined) {
    throw new ImproperlyConfigured(`${scheme}:// needs the path of a socket: ${scheme}:///run/redis.sock`)
  }
  return { path: `/${path.replace(/^\//, '')}` }
}

function databaseOf({ scheme, path, query }: UrlParts): number | undefined {
  const inPath = scheme === 'redis+socket' || scheme === 'socket' ? undefined : path
  const text = (query['virtual_host'] ?? query['db'] ?? inPath ?? '').replaceAll('/', '')
  if (text === '') return undefined
  if (/^\d+$/.test(text)) return Number(text)
  throw new ImproperlyConfigured(
    `The database of a Redis URL is a number, as in redis://localhost/1, not ${JSON.stringify(text)}`,
  )
}

function tlsOf({ scheme, query }: UrlParts, ssl: RedisTargetOptions['ssl']): RedisTls | undefined {
  const fromUrl = Object.entries(query).filter(([name]) => name.startsWith('ssl_'))
  const plain = scheme === 'redis' || scheme === 'redis+socket' || scheme === 'socket'
  if (fromUrl.length > 0 && plain) {
    throw new ImproperlyConfigured(
      `${scheme}:// is without TLS, but its query has ${fromUrl[0]?.[0]}: write rediss:// for Redis with TLS`,
    )
  }
  if (scheme !== 'rediss' && ssl === false && fromUrl.length === 0) return undefined
  return redisTls({ ...(typeof ssl === 'boolean' ? {} : ssl), ...Object.fromEntries(fromUrl) })
}

function sentinels(urls: readonly UrlParts[], reader: OptionReader, where: string): SentinelAddress {
  const masterName = reader.text('master_name') ?? reader.text('service_name')
  if (masterName === undefined) {
    throw new ImproperlyConfigured(`${where}: sentinel:// needs the option master_name, e.g. "mymaster"`)
  }
  const kwargs = reader.record('sentinel_kwargs') ?? {}
  const sentinel = new OptionReader(kwargs, `${where}: sentinel_kwargs`)
  const tlsOptions = Object.entries(kwargs).filter(([name]) => name.startsWith('ssl_'))
  return {
    sentinels: urls.map(({ hostname, port }) => ({
      host: hostname ?? '127.0.0.1',
      port: port ?? SENTINEL_PORT,
    })),
    masterName,
    minOtherSentinels: reader.integer('min_other_sentinels') ?? 0,
    username: sentinel.text('username'),
    password: sentinel.text('password'),
    tls: sentinel.flag('ssl') || tlsOptions.length > 0 ? redisTls(Object.fromEntries(tlsOptions)) : undefined,
  }
}

/** Python's number of TCP_KEEPIDLE on Linux; Node can set nothing else of `socket_keepalive_options`. */
const TCP_KEEPIDLE = '4'

function keepAliveOf(reader: OptionReader): number | undefined {
  const options = reader.record('socket_keepalive_options') ?? {}
  const idle = new OptionReader(options, 'socket_keepalive_options')
  const delay = idle.milliseconds('TCP_KEEPIDLE') ?? idle.milliseconds(TCP_KEEPIDLE)
  return delay ?? (reader.flag('socket_keepalive') ? 0 : undefined)
}

function isProvider(value: unknown): value is RedisCredentialProvider {
  return typeof value === 'function'
}
