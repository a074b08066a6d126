/**
 * Queues in Redis, laid out as kombu does, so that Python and we share them.
 *
 * States: **open** → **closing** (`close` was called: nothing is taken any more, what is held goes back) → **closed**;
 * when a connection is lost, **open** → **closed** at once, with the reason. What was held is then on record, and other
 * consumers restore it within seconds.
 *
 * Beyond kombu: taking and recording is one step in the server, for many messages at a time; leases are renewed; a dead
 * consumer is noticed; what is no message is put aside into the list `celeriac:dead:<queue>` instead of being lost.
 */
import { ConnectionError } from '../../../errors.ts'
import { waitOrAbort } from '../../../util/abort.ts'
import type { Clock } from '../../../util/clock.ts'
import { Deferred } from '../../../util/deferred.ts'
import { openRedis } from '../../../util/redis/open-redis.ts'
import type { RedisCommand, RedisConnection } from '../../../util/redis/redis-connection.ts'
import { encodeEnvelope } from '../../virtual/envelope.ts'
import type {
  Fanout,
  QueueStore,
  QueueStoreDeclaration,
  QueueStoreFeatures,
  StoredMessage,
  Taken,
} from '../../virtual/queue-store.ts'
import { Caretaker } from './caretaker.ts'
import type { Inheritance, Legacy } from './inheritance.ts'
import { connectionName, Presence } from './presence.ts'
import { RedisBindings } from './redis-bindings.ts'
import { RedisFanout } from './redis-fanout.ts'
import { RedisKeys } from './redis-keys.ts'
import type { RedisOptions } from './redis-options.ts'
import { PURGE } from './redis-scripts.ts'
import { RedisSubscriber } from './redis-subscriber.ts'
import { Restorer } from './restorer.ts'
import type { TakeRequest } from './taker.ts'
import { Taker } from './taker.ts'
import type { HeldMessage } from './unacked.ts'
import { Unacked } from './unacked.ts'
import { Wake } from './wake.ts'

/** What a store works with besides its options. */
export interface RedisStoreContext {
  /** What stores of this process leave to those that come after them. Default: nothing. */
  readonly inheritance?: Inheritance | undefined
  readonly warn: (message: string) => void
  readonly clock: Clock
}

/** Leases are renewed at least this often, in milliseconds. */
const LONGEST_RENEWAL = 60_000
/** How long a closing store waits for a server that does not answer, in milliseconds. */
const CLOSE_TIMEOUT = 10_000

/** Opens a store. Rejects with `ConnectionError`. */
export async function openRedisStore(options: RedisOptions, context: RedisStoreContext): Promise<RedisStore> {
  for (const warning of options.target.warnings) context.warn(warning)
  const connection = await openRedis(options.target)
  // Only for people who look at CLIENT LIST: users who may not give names can do without.
  void connection.send('CLIENT', 'SETNAME', connectionName(options.clientName)).catch(() => undefined)
  return new RedisStore(connection, options, context)
}

/** See the module's description. */
export class RedisStore implements QueueStore {
  readonly features: QueueStoreFeatures
  readonly closed: Promise<Error | undefined>
  readonly lease: NonNullable<QueueStore['lease']>
  readonly postpone: QueueStore['postpone']
  readonly bindings: RedisBindings
  readonly fanout: Fanout
  readonly #connection: RedisConnection
  readonly #options: RedisOptions
  readonly #keys: RedisKeys
  readonly #unacked: Unacked
  readonly #subscriber: RedisSubscriber
  readonly #wake: Wake
  readonly #taker: Taker
  readonly #caretaker: Caretaker
  readonly #presence: Presence
  readonly #inheritance: Inheritance | undefined
  /** Taken over, and not handed out yet. */
  #inherited: readonly HeldMessage[] = []
  /** Queues of which was asked what a store before this one held. */
  readonly #claimed = new Set<string>()
  readonly #closed = new Deferred<Error | undefined>()
  /** Milliseconds after which a queue without activity goes. AMQP: `x-expires`. */
  readonly #expiring = new Map<string, number>()
  /** Of the last `take` that waited. */
  #awaited: readonly string[] = []
  /** On this connection, as far as that was told. */
  #consumed: readonly string[] | undefined
  #closing: Promise<void> | undefined

