/** Redis as a broker, on kombu's layout: Python and we share queues, bindings and unacknowledged messages. */
import { systemClock } from '../../../util/clock.ts'
import type { Transport } from '../../transport.ts'
import { virtualTransport } from '../../virtual/virtual-transport.ts'
import { Inheritance } from './inheritance.ts'
import { redisOptions } from './redis-options.ts'
import { openRedisStore } from './redis-store.ts'

/** By URL, so that two connections of this process to the same broker know of each other. */
const inheritances = new Map<string, Inheritance>()

function inheritanceOf(url: string): Inheritance {
  const known = inheritances.get(url) ?? new Inheritance()
  inheritances.set(url, known)
  return known
}

/**
 * `redis://`, `rediss://`, `redis+socket://` and `sentinel://`. Lower priorities are served first. Transport options are
 * kombu's; see `redisOptions`. Needs the package `ioredis`.
 */
export const redisTransport: Transport = virtualTransport({
  name: 'redis',
  features: {
    exchangeTypes: new Set(['direct', 'topic', 'fanout']),
    priorities: { levels: 4, lowFirst: true },
    mandatory: true,
  },
  open: (options) =>
    openRedisStore(redisOptions(options), {
      warn: options.warn ?? (() => undefined),
      clock: systemClock,
      inheritance: inheritanceOf(options.url),
    }),
})
