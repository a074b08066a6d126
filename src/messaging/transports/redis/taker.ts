/** Takes messages out of the lists of queues, and waits for them. */
import { DecodeError } from '../../../errors.ts'
import type { RedisConnection } from '../../../util/redis/redis-connection.ts'
import { decodeEnvelope } from '../../virtual/envelope.ts'
import { QueueOrder } from './queue-order.ts'
import type { RedisKeys } from './redis-keys.ts'
import type { RedisOptions } from './redis-options.ts'
import { TAKE } from './redis-scripts.ts'
import { HeldMessage, recordTail, type Unacked } from './unacked.ts'
import type { Wake } from './wake.ts'

/** What a `Taker` works with. */
export interface TakerOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  readonly options: Pick<RedisOptions, 'queueOrder' | 'ackEmulation' | 'prioritySteps'>
  readonly unacked: Unacked
  readonly wake: Wake
  readonly warn: (message: string) => void
}

/** What to take. */
export interface TakeRequest {
  readonly max: number
  readonly signal: AbortSignal
  readonly wait: boolean
}

/** How to ask for messages of certain queues in a certain order; made once, since it is asked again and again. */
interface Plan {
  readonly queues: readonly string[]
  /** All lists of all queues, in the order in which they are served. */
  readonly lists: readonly string[]
  /** Keys of the script. */
  readonly keys: readonly string[]
  /** Arguments of the script behind those that change. */
  readonly args: readonly (string | number)[]
}

/** What the server gave. */
interface Haul {
  readonly taken: readonly HeldMessage[]
  /** There was no more, and the server tells of the next message. */
  readonly drained: boolean
}

const PLANS_LIMIT = 64
/** No name of a queue contains it. */
const SEPARATOR = '\0'

/** See the module's description. */
export class Taker {
  readonly #options: TakerOptions
  readonly #order: QueueOrder
  readonly #plans = new Map<string, Plan>()
  /** Lists of lower priority in which there was something: worth to be waited for, too. */
  readonly #seen = new Set<string>()
  /** Queues that were found empty, with the wake-up after which they were: until the next one there is nothing there. */
  readonly #drained = new Map<string, number>()
  readonly #taking = new Set<Promise<unknown>>()
  #stopped = false

  constructor(options: TakerOptions) {
    this.#options = options
    this.#order = new QueueOrder(options.options.queueOrder)
  }

  /** See `QueueStore.take`. */
  async take(queues: readonly string[], { max, signal, wait }: TakeRequest): Promise<readonly HeldMessage[]> {
    const { wake } = this.#options
    const id = queues.join(SEPARATOR)
    while (!signal.aborted && !this.#stopped) {
      const plan = this.#plan(this.#order.arrange(queues))
      const { generation } = wake
      if (!wait || this.#drained.get(id) !== generation) {
        const { taken, drained } = await this.#tracked(this.#once(plan, max, wait))
        if (drained && wake.told) this.#markDrained(id, generation)
        if (taken.length > 0 || !wait) return taken
      }
      await wake.wait(generation, this.#watched(plan), signal)
      // It may have been the time to look in any case.
      this.#drained.delete(id)
    }
    return []
  }

  /** Takes nothing any more; those who wait get nothing. Resolves when nothing is being taken. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#options.wake.close()
    await Promise.allSettled(this.#taking)
  }

  #markDrained(id: string, generation: number): void {
    if (this.#drained.size >= PLANS_LIMIT) this.#drained.clear()
    this.#drained.set(id, generation)
  }

  async #tracked<T>(taking: Promise<T>): Promise<T> {
    this.#taking.add(taking)
    try {
      return await taking
    } finally {
      this.#taking.delete(taking)
    }
  }

  async #once(plan: Plan, max: number, wait: boolean): Promise<Haul> {
    const { connection, unacked, options, wake } = this.#options
    const tags = options.ackEmulation ? unacked.nextTags() : ''
    const watch = wait && wake.mode === 'tracking' ? 1 : 0
    const reply = await connection.run(TAKE, plan.keys, [max, tags, watch, ...plan.args])
    const taken: HeldMessage[] = []
    let drained = false
    if (!Array.isArray(reply)) return { taken, drained }
    let number = 0
    for (let index = 0; index < reply.length; index += 2) {
      const list = Number(reply[index])
      const envelopes: unknown = reply[index + 1]
      if (list === 0) {
        drained = true
        continue
      }
      if (!Array.isArray(envelopes)) {
        this.#warnOfDead(plan.queues[-list - 1] ?? '', Number(envelopes))
        continue
      }
      const queue = plan.queues[(list - 1) % plan.queues.length] ?? ''
      const name = plan.lists[list - 1] ?? ''
      if (list > plan.queues.length) this.#seen.add(name)
      this.#order.served(queue)
      for (const envelope of envelopes) {
        number += 1
        const message = await this.#read(queue, tags && tags + number, name, String(envelope))
        if (message !== undefined) taken.push(message)
      }
    }
    return { taken, drained }
  }

  async #read(queue: string, tag: string, list: string, envelope: string): Promise<HeldMessage | undefined> {
    const { unacked } = this.#options
    try {
      const message = new HeldMessage(queue, decodeEnvelope(envelope), tag, list, envelope)
      unacked.hold(message)
      return message
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      await unacked.bury(tag, queue, envelope)
      this.#warnOfDead(queue, 1)
      return undefined
    }
  }

  #warnOfDead(queue: string, count: number): void {
    const { keys, warn } = this.#options
    warn(
      `${count} item(s) of queue ${JSON.stringify(queue)} that are no messages were put aside into the list ` +
        `${JSON.stringify(keys.dead(queue))}`,
    )
  }

  /** The lists to block on where that takes a connection each: the first of each queue, and others that are used. */
  #watched({ lists, queues }: Plan): readonly string[] {
    return lists.filter((list, index) => index < queues.length || this.#seen.has(list))
  }

  #plan(queues: readonly string[]): Plan {
    const id = queues.join(SEPARATOR)
    const known = this.#plans.get(id)
    if (known !== undefined) return known
    const { keys, options } = this.#options
    const perQueue = queues.map((queue) => keys.lists(queue))
    const lists = options.prioritySteps.flatMap((_, step) => perQueue.map((each) => each[step] ?? ''))
    const plan = {
      queues,
      lists,
      keys: [keys.unacked, keys.unackedIndex, ...lists, ...queues.map((queue) => keys.dead(queue))],
      args: [queues.length, ...queues.map(recordTail)],
    }
    if (this.#plans.size >= PLANS_LIMIT) this.#plans.clear()
    this.#plans.set(id, plan)
    return plan
  }
}
