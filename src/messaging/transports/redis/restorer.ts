/** Gives messages of those back to their queues who will not settle them any more. kombu: `QoS.restore_visible`. */
import type { RedisConnection } from '../../../util/redis/redis-connection.ts'
import { uuid } from '../../../util/uuid.ts'
import { countDelivery, markRedelivered } from '../../virtual/envelope.ts'
import type { BindingTable } from '../../virtual/queue-store.ts'
import { matchesTopic } from '../../virtual/topic-pattern.ts'
import { readRecord } from './record.ts'
import type { RedisKeys } from './redis-keys.ts'
import type { RedisOptions } from './redis-options.ts'
import { EXPIRED, LOCK, UNLOCK } from './redis-scripts.ts'
import type { Restorable, Unacked } from './unacked.ts'
import { isPostponed, tagPrefix } from './unacked.ts'

/** What a `Restorer` works with. */
export interface RestorerOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  readonly bindings: BindingTable
  readonly unacked: Unacked
  readonly options: Pick<RedisOptions, 'visibilityTimeout' | 'restoreLimit' | 'unackedMutexExpire'>
  readonly warn: (message: string) => void
}

/** How many records are read at a time. */
const BATCH = 100

/** See the module's description. */
export class Restorer {
  readonly #options: RestorerOptions

  constructor(options: RestorerOptions) {
    this.#options = options
  }

  /**
   * Restores what was held longer than the visibility timeout without renewal, whoever held it, and what was postponed
   * until now. Does nothing while somebody else, who may be Python, is at it. Answers how many messages went back that
   * had been held.
   */
  async restoreExpired(): Promise<number> {
    const { connection, keys, options } = this.#options
    const token = uuid()
    const lock = [keys.unacked, keys.unackedMutex]
    if ((await connection.run(LOCK, lock, [token, options.unackedMutexExpire])) !== 'OK') return 0
    try {
      return await this.#restoreAllExpired()
    } finally {
      await connection.run(UNLOCK, [keys.unackedMutex], [token])
    }
  }

  /** Restores what a consumer of ours held, who is dead. Answers how many messages went back. */
  async restoreConsumer(consumer: string): Promise<number> {
    const { connection, keys, unacked } = this.#options
    const tags: string[] = []
    let cursor = '0'
    do {
      const pattern = `${tagPrefix(consumer)}*`
      const page = await connection.send('ZSCAN', keys.unackedIndex, cursor, 'MATCH', pattern, 'COUNT', 1000)
      const [next, entries] = Array.isArray(page) ? page : ['0', []]
      cursor = String(next)
      // Tag, score, tag, score, …
      for (let index = 0; index < entries.length; index += 2) tags.push(String(entries[index]))
    } while (cursor !== '0')
    // The last one that goes back is served first, so the first that was taken must be last.
    const ordered = [...new Set(tags)].sort(byAge).reverse()
    let restored = 0
    for (let from = 0; from < ordered.length; from += BATCH) {
      const some = ordered.slice(from, from + BATCH)
      const records = await connection.sendAll('HMGET', [keys.unacked, ...some])
      const found = Array.isArray(records) ? records : []
      restored += await unacked.restoreRecords('RPUSH', await this.#restorable(some, found))
    }
    return restored
  }

  async #restoreAllExpired(): Promise<number> {
    const { connection, keys, unacked, options } = this.#options
    const { visibilityTimeout, restoreLimit = Number.POSITIVE_INFINITY } = options
    let restored = 0
    let held = 0
    while (restored < restoreLimit) {
      const count = Math.min(BATCH, restoreLimit - restored)
      const args = [visibilityTimeout / 1000, count]
      const found = await connection.run(EXPIRED, [keys.unacked, keys.unackedIndex], args)
      const entries = Array.isArray(found) ? found : []
      const tags = entries.filter((_, index) => index % 2 === 0).map(String)
      const records = entries.filter((_, index) => index % 2 === 1)
      const messages = await this.#restorable(tags, records)
      const lost = messages.filter(({ tag }) => !isPostponed(tag))
      const due = messages.filter(({ tag }) => isPostponed(tag))
      const counts = [
        await unacked.restoreRecords('RPUSH', lost, visibilityTimeout),
        await unacked.restoreRecords('RPUSH', due, visibilityTimeout),
      ] as const
      held += counts[0]
      restored += counts[0] + counts[1]
      // With none restored the same ones would be found again.
      if (counts[0] + counts[1] === 0) return held
    }
    return held
  }

  async #restorable(tags: readonly string[], records: readonly unknown[]): Promise<readonly Restorable[]> {
    const found: Restorable[] = []
    for (const [index, tag] of tags.entries()) {
      const record = records[index]
      if (typeof record === 'string') found.push(await this.#read(tag, record))
    }
    return found
  }

  /** A record says what was taken, and where it had been published to. */
  async #read(tag: string, record: string): Promise<Restorable> {
    const { keys, warn } = this.#options
    const read = readRecord(record)
    if (read === undefined) {
      warn(`What was held as ${tag} is no message: it was put aside into ${keys.dead('unacked')}`)
      return { tag, envelope: record, lists: [keys.dead('unacked')] }
    }
    const { text, exchange, routingKey, priority } = read
    const queues = await this.#route(exchange, routingKey)
    if (queues.length > 0) {
      const lists = queues.map((queue) => keys.list(queue, priority))
      return { tag, envelope: isPostponed(tag) ? text : countDelivery(markRedelivered(text)), lists }
    }
    const aside = keys.dead(routingKey || exchange)
    warn(`Nothing is bound to ${exchange} for ${routingKey} any more: a message was put aside into ${aside}`)
    return { tag, envelope: text, lists: [aside] }
  }

  /** As kombu does; it does not know the type of the exchange either when it was not declared by this process. */
  async #route(exchange: string, routingKey: string): Promise<readonly string[]> {
    if (exchange === '') return [routingKey]
    const bindings = await this.#options.bindings.list(exchange)
    const fitting = bindings.filter(({ pattern, routingKey: key }) => {
      return pattern === '' ? key === routingKey : matchesTopic(key, routingKey)
    })
    return [...new Set(fitting.map(({ queue }) => queue))]
  }
}

/** Orders tags of one consumer by when they were taken: by batch, then by their number in it. */
function byAge(one: string, other: string): number {
  const [batch, number] = split(one)
  const [otherBatch, otherNumber] = split(other)
  if (batch !== otherBatch) return batch < otherBatch ? -1 : 1
  return number - otherNumber
}

function split(tag: string): readonly [string, number] {
  const colon = tag.lastIndexOf(':')
  return [tag.slice(0, colon), Number(tag.slice(colon + 1))]
}
