/**
 * Where and how to connect: the URL, `broker_use_ssl` and the transport options put together as kombu does.
 *
 * The transport options win over the parameters in the URL's query, and those over the settings.
 */
import { ImproperlyConfigured } from '../../../errors.ts'
import { isRecord } from '../../../util/is-record.ts'
import { parseUrl, sanitizeUrl } from '../../../util/url.ts'
import type { TransportOptions } from '../../transport.ts'
import type { TlsOptions } from './tls-options.ts'
import { resolveTls } from './tls-options.ts'

/** kombu's `connect_timeout`. */
const DEFAULT_CONNECT_TIMEOUT = 5_000
/** What RabbitMQ offers by default. */
const DEFAULT_FRAME_MAX = 131_072

/** All that is needed to connect, resolved. */
export interface ConnectOptions {
  readonly host: string
  readonly port: number
  readonly vhost: string
  readonly username: string
  readonly password: string
  /** SASL mechanism: `PLAIN`, `AMQPLAIN` or `EXTERNAL`. */
  readonly loginMethod: string
  /** The SASL response itself, for mechanisms that need another one than user and password make. */
  readonly loginResponse: Buffer | undefined
  /** Undefined: no TLS. */
  readonly tls: TlsOptions | undefined
  /** Seconds; 0 = none. */
  readonly heartbeat: number
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Bytes; 0 = as the broker likes. */
  readonly frameMax: number
  /** 0 = as many as the broker allows. */
  readonly channelMax: number
  readonly locale: string
  /** What the broker's management shows of this client. */
  readonly clientProperties: Readonly<Record<string, unknown>>
  /** Whether `prefetch` counts for whole channels; undefined: as the broker's version allows. */
  readonly globalQos: boolean | undefined
  /** kombu's hooks: told with the reason when the broker blocks publishing, and when it no longer does. */
  readonly onBlocked: (reason: string) => void
  readonly onUnblocked: () => void
  /** The URL without password, for messages. */
  readonly broker: string
}

/** @throws ImproperlyConfigured when the URL or an option makes no sense. */
export function resolveConnectOptions(options: TransportOptions): ConnectOptions {
  const { scheme, hostname, port, username, password, path, query } = parseUrl(options.url)
  const given = new Given({ ...query, ...options.transportOptions })
  const secure = scheme === 'amqps'
  const sslGiven = given.has('ssl') ? given.value('ssl') : options.ssl || (secure && sslOfQuery(query))
  // kombu: the name could mean ::1, where RabbitMQ may not listen.
  const host =
    given.text('host') ?? (hostname === undefined || hostname === 'localhost' ? '127.0.0.1' : hostname)
  const tls = resolveTls(sslGiven, hostname ?? 'localhost')
  return {
    host,
    port: port ?? (tls === undefined ? 5672 : 5671),
    vhost: given.text('virtual_host') ?? path ?? '/',
    username: given.text('userid') ?? username ?? 'guest',
    password: given.text('password') ?? password ?? 'guest',
    loginMethod: (
      given.text('login_method') ??
      given.text('authentication') ??
      options.loginMethod ??
      'PLAIN'
    ).toUpperCase(),
    loginResponse: given.bytes('login_response'),
    tls,
    heartbeat: given.number('heartbeat') ?? options.heartbeat,
    connectTimeout:
      seconds(given.number('connect_timeout')) ?? options.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT,
    frameMax: given.number('frame_max') ?? DEFAULT_FRAME_MAX,
    channelMax: given.number('channel_max') ?? 0,
    locale: given.text('locale') ?? 'en_US',
    clientProperties: clientProperties(given.value('client_properties'), options.clientName),
    globalQos: given.flag('global_qos'),
    onBlocked: given.hook('on_blocked'),
    onUnblocked: given.hook('on_unblocked'),
    broker: sanitizeUrl(options.url),
  }
}

/** `ssl_…` parameters of the URL; true when there are none. */
function sslOfQuery(query: Readonly<Record<string, string>>): boolean | Readonly<Record<string, unknown>> {
  const ssl = Object.entries(query).filter(([name]) => name.startsWith('ssl_'))
  return ssl.length === 0 ? true : Object.fromEntries(ssl)
}

function clientProperties(given: unknown, clientName: string): Record<string, unknown> {
  const more = isRecord(given) ? given : {}
  return {
    product: 'Celeriac',
    connection_name: clientName,
    ...more,
    capabilities: {
      publisher_confirms: true,
      consumer_cancel_notify: true,
      exchange_exchange_bindings: true,
      'basic.nack': true,
      'connection.blocked': true,
      authentication_failure_close: true,
      ...(isRecord(more['capabilities']) ? more['capabilities'] : {}),
    },
  }
}

function seconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value * 1000
}

/** Options by name, each checked when it is read; those of a query are texts. Null counts as not given. */
class Given {
  readonly #options: Readonly<Record<string, unknown>>

  constructor(options: Readonly<Record<string, unknown>>) {
    this.#options = options
  }

  has(name: string): boolean {
    return this.value(name) !== undefined
  }

  value(name: string): unknown {
    return this.#options[name] ?? undefined
  }

  text(name: string): string | undefined {
    const value = this.value(name)
    if (value === undefined || typeof value === 'string') return value
    throw this.#wrong(name, 'a text')
  }

  number(name: string): number | undefined {
    const value = this.value(name)
    if (value === undefined) return undefined
    const number = typeof value === 'string' && value !== '' ? Number(value) : value
    if (typeof number === 'number' && number >= 0) return number
    throw this.#wrong(name, 'a number, 0 or more')
  }

  flag(name: string): boolean | undefined {
    const value = this.value(name)
    if (value === undefined || typeof value === 'boolean') return value
    if (value === 'true' || value === 'false') return value === 'true'
    throw this.#wrong(name, 'true or false')
  }

  bytes(name: string): Buffer | undefined {
    const value = this.value(name)
    if (value === undefined) return undefined
    if (typeof value === 'string' || value instanceof Uint8Array) return Buffer.from(value)
    throw this.#wrong(name, 'a text or bytes')
  }

  hook(name: string): (...values: readonly unknown[]) => void {
    const value = this.value(name)
    if (value === undefined) return () => undefined
    if (typeof value === 'function') return (...values) => void Reflect.apply(value, undefined, values)
    throw this.#wrong(name, 'a function')
  }

  #wrong(name: string, wanted: string): ImproperlyConfigured {
    return new ImproperlyConfigured(
      `broker_transport_options: ${name} must be ${wanted}, not ${JSON.stringify(this.value(name))}`,
    )
  }
}
