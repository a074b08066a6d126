/** The broker as the app sees it: where it is, and the one connection and producer over which everything is published. */
import type { Settings } from '../config/settings.ts'
import type { ConnectRetryPolicy } from '../messaging/connect-retry.ts'
import { connectRetryOf, DEFAULT_CONNECT_RETRY } from '../messaging/connect-retry.ts'
import { BrokerConnection } from '../messaging/connection.ts'
import type { FailoverStrategy } from '../messaging/failover.ts'
import { Producer } from '../messaging/producer.ts'
import type { Channel, Transport, TransportOptions } from '../messaging/transport.ts'
import { resolveTransport } from '../messaging/transports/resolve-transport.ts'
import { intervalPolicy } from '../routing/publish-retry.ts'
import type { Clock } from '../util/clock.ts'
import { toMilliseconds } from '../util/duration.ts'
import type { Logger } from '../util/logger.ts'
import { splitUrls } from '../util/url.ts'

/** What an `AppBroker` works with. */
export interface AppBrokerOptions {
  /** The settings as they are now; another object when they have changed. */
  readonly settings: () => Settings
  readonly logger: Logger
  readonly clock: Clock
  /** Shown to the broker. */
  readonly clientName: string
}

interface Open {
  /** What it was made of. */
  readonly key: string
  readonly connection: BrokerConnection
  readonly producer: Producer
}

/**
 * See the module's description. Connection and producer are made when they are first needed; when a setting of the
 * broker changes, they are closed (what is under way is published first) and made anew.
 */
export class AppBroker {
  readonly #options: AppBrokerOptions
  #settings: Settings | undefined
  #open: Open | undefined
  #retired: Promise<void> = Promise.resolve()

  constructor(options: AppBrokerOptions) {
    this.#options = options
  }

  /** The alternatives of the broker for consuming or publishing. Celery: `connection_for_read`, `…_write`. */
  candidates(purpose: 'read' | 'write'): TransportOptions[] {
    const settings = this.#options.settings()
    const url = purpose === 'read' ? settings.brokerReadUrl : settings.brokerWriteUrl
    return alternatives(url).map((each) => this.#candidate(settings, each))
  }

  /** The transport of a URL. @throws ImproperlyConfigured. */
  resolve(url: string): Promise<Transport> {
    return resolveTransport(url)
  }

  get producer(): Producer {
    return this.#current().producer
  }

  /**
   * A new channel for the caller alone, who closes it: on the connection for publishing, but not the channel that the
   * producer publishes on, which an error of somebody else (a refused declaration, say) must not close.
   */
  openChannel(): Promise<Channel> {
    return this.#current().connection.openChannel()
  }

  /**
   * The same for those who want to know soon: commands, and questions to workers. They give up after
   * `connect_retries_timeout` of `brokerTransportOptions`, else `brokerConnectionTimeout`. kombu: `default_channel`.
   * @throws OperationalError: see `BrokerConnection.openChannel`.
   */
  openChannelSoon(): Promise<Channel> {
    const settings = this.#options.settings()
    const deadline = milliseconds(settings.brokerConnectionTimeout, 'brokerConnectionTimeout')
    const retry = connectRetryOf(settings.brokerTransportOptions, { ...connectRetry(settings), deadline })
    return this.#current().connection.openChannel({ retry })
  }

  /** Waits for what is being published, then disconnects. It may be used again afterwards. */
  async close(): Promise<void> {
    this.#retire()
    await this.#retired
  }

  #current(): Open {
    const settings = this.#options.settings()
    if (this.#open !== undefined && settings === this.#settings) return this.#open
    const key = keyOf(settings)
    if (this.#open?.key !== key) {
      this.#retire()
      this.#open = this.#make(settings, key)
    }
    this.#settings = settings
    return this.#open
  }

  #retire(): void {
    const old = this.#open
    if (old === undefined) return
    this.#open = undefined
    this.#retired = this.#retired.then(async () => {
      await old.producer.close()
      await old.connection.close()
    })
  }

  #make(settings: Settings, key: string): Open {
    const { logger, clock } = this.#options
    const connection = new BrokerConnection({
      candidates: this.candidates('write'),
      resolve: resolveTransport,
      strategy: strategyOf(settings),
      retry: connectRetryOf(settings.brokerTransportOptions, connectRetry(settings)),
      logger: logger.child('connection'),
      clock,
    })
    const producer = new Producer({
      connection,
      retry: settings.taskPublishRetry ? intervalPolicy({ ...settings.taskPublishRetryPolicy }) : false,
      timeout: milliseconds(settings.publishTimeout, 'publishTimeout') ?? Number.POSITIVE_INFINITY,
      clock,
    })
    return { key, connection, producer }
  }

  #candidate(settings: Settings, url: string): TransportOptions {
    const { logger, clientName } = this.#options
    return {
      url,
      transportOptions: settings.brokerTransportOptions,
      connectTimeout: milliseconds(settings.brokerConnectionTimeout, 'brokerConnectionTimeout'),
      heartbeat: settings.brokerHeartbeat ?? 0,
      ssl: settings.brokerUseSsl ?? false,
      loginMethod: settings.brokerLoginMethod ?? undefined,
      clientName,
      warn: (message) => logger.warn(message),
    }
  }
}

