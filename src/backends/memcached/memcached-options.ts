import { ImproperlyConfigured } from '../../errors.ts'
import { OptionReader } from '../../util/option-reader.ts'
import type { KeyHash } from './key-hash.ts'
import { KEY_HASHES, oneAtATime } from './key-hash.ts'

const DEFAULT_PORT = 11_211
const CONNECT_TIMEOUT_MS = 4000
const REPLY_TIMEOUT_MS = 10_000

/** Where a server listens. */
export type MemcachedAddress =
  | { readonly host: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string }

/** What a client is made of. */
export interface MemcachedOptions {
  readonly servers: readonly MemcachedAddress[]
  /** Decides which server has a key. */
  readonly hash: KeyHash
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Milliseconds without a reply after which the connection counts as lost. */
  readonly replyTimeout: number
}

/**
 * Reads the URL and the setting `cacheBackendOptions`, which has the options of Python's client pylibmc: of its
 * `behaviors` those that matter here are `connect_timeout` (milliseconds), `receive_timeout` (microseconds; 0: the
 * default, 10 s) and `hash` (`default`, or `crc`, which is also what python-memcached does).
 *
 * @throws ImproperlyConfigured also for what would make keys lie on another server than Python looks on.
 */
export function readMemcachedOptions(url: string, given: unknown): MemcachedOptions {
  const servers = serversOf(url)
  const reader = new OptionReader({ options: given }, 'cacheBackendOptions')
  const options = reader.record('options') ?? {}
  for (const name of ['username', 'password']) {
    if (!options[name]) continue
    throw new ImproperlyConfigured(
      `cacheBackendOptions: ${name} is not supported; keep Memcached in a private network instead`,
    )
  }
  const behaviors = new OptionReader(
    new OptionReader(options, 'cacheBackendOptions').record('behaviors') ?? {},
    'cacheBackendOptions: behaviors',
  )
  const receiveTimeout = (behaviors.integer('receive_timeout') ?? 0) / 1000
  return {
    servers,
    hash: hashOf(behaviors, servers.length),
    connectTimeout: behaviors.integer('connect_timeout') ?? CONNECT_TIMEOUT_MS,
    replyTimeout: receiveTimeout === 0 ? REPLY_TIMEOUT_MS : receiveTimeout,
  }
}

function hashOf(behaviors: OptionReader, servers: number): KeyHash {
  const name = behaviors.text('hash') ?? 'default'
  const hash = KEY_HASHES.get(name)
  const distribution = behaviors.text('distribution') ?? 'modula'
  const ketama = ['ketama', 'ketama_weighted'].some((each) => behaviors.flag(each) === true)
  if (servers === 1) return hash ?? oneAtATime
  if (hash !== undefined && distribution === 'modula' && !ketama) return hash
  throw new ImproperlyConfigured(
    'cacheBackendOptions: with several servers, keys are distributed by hash "default" or "crc" and distribution ' +
      '"modula" only, and all clients must agree on it',
  )
}

/** Celery parts the servers by semicolons and drops slashes at the end. */
function serversOf(url: string): readonly MemcachedAddress[] {
  const list = url.replace(/^[^:]*:\/\//, '').replace(/\/+$/, '')
  return list.split(';').map((server) => addressOf(server.trim() || 'localhost', url))
}

function addressOf(server: string, url: string): MemcachedAddress {
  if (server.startsWith('/')) return { path: server }
  const [, ipv6, name, digits] = /^(?:\[([^\]]+)\]|([^:@/\s]+))(?::(\d+))?$/.exec(server) ?? []
  const host = ipv6 ?? name
  const port = Number(digits ?? DEFAULT_PORT)
  if (host !== undefined && port > 0 && port < 65_536) return { host, port }
  throw new ImproperlyConfigured(
    `The result backend ${JSON.stringify(url)}: ${JSON.stringify(server)} is no server; write ` +
      'cache+memcached://host:port;host:port/',
  )
}
