import type { RedisConnection } from '../../../util/redis/redis-connection.ts'
import type { BindingTable, StoredBinding } from '../../virtual/queue-store.ts'
import type { RedisKeys } from './redis-keys.ts'

/**
 * Bindings, shared with all clients: a set for each exchange, whose members are routing key, pattern and queue.
 * kombu: `_kombu.binding.<exchange>`.
 */
export class RedisBindings implements BindingTable {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #separator: string
  /** Those made here, by queue: nobody has a list of all exchanges. As in kombu, only they go with their queue. */
  readonly #made = new Map<string, Map<string, string>>()
  readonly #listing = new Map<string, Promise<readonly StoredBinding[]>>()

  constructor(connection: RedisConnection, keys: RedisKeys, separator: string) {
    this.#connection = connection
    this.#keys = keys
    this.#separator = separator
  }

  async add(exchange: string, binding: StoredBinding): Promise<void> {
    const key = this.#keys.binding(exchange)
    const member = this.#member(binding)
    await this.#connection.send('SADD', key, member)
    const made = this.#made.get(binding.queue) ?? new Map<string, string>()
    this.#made.set(binding.queue, made.set(`${key}\0${member}`, key))
  }

  async remove(exchange: string, binding: StoredBinding): Promise<void> {
    const key = this.#keys.binding(exchange)
    const member = this.#member(binding)
    await this.#connection.send('SREM', key, member)
    this.#made.get(binding.queue)?.delete(`${key}\0${member}`)
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
    const made = this.#made.get(queue)
    if (made === undefined) return
    this.#made.delete(queue)
    await Promise.all(
      [...made].map(([id, key]) => this.#connection.send('SREM', key, id.slice(key.length + 1))),
    )
  }

  async #list(exchange: string): Promise<readonly StoredBinding[]> {
    const members = await this.#connection.send('SMEMBERS', this.#keys.binding(exchange))
    if (!Array.isArray(members)) return []
    return members.map((member) => {
      const [routingKey = '', pattern = '', queue = ''] = String(member).split(this.#separator)
      return { routingKey, pattern, queue }
    })
  }

  #member({ routingKey, pattern, queue }: StoredBinding): string {
    return [routingKey, pattern, queue].join(this.#separator)
  }
}