/** The brokers of a list of URLs: each of them is one, but sentinels that stand together lead to the same one. */
function alternatives(urls: string): string[] {
  const brokers: string[] = []
  for (const url of splitUrls(urls)) {
    const before = brokers.at(-1)
    if (before !== undefined && isSentinel(before) && isSentinel(url))
      brokers.splice(-1, 1, `${before};${url}`)
    else brokers.push(url)
  }
  return brokers
}

function isSentinel(url: string): boolean {
  return /^sentinel:/i.test(url)
}

/** When a worker tries to connect again, and all others unless `brokerTransportOptions` say otherwise. Celery: `broker_connection_retry`, `broker_connection_max_retries`. */
export function connectRetry(settings: Settings): ConnectRetryPolicy {
  const { brokerConnectionRetry, brokerConnectionMaxRetries } = settings
  const maxRetries = brokerConnectionRetry ? (brokerConnectionMaxRetries ?? undefined) : 0
  return { ...DEFAULT_CONNECT_RETRY, maxRetries }
}

/** The settings that a connection and its producer are made of, as a text that differs when they do. */
function keyOf(settings: Settings): string {
  const { brokerWriteUrl, brokerTransportOptions, brokerConnectionTimeout, brokerHeartbeat } = settings
  const { brokerUseSsl, brokerLoginMethod } = settings
  const { brokerFailoverStrategy, brokerConnectionRetry, brokerConnectionMaxRetries } = settings
  const { taskPublishRetry, taskPublishRetryPolicy, publishTimeout } = settings
  const all = [
    [brokerWriteUrl, brokerTransportOptions, brokerConnectionTimeout, brokerHeartbeat],
    [brokerUseSsl, brokerLoginMethod],
    [brokerFailoverStrategy, brokerConnectionRetry, brokerConnectionMaxRetries],
    [taskPublishRetry, taskPublishRetryPolicy, publishTimeout],
  ]
  return JSON.stringify(all, (_, value: unknown) => (typeof value === 'function' ? String(value) : value))
}

function strategyOf({ brokerFailoverStrategy: strategy }: Settings): FailoverStrategy<TransportOptions> {
  if (typeof strategy !== 'function') return strategy ?? 'round-robin'
  return function* byUrl(candidates) {
    for (const url of strategy(candidates.map((candidate) => candidate.url))) {
      const candidate = candidates.find((each) => each.url === url)
      if (candidate !== undefined) yield candidate
    }
  }
}

function milliseconds(seconds: number | null, setting: string): number | undefined {
  return seconds === null ? undefined : toMilliseconds(seconds, setting)
}
