/** What RabbitMQ tells only over HTTP: its management plug-in. kombu: `Connection.manager`. */

import { ConnectionError } from '../../../errors.ts'
import { isRecord } from '../../../util/is-record.ts'
import type { Binding, TransportOptions } from '../../transport.ts'
import { resolveConnectOptions } from './connect-options.ts'

const PORT = 15_672
/** Milliseconds for an answer. */
const TIMEOUT = 10_000

/**
 * All bindings of the virtual host. Where the plug-in listens is said by the transport options `manager_hostname`,
 * `manager_port` (15672), `manager_userid` and `manager_password`; what is missing is that of the broker.
 * @throws ConnectionError when it does not answer, or refuses to.
 */
export async function managementBindings(options: TransportOptions): Promise<Omit<Binding, 'arguments'>[]> {
  const { host, vhost, username, password } = resolveConnectOptions(options)
  const text = (name: string, standard: string): string => {
    const value = options.transportOptions[`manager_${name}`]
    return typeof value === 'string' || typeof value === 'number' ? String(value) : standard
  }
  const place = `${text('hostname', host)}:${text('port', String(PORT))}`
  const login = Buffer.from(`${text('userid', username)}:${text('password', password)}`).toString('base64')
  const answer = await ask(`http://${place}/api/bindings/${encodeURIComponent(vhost)}`, login, place)
  if (!Array.isArray(answer)) throw unusable(place, 'its answer is no list')
  return answer.filter(isRecord).flatMap((binding) => {
    const { destination, destination_type: type, source, routing_key: routingKey } = binding
    return type === 'queue'
      ? [{ queue: String(destination), exchange: String(source), routingKey: String(routingKey) }]
      : []
  })
}

async function ask(url: string, login: string, place: string): Promise<unknown> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT)
    const response = await fetch(url, { headers: { authorization: `Basic ${login}` }, signal })
    if (!response.ok) throw unusable(place, `it answered ${response.status} ${response.statusText}`)
    return await response.json()
  } catch (cause) {
    if (cause instanceof ConnectionError) throw cause
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
    throw unusable(place, reason instanceof Error ? reason.message : String(reason), cause)
  }
}

function unusable(place: string, reason: string, cause?: unknown): ConnectionError {
  return new ConnectionError(
    `RabbitMQ tells its bindings only through its management plug-in, which is of no use at ${place}: ${reason}. ` +
      'Enable it (rabbitmq-plugins enable rabbitmq_management), or say where it is by the transport options ' +
      'manager_hostname and manager_port',
    { cause },
  )
}
