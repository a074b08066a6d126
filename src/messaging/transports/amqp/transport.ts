/** RabbitMQ (and other brokers of AMQP 0-9-1) through amqplib. kombu: `kombu.transport.pyamqp`. */
import { importOptional } from '../../../util/modules.ts'
import type { Transport, TransportConnection, TransportFeatures, TransportOptions } from '../../transport.ts'
import { connectFailure } from './broker-error.ts'
import type { ConnectOptions } from './connect-options.ts'
import { resolveConnectOptions } from './connect-options.ts'
import { AmqpConnection } from './connection.ts'

const FEATURES: TransportFeatures = {
  exchangeTypes: new Set(['direct', 'topic', 'fanout', 'headers']),
  priorities: { levels: 256, lowFirst: false },
  persistent: true,
  redeliversOnDisconnect: true,
  mandatory: true,
  shared: true,
  messageTtl: true,
}

const loadClient = () => import('amqplib')
type Client = Awaited<ReturnType<typeof loadClient>>

/**
 * URLs `amqp://user:password@host:port/vhost`, `pyamqp://…` and, with TLS, `amqps://…`; defaults are
 * `guest:guest@localhost:5672//`. Publishing is always confirmed. Needs the package `amqplib`.
 */
export const amqpTransport: Transport = {
  name: 'amqp',
  features: FEATURES,
  async connect(given: TransportOptions): Promise<TransportConnection> {
    const options = resolveConnectOptions(given)
    const client = await importOptional('amqplib', {
      neededFor: `The broker ${options.broker}`,
      load: loadClient,
    })
    const model = await client
      .connect(addressOf(options), socketOptionsOf(client, options))
      .catch((error) => {
        throw connectFailure(error, options)
      })
    return new AmqpConnection(model, options, FEATURES, (reason) => {
      if (reason === undefined) options.onUnblocked()
      else options.onBlocked(reason)
      given.blocked?.(reason)
    })
  },
}

function addressOf(options: ConnectOptions): Parameters<Client['connect']>[0] {
  return {
    protocol: options.tls === undefined ? 'amqp' : 'amqps',
    hostname: options.host,
    port: options.port,
    vhost: encodeURIComponent(options.vhost),
    username: options.username,
    password: options.password,
    heartbeat: Math.round(options.heartbeat),
    frameMax: options.frameMax,
    channelMax: options.channelMax,
    locale: options.locale,
  }
}

function socketOptionsOf(
  client: Client,
  options: ConnectOptions,
): NonNullable<Parameters<Client['connect']>[1]> {
  return {
    ...options.tls,
    noDelay: true,
    keepAlive: true,
    keepAliveDelay: 60_000,
    timeout: options.connectTimeout,
    clientProperties: { ...options.clientProperties },
    credentials: credentialsOf(client, options),
  }
}

function credentialsOf(
  { credentials }: Client,
  options: ConnectOptions,
): ReturnType<Client['credentials']['plain']> {
  const { username, password, loginMethod, loginResponse } = options
  const made =
    loginMethod === 'AMQPLAIN'
      ? credentials.amqplain(username, password)
      : credentials.plain(username, password)
  if (loginResponse !== undefined) return { ...made, mechanism: loginMethod, response: () => loginResponse }
  if (loginMethod === 'EXTERNAL') return { ...made, ...credentials.external() }
  return { ...made, mechanism: loginMethod }
}
