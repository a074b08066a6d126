import { ImproperlyConfigured } from '../../errors.ts'
import { didYouMean } from '../../util/text.ts'
import type { Transport } from '../transport.ts'

/** Modules of the transports, by URL scheme; each is loaded when its scheme is first used. */
const TRANSPORTS: ReadonlyMap<string, () => Promise<Transport>> = new Map([
  ['memory', async () => (await import('./memory.ts')).memoryTransport],
  ['sqlite', async () => (await import('./sqlite/transport.ts')).sqliteTransport],
  ['redis', async () => (await import('./redis/transport.ts')).redisTransport],
  ['rediss', async () => (await import('./redis/transport.ts')).redisTransport],
  ['redis+socket', async () => (await import('./redis/transport.ts')).redisTransport],
  ['sentinel', async () => (await import('./redis/transport.ts')).redisTransport],
  ['sqs', async () => (await import('./sqs/transport.ts')).sqsTransport],
  ['amqp', async () => (await import('./amqp/transport.ts')).amqpTransport],
  ['amqps', async () => (await import('./amqp/transport.ts')).amqpTransport],
  ['pyamqp', async () => (await import('./amqp/transport.ts')).amqpTransport],
])

/** URL schemes that name a transport. */
export const transportSchemes: readonly string[] = [...TRANSPORTS.keys()]

/**
 * The transport of a broker URL. Celery/kombu: `resolve_transport`.
 * @throws ImproperlyConfigured when the scheme names none.
 */
export async function resolveTransport(url: string): Promise<Transport> {
  const scheme = url.split('://', 1)[0] ?? ''
  const load = TRANSPORTS.get(scheme.toLowerCase())
  if (load === undefined) {
    const begin = `must begin with one of ${transportSchemes.map((known) => `${known}://`).join(', ')}`
    // What stands in front of an @ may be a password.
    const shown = JSON.stringify(scheme.replace(/^.*@/, '…@'))
    throw new ImproperlyConfigured(
      url.includes('://')
        ? `No broker transport is called ${shown}${didYouMean(scheme, transportSchemes)}: the broker URL ${begin}`
        : `The broker URL ${shown} has no scheme: it ${begin}`,
    )
  }
  return load()
}