  /** Use `openRedisStore`. */
  constructor(connection: RedisConnection, options: RedisOptions, context: RedisStoreContext) {
    const { warn, clock, inheritance } = context
    const { prioritySteps, visibilityTimeout, pollingInterval, clientName, bodyEncoding } = options
    const keys = new RedisKeys(options)
    const fail = (reason: Error): void => this.#fail(reason)
    const open = (): Promise<RedisConnection> => openRedis(options.target)
    this.#connection = connection
    this.#inheritance = inheritance
    this.#options = options
    this.#keys = keys
    this.closed = this.#closed.promise
    this.features = {
      priorities: { levels: prioritySteps.length, lowFirst: true },
      persistent: true,
      shared: true,
      messageTtl: false,
    }
    this.#unacked = new Unacked(connection, keys)
    this.lease = {
      everyMs: Math.min(LONGEST_RENEWAL, visibilityTimeout / 3),
      renew: (taken) => this.#orFail(this.#unacked.renew(taken)),
    }
    if (options.ackEmulation) {
      this.postpone = (postponed) => this.#unacked.postpone(postponed, visibilityTimeout)
    }
    this.#subscriber = new RedisSubscriber(open, fail)
    this.bindings = new RedisBindings({
      connection,
      keys,
      separator: options.separator,
      expires: (queue) => this.#expiring.get(queue),
    })
    this.fanout = new RedisFanout({ connection, subscriber: this.#subscriber, keys, bodyEncoding, warn })
    this.#wake = new Wake({
      connection,
      subscriber: this.#subscriber,
      open: () => openRedis({ ...options.target, socketTimeout: undefined }),
      maxBlocking: options.maxConnections - 2,
      pollingInterval,
      clock,
      warn,
      ignored: new Set([keys.unacked, keys.unackedIndex, keys.unackedMutex, keys.consumers]),
      lost: fail,
    })
    const { consumer } = this.#unacked
    const reconnected = inheritance?.broken ?? false
    this.#presence = new Presence({ connection, keys, consumer, clientName, reconnected, warn })
    this.#taker = new Taker({ connection, keys, options, unacked: this.#unacked, wake: this.#wake, warn })
    this.#caretaker = new Caretaker({
      connection,
      subscriber: this.#subscriber,
      presence: this.#presence,
      restorer: new Restorer({
        connection,
        keys,
        bindings: this.bindings,
        unacked: this.#unacked,
        options,
        warn,
      }),
      options,
      clock,
      warn,
      keepQueues: () => this.#keepUsed(),
      keepBindings: () => this.bindings.refresh(this.#used),
    })
    void connection.closed.then((reason) => {
      if (reason !== undefined) fail(reason)
    })
  }

  async declare(queue: string, { arguments: args }: QueueStoreDeclaration): Promise<void> {
    const expires = Number(args['x-expires'])
    if (Number.isInteger(expires) && expires > 0) this.#expiring.set(queue, expires)
    else this.#expiring.delete(queue)
    await this.#keepQueues([queue])
  }

  /**
   * What a store before this one held is ours at once, though there be no room for it: others would take us for dead.
   * What of it belongs to queues that are not consumed any more goes back.
   */
  async consuming(queues: readonly string[]): Promise<void> {
    this.#consumed = queues
    await this.#orFail(this.#claim(queues))
    const unwanted = this.#inherited.filter(({ queue }) => !queues.includes(queue))
    if (unwanted.length === 0) return
    this.#inherited = this.#inherited.filter((message) => !unwanted.includes(message))
    await this.#unacked.restore(unwanted, 'front')
  }

  async put(queue: string, messages: readonly StoredMessage[]): Promise<void> {
    const { bodyEncoding } = this.#options
    const [first] = messages
    if (first === undefined) return
    const list = this.#keys.listFor(queue, first.properties)
    if (messages.every(({ properties }) => this.#keys.listFor(queue, properties) === list)) {
      const envelopes = messages.map((message) => encodeEnvelope(message, bodyEncoding))
      await this.#connection.sendAll('LPUSH', [list, ...envelopes])
    } else {
      const lists = Map.groupBy(messages, ({ properties }) => this.#keys.listFor(queue, properties))
      await this.#connection.transaction(
        [...lists].map(([name, some]) => {
          return ['LPUSH', name, ...some.map((message) => encodeEnvelope(message, bodyEncoding))] as const
        }),
      )
    }
    await this.#keepQueues([queue])
  }

  async take(
    queues: readonly string[],
    { max, signal, wait }: { readonly max: number; readonly signal: AbortSignal; readonly wait: boolean },
  ): Promise<readonly Taken[]> {
    if (queues.length === 0 || max <= 0) return []
    if (this.#closing !== undefined)
      throw new ConnectionError('The connection to Redis is closed: connect again')
    if (wait) return this.#orFail(this.#await(queues, max, signal))
    if (this.#options.ackEmulation) await this.#caretaker.start()
    return this.#take(queues, { max, signal, wait })
  }

  async #await(queues: readonly string[], max: number, signal: AbortSignal): Promise<readonly Taken[]> {
    if (this.#options.ackEmulation) await this.#caretaker.start()
    this.#awaited = queues
    await this.#wake.start()
    const inherited = await this.#inherit(queues, max)
    return inherited.length > 0 ? inherited : this.#take(queues, { max, signal, wait: true })
  }

  async #take(queues: readonly string[], request: TakeRequest): Promise<readonly Taken[]> {
    const taken = await this.#taker.take(queues, request)
    if (taken.length > 0) await this.#keepQueues(queues)
    return taken
  }

  /** A server that refuses to be consumed has broken the connection: what is held goes to the next one. */
  async #orFail<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  /** What a store before this one held comes first. */
  async #inherit(queues: readonly string[], max: number): Promise<readonly HeldMessage[]> {
    await this.#claim(queues)
    if (this.#inherited.length === 0) return []
    const taken = this.#inherited.filter(({ queue }) => queues.includes(queue)).slice(0, max)
    this.#inherited = this.#inherited.filter((message) => !taken.includes(message))
    return taken
  }

  /** Asks once for each queue. */
  async #claim(queues: readonly string[]): Promise<void> {
    const first = queues.filter((queue) => !this.#claimed.has(queue))
    for (const queue of first) this.#claimed.add(queue)
    const legacies = first.length > 0 ? (this.#inheritance?.claim(first) ?? []) : []
    if (legacies.length > 0) await this.#takeOver(legacies)
  }

  async #takeOver(legacies: readonly Legacy[]): Promise<void> {
    try {
      await this.#caretaker.start()
      const inherited = await this.#unacked.inherit(legacies)
      this.#inherited = [...this.#inherited, ...inherited]
    } catch (error) {
      // Broken again: the next store may do better.
      this.#inheritance?.leave(legacies)
      throw error
    }
  }

  settle(taken: readonly Taken[]): Promise<void> {
    return this.#unacked.settle(taken)
  }

  restore(taken: readonly Taken[], position: 'front' | 'back'): Promise<void> {
    return this.#unacked.restore(taken, position)
  }

  /** Nobody knows all consumers. Only what expires by itself is surely one's own; the rest stays, as with kombu. */
  async consumedElsewhere(queue: string): Promise<boolean> {
    return !this.#expiring.has(queue)
  }

  async exists(queue: string): Promise<boolean> {
    return Number(await this.#connection.send('EXISTS', ...this.#keys.lists(queue))) > 0
  }

  async size(queue: string): Promise<number> {
    return sum(await this.#sendEach(this.#forEachList(queue, 'LLEN')))
  }

  async purge(queue: string): Promise<number> {
    return Number(await this.#connection.run(PURGE, this.#keys.lists(queue), []))
  }

  async remove(queue: string): Promise<void> {
    this.#expiring.delete(queue)
    await this.#connection.send('DEL', ...this.#keys.lists(queue))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await waitOrAbort(this.#leave(), { timeout: CLOSE_TIMEOUT }, 'Redis to take held messages back')
    } catch (error) {
      this.#connection.destroy(error instanceof Error ? error : new Error(String(error)))
      throw error
    } finally {
      await Promise.all([this.#subscriber.close(), this.#connection.close()])
      this.#closed.resolve(undefined)
    }
  }

  /** What is held goes back, and nobody has to look for us. */
  async #leave(): Promise<void> {
    await Promise.all([this.#caretaker.stop(), this.#taker.stop()])
    await this.#unacked.restoreAll()
    await this.#presence.unregister()
  }

  #fail(reason: Error): void {
    if (this.#closing !== undefined) return
    this.#closing = Promise.resolve()
    this.#inheritance?.leave(this.#unacked.held)
    void this.#caretaker.stop()
    void this.#taker.stop()
    this.#connection.destroy(reason)
    void this.#subscriber.close()
    this.#closed.resolve(reason)
  }

  #forEachList(queue: string, command: string): readonly RedisCommand[] {
    return this.#keys.lists(queue).map((list) => [command, list] as const)
  }

  get #used(): readonly string[] {
    return this.#consumed ?? this.#awaited
  }

  /** What was taken over is renewed from here until it is handed out: then it is by who got it. */
  async #keepUsed(): Promise<void> {
    if (this.#inherited.length > 0) await this.#unacked.renew(this.#inherited)
    await this.#keepQueues(this.#used)
  }

  /** What expires must not while it is used. */
  async #keepQueues(queues: readonly string[]): Promise<void> {
    if (this.#expiring.size === 0) return
    const commands = queues.flatMap((queue) => {
      const expires = this.#expiring.get(queue)
      return expires === undefined
        ? []
        : this.#keys.lists(queue).map((list) => ['PEXPIRE', list, expires] as const)
    })
    await this.#sendEach(commands)
  }

  /** They go together, but not as a transaction: a server that is full would refuse that. */
  #sendEach(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    return Promise.all(commands.map((command) => this.#connection.send(...command)))
  }
}

function sum(numbers: readonly unknown[]): number {
  return numbers.reduce((total: number, number) => total + Number(number), 0)
}
