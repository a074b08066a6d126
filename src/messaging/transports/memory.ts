/**
 * `memory://`: a broker inside this process, for tests and for programs that are client and worker in one.
 *
 * Everybody who connects to the same URL in this process meets the same queues: `memory://` and `memory://other` are
 * two brokers. Messages live as long as the process, whether anybody is connected or not.
 */
import { ConnectionError } from '../../errors.ts'
import type { Clock } from '../../util/clock.ts'
import { systemClock } from '../../util/clock.ts'
import { Deferred } from '../../util/deferred.ts'
import type { Transport } from '../transport.ts'
import { LocalBindings } from '../virtual/local-bindings.ts'
import type {
  BindingTable,
  QueueStore,
  QueueStoreDeclaration,
  QueueStoreFeatures,
  StoredMessage,
  Taken,
} from '../virtual/queue-store.ts'
import { virtualTransport } from '../virtual/virtual-transport.ts'

const FEATURES: QueueStoreFeatures = {
  priorities: { levels: 10, lowFirst: true },
  persistent: false,
  shared: false,
  messageTtl: true,
}

class Entry {
  readonly message: StoredMessage
  /** Monotonic time after which it is dropped. */
  readonly expiresAt: number

  constructor(message: StoredMessage, expiresAt: number) {
    this.message = message
    this.expiresAt = expiresAt
  }
}

/** The waiting messages of one priority: oldest first, before them what was put back to the front. */
class Bucket {
  #entries: (Entry | undefined)[] = []
  #head = 0
  /** Last in, first out. */
  readonly #front: Entry[] = []

  get size(): number {
    return this.#front.length + this.#entries.length - this.#head
  }

  push(entry: Entry): void {
    this.#entries.push(entry)
  }

  unshift(entry: Entry): void {
    this.#front.push(entry)
  }

  peek(): Entry | undefined {
    return this.#front.at(-1) ?? this.#entries[this.#head]
  }

  shift(): Entry | undefined {
    const front = this.#front.pop()
    if (front !== undefined) return front
    const entry = this.#entries[this.#head]
    if (entry === undefined) return undefined
    this.#entries[this.#head++] = undefined
    // Moved only when half of it is empty, so that a message is moved once at most on average.
    if (this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return entry
  }

  clear(): void {
    this.#entries = []
    this.#head = 0
    this.#front.length = 0
  }
}

class MemoryQueue {
  readonly #clock: Clock
  readonly #buckets = Array.from({ length: FEATURES.priorities.levels }, () => new Bucket())
  #ttl: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  declare(declaration: QueueStoreDeclaration): void {
    this.#ttl = milliseconds(declaration.arguments['x-message-ttl'])
  }

