import { Exchange } from '../messaging/entity.ts'

/** Brokers whose topic exchanges would store what nobody waits for; their broadcasts do not. */
const BROADCASTING = /^(rediss?|redis\+socket|sentinel|gcpubsub|sqlite):/i

/**
 * The exchange of events at a broker: a topic exchange, but a fanout exchange where that is what broadcasts.
 * Celery: `get_exchange`.
 * @param url of the broker.
 */
export function eventExchange(url: string, name: string): Exchange {
  return new Exchange(name, { type: BROADCASTING.test(url) ? 'fanout' : 'topic' })
}
