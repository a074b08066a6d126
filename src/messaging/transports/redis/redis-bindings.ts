import type { RedisConnection } from '../../../util/redis/redis-connection.ts'
import type { BindingTable, StoredBinding } from '../../virtual/queue-store.ts'
import type { RedisKeys } from './redis-keys.ts'
import { BIND, BIND_LASTING, SWEEP } from './redis-scripts.ts'

/** What `RedisBindings` works with. */
export interface RedisBindingsOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  readonly separator: string
  /** Milliseconds after which a queue without activity goes; undefined: it stays. */
  readonly expires: (queue: string) => number | undefined
}

interface MadeBinding {
  readonly exchange: string
  readonly member: string
}

/** A table is kept for at least so many milliseconds, and for twice the time after which its queue expires. */
const LEAST_DEADLINE = 3_600_000

/**
 * Bindings, shared with all clients: a set for each exchange, whose members are routing key, pattern and queue.
 * kombu: `_kombu.binding.<exchange>`.
 */
export class RedisBindings implements BindingTable {
  readonly #options: RedisBindingsOptions
  /** Those made here, by queue: nobody has a list of all exchanges. As in kombu, only they go with their queue. */
  readonly #made = new Map<string, MadeBinding[]>()
  readonly #listing = new Map<string, Promise<readonly StoredBinding[]>>()

  constructor(options: RedisBindingsOptions) {
    this.#options = options
  }

  async add(exchange: string, binding: StoredBinding): Promise<void> {
    const { queue } = binding
    const member = this.#member(binding)
    await this.#bind(queue, { exchange, member })
    const others = (this.#made.get(queue) ?? []).filter((made) => !same(made, exchange, member))
    this.#made.set(queue, [...others, { exchange, member }])
  }

  async remove(exchange: string, binding: StoredBinding): Promise<void> {
    const member = this.#member(binding)
    await this.#unbind({ exchange, member })
    const others = (this.#made.get(binding.queue) ?? []).filter((made) => !same(made, exchange, member))
    this.#made.set(binding.queue, others)
  }

  /** Calls that overlap share one answer: each batch of messages to an exchange asks. */
  list(exchange: string): Promise<readonly StoredBinding[]> {
    let listing = this.#listing.get(exchange)
    if (listing === undefined) {
      listing = this.#list(exchange).finally(() => this.#listing.delete(exchange))
      this.#listing.set(exchange, listing)
    }
    return listing
  }

  async removeQueue(queue: string): Promise<void> {
    const made = this.#made.get(queue) ?? []
    this.#made.delete(queue)
    await Promise.all(made.map((binding) => this.#unbind(binding)))
  }

  /** Keeps bindings of queues that expire, and sweeps away those that nobody has kept. */
  async refresh(queues: readonly string[]): Promise<void> {
    const { connection, keys, expires } = this.#options
    const expiring = queues.filter((queue) => expires(queue) !== undefined)
    if (expiring.length === 0) return
    await Promise.all(
      expiring.flatMap((queue) => (this.#made.get(queue) ?? []).map((binding) => this.#bind(queue, binding))),
    )
    await connection.run(SWEEP, [keys.bindingDeadlines], [keys.binding(''), keys.lastingBinding('')])
  }

  async #bind(queue: string, { exchange, member }: MadeBinding): Promise<void> {
    const { connection, keys } = this.#options
    const expires = this.#options.expires(queue)
    if (expires === undefined) {
      await connection.run(BIND_LASTING, [keys.binding(exchange), keys.lastingBinding(exchange)], [member])
    } else {
      const deadline = Math.max(2 * expires, LEAST_DEADLINE)
      await connection.run(
        BIND,
        [keys.binding(exchange), keys.bindingDeadlines],
        [member, exchange, deadline],
      )
    }
  }

  async #unbind({ exchange, member }: MadeBinding): Promise<void> {
    const { connection, keys } = this.#options
    const tables = [keys.binding(exchange), keys.lastingBinding(exchange)]
    await Promise.all(tables.map((table) => connection.send('SREM', table, member)))
  }

  async #list(exchange: string): Promise<readonly StoredBinding[]> {
    const { connection, keys, separator } = this.#options
    const members = await connection.send('SMEMBERS', keys.binding(exchange))
    if (!Array.isArray(members)) return []
    return members.map((member) => {
      const [routingKey = '', pattern = '', queue = ''] = String(member).split(separator)
      return { routingKey, pattern, queue }
    })
  }

  #member({ routingKey, pattern, queue }: StoredBinding): string {
    return [routingKey, pattern, queue].join(this.#options.separator)
  }
}

function same(made: MadeBinding, exchange: string, member: string): boolean {
  return made.exchange === exchange && made.member === member
}