  get size(): number {
    let size = 0
    for (let level = 0; level < this.#buckets.length; level++) size += this.#bucket(level)?.size ?? 0
    return size
  }

  put(message: StoredMessage): void {
    const ttl = milliseconds(message.properties.expiration) ?? this.#ttl ?? Number.POSITIVE_INFINITY
    const expiresAt =
      ttl === Number.POSITIVE_INFINITY ? ttl : this.#clock.monotonic() + Math.min(ttl, this.#ttl ?? ttl)
    this.#buckets[levelOf(message)]?.push(new Entry(message, expiresAt))
  }

  /** Puts a message back; its time to live goes on. */
  putBack({ message, expiresAt }: Entry, position: 'front' | 'back'): void {
    const again = message.redelivered ? message : { ...message, redelivered: true }
    const bucket = this.#buckets[levelOf(message)]
    if (position === 'front') bucket?.unshift(new Entry(again, expiresAt))
    else bucket?.push(new Entry(again, expiresAt))
  }

  /** The next message of a level. */
  shift(level: number): Entry | undefined {
    return this.#bucket(level)?.shift()
  }

  clear(): void {
    for (const bucket of this.#buckets) bucket.clear()
  }

  /** The bucket without what has expired at its front. */
  #bucket(level: number): Bucket | undefined {
    const bucket = this.#buckets[level]
    for (let entry = bucket?.peek(); entry !== undefined; entry = bucket?.peek()) {
      if (entry.expiresAt === Number.POSITIVE_INFINITY || entry.expiresAt > this.#clock.monotonic()) break
      bucket?.shift()
    }
    return bucket
  }
}

function levelOf({ properties }: StoredMessage): number {
  return Math.min(Math.max(Math.trunc(properties.priority ?? 0) || 0, 0), FEATURES.priorities.levels - 1)
}

function milliseconds(value: unknown): number | undefined {
  const ms = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof ms === 'number' && ms >= 0 ? ms : undefined
}

/** Somebody who waits for messages. */
interface Waiter {
  readonly queues: readonly string[]
  readonly max: number
  readonly resolve: (taken: readonly Taken[]) => void
}

/** The queues behind one URL. */
class MemoryBroker {
  readonly bindings: BindingTable = new LocalBindings()
  /** Queues that are consumed, by connection. */
  readonly consumed: Map<QueueStore, readonly string[]> = new Map()
  readonly #clock: Clock
  readonly #queues = new Map<string, MemoryQueue>()
  readonly #waiters = new Set<Waiter>()
  #turn = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  queue(name: string): MemoryQueue {
    let queue = this.#queues.get(name)
    if (queue === undefined) {
      queue = new MemoryQueue(this.#clock)
      this.#queues.set(name, queue)
    }
    return queue
  }

  has(name: string): boolean {
    return this.#queues.has(name)
  }

  size(name: string): number {
    return this.#queues.get(name)?.size ?? 0
  }

  remove(name: string): void {
    this.#queues.delete(name)
  }

  /** Wakes who waits for the queue, the longest waiting first, as long as there are messages. */
  announce(name: string): void {
    for (const waiter of this.#waiters) {
      if (!waiter.queues.includes(name)) continue
      const taken = this.take(waiter.queues, waiter.max)
      if (taken.length === 0) return
      this.#waiters.delete(waiter)
      waiter.resolve(taken)
    }
  }

  take(queues: readonly string[], max: number): readonly Taken[] {
    const taken: Taken[] = []
    const known: { readonly name: string; readonly queue: MemoryQueue }[] = []
    for (const name of queues) {
      const queue = this.#queues.get(name)
      if (queue !== undefined) known.push({ name, queue })
    }
    // Urgent ones first, whatever queue they are in; queues in turn, another one beginning each time.
    const start = this.#turn++ % Math.max(1, known.length)
    for (let level = 0; level < FEATURES.priorities.levels; level++) {
      let left = [...known.slice(start), ...known.slice(0, start)]
      while (left.length > 0 && taken.length < max) {
        left = left.filter(({ name, queue }) => {
          const entry = taken.length < max ? queue.shift(level) : undefined
          if (entry !== undefined) taken.push({ queue: name, message: entry.message, handle: entry })
          return entry !== undefined
        })
      }
    }
    return taken
  }

  wait(queues: readonly string[], max: number, signal: AbortSignal): Promise<readonly Taken[]> {
    const { promise, resolve } = Promise.withResolvers<readonly Taken[]>()
    const onAbort = (): void => {
      if (this.#waiters.delete(waiter)) resolve([])
    }
    const waiter: Waiter = {
      queues,
      max,
      resolve: (taken) => {
        signal.removeEventListener('abort', onAbort)
        resolve(taken)
      },
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiters.add(waiter)
    return promise
  }
}

/** One connection's view of a `MemoryBroker`. */
class MemoryStore implements QueueStore {
  readonly features = FEATURES
  readonly bindings: BindingTable
  readonly closed: Promise<Error | undefined>
  readonly #broker: MemoryBroker
  readonly #closed = new Deferred<Error | undefined>()

  constructor(broker: MemoryBroker) {
    this.#broker = broker
    this.bindings = broker.bindings
    this.closed = this.#closed.promise
  }

  async declare(queue: string, declaration: QueueStoreDeclaration): Promise<void> {
    this.#check()
    this.#broker.queue(queue).declare(declaration)
  }

  async consuming(queues: readonly string[]): Promise<void> {
    this.#broker.consumed.set(this, queues)
  }

  async consumedElsewhere(queue: string): Promise<boolean> {
    return [...this.#broker.consumed].some(([store, queues]) => store !== this && queues.includes(queue))
  }

  async exists(queue: string): Promise<boolean> {
    return this.#broker.has(queue)
  }

  async put(queue: string, messages: readonly StoredMessage[]): Promise<void> {
    this.#check()
    const target = this.#broker.queue(queue)
    for (const message of messages) target.put(message)
    this.#broker.announce(queue)
  }

  async take(
    queues: readonly string[],
    { max, signal, wait }: { readonly max: number; readonly signal: AbortSignal; readonly wait: boolean },
  ): Promise<readonly Taken[]> {
    this.#check()
    if (signal.aborted) return []
    const taken = this.#broker.take(queues, max)
    return taken.length > 0 || !wait ? taken : this.#broker.wait(queues, max, signal)
  }

  async settle(): Promise<void> {
    this.#check()
  }

  async restore(taken: readonly Taken[], position: 'front' | 'back'): Promise<void> {
    this.#check()
    const touched = new Set<string>()
    for (const { queue, handle } of position === 'front' ? taken.toReversed() : taken) {
      if (handle instanceof Entry) this.#broker.queue(queue).putBack(handle, position)
      touched.add(queue)
    }
    for (const queue of touched) this.#broker.announce(queue)
  }

  async size(queue: string): Promise<number> {
    return this.#broker.size(queue)
  }

  async purge(queue: string): Promise<number> {
    const size = this.#broker.size(queue)
    if (size > 0) this.#broker.queue(queue).clear()
    return size
  }

  async remove(queue: string): Promise<void> {
    this.#broker.remove(queue)
  }

  async close(): Promise<void> {
    this.#broker.consumed.delete(this)
    this.#closed.resolve(undefined)
  }

  #check(): void {
    if (this.#closed.settled) throw new ConnectionError('The connection to memory is closed: connect again')
  }
}

/** A transport with brokers of its own, so that a test shares them with nobody. */
export function createMemoryTransport({ clock = systemClock }: { readonly clock?: Clock } = {}): Transport {
  const brokers = new Map<string, MemoryBroker>()
  return virtualTransport({
    name: 'memory',
    features: { ...FEATURES, exchangeTypes: new Set(['direct', 'topic', 'fanout']), mandatory: true },
    clock,
    open: async ({ url }) => {
      const name = url.replace(/[/]+$/, '')
      const broker = brokers.get(name) ?? new MemoryBroker(clock)
      brokers.set(name, broker)
      return new MemoryStore(broker)
    },
  })
}

/** The transport of `memory://`. */
export const memoryTransport: Transport = createMemoryTransport()
