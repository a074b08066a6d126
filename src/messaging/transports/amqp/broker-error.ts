/** What amqplib and RabbitMQ say, translated into errors that name the value, the place and the remedy. */
import { ChannelError, ConnectionError, PublishError } from '../../../errors.ts'
import type { PublishTarget } from '../../message.ts'
import type { ConnectOptions } from './connect-options.ts'

const REMEDIES: ReadonlyMap<number, string> = new Map([
  [403, 'Give the user the permission (rabbitmqctl set_permissions), or use another one.'],
  [404, 'Declare it first, or check its name and the virtual host.'],
  [405, 'It is exclusive to another connection; use another name, or wait until that one is gone.'],
  [541, 'The log of the broker says what happened.'],
])

/** What RabbitMQ says, as 404, of a queue that it has and cannot reach at the moment. */
const OUT_OF_REACH =
  /is down or inaccessible|due to timeout|is stopped by supervisor|crashed and failed to restart|may be stopping or being demoted/

const REMEDIES_BY_TEXT: readonly (readonly [RegExp, string])[] = [
  [
    /inequivalent arg/,
    'It exists with other properties: declare it as it is, or delete it and let it be made again.',
  ],
  [
    /delivery acknowledgement.*timed out/i,
    'A message was held longer than the consumer_timeout of RabbitMQ: raise that, acknowledge early, or hold ' +
      'tasks for less time.',
  ],
  [
    /does not support global qos/i,
    'Declare the queue with its x-queue-type, or set global_qos to false in the broker transport options.',
  ],
  [OUT_OF_REACH, 'Its node is restarting, perhaps: it is tried again.'],
  [/unknown exchange type|invalid exchange type/i, 'Use direct, topic, fanout, headers or a plug-in’s type.'],
]

const RECOVERABLE: ReadonlySet<number> = new Set([311, 313, 320, 405, 506, 541])

/** Why a connection could not be made. */
export function connectFailure(cause: unknown, options: ConnectOptions): ConnectionError {
  const text = brokerText(cause)
  const { vhost, username, broker } = options
  const place = `Cannot connect to ${broker}`
  if (/ACCESS[_-]REFUSED/.test(text)) {
    const message = `${place}: the broker refused the login of ${JSON.stringify(username)}. Check user and password.`
    return new ConnectionError(message, { cause, recoverable: false })
  }
  if (/Expected ConnectionOpenOk; got <ConnectionClose/.test(text)) {
    const message =
      `${place}: the virtual host ${JSON.stringify(vhost)} does not exist, or ${JSON.stringify(username)} ` +
      'may not use it. Make it (rabbitmqctl add_vhost) or change the path of the URL.'
    return new ConnectionError(message, { cause, recoverable: false })
  }
  if (/SASL mechanism/.test(text)) {
    const message = `${place}: ${text}. Change broker_login_method.`
    return new ConnectionError(message, { cause, recoverable: false })
  }
  if (/certificate's altnames/.test(text)) {
    const message =
      `${place}: ${text}. Name the host of the certificate in broker_use_ssl (server_hostname), or set ` +
      'check_hostname to false there.'
    return new ConnectionError(message, { cause, recoverable: false })
  }
  return new ConnectionError(`${place}: ${text}`, { cause })
}

/** Why a connection is gone. */
export function connectionLost(cause: unknown, broker: string): ConnectionError {
  return new ConnectionError(`Lost the connection to ${broker}: ${explain(cause)}`, {
    cause,
    recoverable: isRecoverable(cause, true),
  })
}

/** Why an operation failed or a channel is gone. `what` begins the message, e.g. `Declaring the queue 'a'`. */
export function channelFailure(cause: unknown, what: string): ChannelError {
  return new ChannelError(`${what} failed: ${explain(cause)}`, {
    cause,
    recoverable: isRecoverable(cause, false),
  })
}

/** No queue would have got the message. */
export function unroutable(target: PublishTarget, replyText: string): PublishError {
  const { exchange, routingKey } = target
  const message =
    exchange === ''
      ? `No queue is called ${JSON.stringify(routingKey)} (${replyText}): the broker returned the message. Declare ` +
        'the queue, or start a worker that consumes it.'
      : `No queue is bound to the exchange ${JSON.stringify(exchange)} for the routing key ` +
        `${JSON.stringify(routingKey)} (${replyText}): the broker returned the message. Bind one.`
  return new PublishError(message, { recoverable: false })
}

/** The broker did not take a message. */
export function refused(target: PublishTarget): PublishError {
  return new PublishError(
    `The broker refused the message for ${describeTarget(target)} (nack): a queue is full (x-max-length with ` +
      'x-overflow=reject-publish) or could not store it.',
  )
}

/** A message that amqplib cannot put into frames. */
export function unencodable(cause: unknown, target: PublishTarget): PublishError {
  const text = cause instanceof Error ? cause.message : String(cause)
  return new PublishError(`The message for ${describeTarget(target)} cannot be encoded: ${text}`, {
    cause,
    recoverable: false,
  })
}

/** `queue 'a'`, or exchange and routing key. */
export function describeTarget({ exchange, routingKey }: PublishTarget): string {
  if (exchange === '') return `the queue ${JSON.stringify(routingKey)}`
  return `the exchange ${JSON.stringify(exchange)} with the routing key ${JSON.stringify(routingKey)}`
}

/** The reply code that the broker gave, e.g. 404. */
export function replyCode(cause: unknown): number | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'number' ? cause.code : undefined
}

function explain(cause: unknown): string {
  const text = brokerText(cause)
  const code = replyCode(cause)
  const remedy =
    REMEDIES_BY_TEXT.find(([pattern]) => pattern.test(text))?.[1] ??
    (code === undefined ? undefined : REMEDIES.get(code))
  return remedy === undefined ? text : `${text}. ${remedy}`
}

/** The broker's own words, without what amqplib puts around them. */
function brokerText(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return /with message "(.*)"$/s.exec(text)?.[1] ?? text.trim()
}

function isRecoverable(cause: unknown, otherwise: boolean): boolean {
  const code = replyCode(cause)
  if (code === undefined) return otherwise
  return RECOVERABLE.has(code) || OUT_OF_REACH.test(brokerText(cause))
}
