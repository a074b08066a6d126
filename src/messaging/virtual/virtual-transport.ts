/** Makes a broker with exchanges, prefetch and acknowledgements out of a `QueueStore`. kombu: `virtual.Transport`. */
import { ImproperlyConfigured } from '../../errors.ts'
import type { Clock } from '../../util/clock.ts'
import { systemClock } from '../../util/clock.ts'
import type { Transport, TransportFeatures, TransportOptions } from '../transport.ts'
import { VirtualConnection } from './connection.ts'
import { LocalBindings } from './local-bindings.ts'
import type { QueueStore } from './queue-store.ts'

/** What makes a transport of a store. */
export interface VirtualTransportOptions {
  /** e.g. `redis`. */
  readonly name: string
  /** Opens the store behind a URL, a new one for each connection. Rejects with `ConnectionError`. */
  readonly open: (options: TransportOptions) => Promise<QueueStore>
  /**
   * What is known of the broker before a store is open. Default: direct and topic exchanges, no priorities, persistent
   * and shared. A connection's features are what its store says, on top of these.
   */
  readonly features?: Partial<TransportFeatures>
  /** Default: the system's. */
  readonly clock?: Clock
}

const DEFAULT_FEATURES: TransportFeatures = {
  exchangeTypes: new Set(['direct', 'topic']),
  priorities: { levels: 0, lowFirst: false },
  persistent: true,
  redeliversOnDisconnect: false,
  mandatory: false,
  shared: true,
  messageTtl: false,
}

/**
 * The transport of a store. Transport options understood here: `deadletter_queue` (a queue that gets what no queue is
 * bound for; default: such messages are dropped).
 */
export function virtualTransport(options: VirtualTransportOptions): Transport {
  const { name, open, clock = systemClock } = options
  const features = { ...DEFAULT_FEATURES, ...options.features }
  /** By URL: two connections of this process to the same broker must see the same bindings. */
  const localBindings = new Map<string, LocalBindings>()
  const bindingsFor = (url: string): LocalBindings => {
    const known = localBindings.get(url) ?? new LocalBindings()
    localBindings.set(url, known)
    return known
  }
  return {
    name,
    features,
    async connect(connectOptions) {
      const deadLetterQueue = queueName(connectOptions.transportOptions['deadletter_queue'])
      const store = await open(connectOptions)
      return new VirtualConnection({
        name,
        store,
        features: featuresOf(store, features),
        bindings: store.bindings ?? bindingsFor(connectOptions.url),
        deadLetterQueue,
        clock,
      })
    },
  }
}

function featuresOf(store: QueueStore, declared: TransportFeatures): TransportFeatures {
  const exchangeTypes = new Set(declared.exchangeTypes)
  // Without broadcasts of its own, a store that shares its bindings gets a copy into every queue that is bound.
  if (store.fanout !== undefined || store.bindings !== undefined) exchangeTypes.add('fanout')
  const { priorities, persistent, shared, messageTtl } = store.features
  return {
    ...declared,
    exchangeTypes,
    priorities,
    persistent,
    shared,
    messageTtl,
    mandatory: store.bindings !== undefined,
  }
}

function queueName(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' && value !== '') return value
  throw new ImproperlyConfigured(
    `The transport option deadletter_queue must be the name of a queue, not ${JSON.stringify(value)}`,
  )
}
