/**
 * The messages that this process holds, as the server has them on record. kombu: `QoS` of the Redis transport.
 *
 * A record is what kombu writes, `[envelope, exchange, routing key]`. Ours names the default exchange and the queue
 * that the message came from, so that everybody, Python too, restores it into that very queue.
 */
import { ConnectionError } from '../../../errors.ts'
import type { RedisConnection } from '../../../util/redis/redis-connection.ts'
import { uuid } from '../../../util/uuid.ts'
import { decodeEnvelope, markRedelivered } from '../../virtual/envelope.ts'
import type { PostponedMessage, StoredMessage, Taken } from '../../virtual/queue-store.ts'
import type { Legacy } from './inheritance.ts'
import { readRecord } from './record.ts'
import type { RedisKeys } from './redis-keys.ts'
import { BURY, INHERIT, POSTPONE, RENEW, RESTORE, SETTLE } from './redis-scripts.ts'

/** A message that was taken. */
export class HeldMessage implements Taken {
  readonly queue: string
  readonly message: StoredMessage
  /** Its name in the record; '' when it is not recorded (`ack_emulation` false). */
  readonly tag: string
  /** The list it came from. */
  readonly list: string
  readonly envelope: string

  constructor(queue: string, message: StoredMessage, tag: string, list: string, envelope: string) {
    this.queue = queue
    this.message = message
    this.tag = tag
    this.list = list
    this.envelope = envelope
  }

  /** What comes back to the store. */
  get handle(): this {
    return this
  }
}

/** One message to be restored. */
export interface Restorable {
  readonly tag: string
  readonly envelope: string
  readonly lists: readonly string[]
}

/** Messages go back in groups of this many, so that no script runs for long. */
const RESTORE_BATCH = 200

/** See the module's description. */
export class Unacked {
  /** Names this consumer among those who hold messages. */
  readonly consumer: string = uuid()
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #held = new Map<string, HeldMessage>()
  #batches = 0

  constructor(connection: RedisConnection, keys: RedisKeys) {
    this.#connection = connection
    this.#keys = keys
  }

  /**
   * What the tags of the next batch begin with. Tags are longer than 64 bytes, which makes the server index them by a
   * skip list from the first one on: in its compact form for short members, adding a hundred takes ten times as long.
   */
  nextTags(): string {
    this.#batches += 1
    return `${tagPrefix(this.consumer)}${String(this.#batches).padStart(18, '0')}:`
  }

  hold(message: HeldMessage): void {
    if (message.tag !== '') this.#held.set(message.tag, message)
  }

  async settle(taken: readonly Taken[]): Promise<void> {
    const tags = tagsOf(taken)
    if (tags.length === 0) return
    await this.#connection.run(SETTLE, [this.#keys.unacked, this.#keys.unackedIndex], tags)
    for (const tag of tags) this.#held.delete(tag)
  }

  async renew(taken: readonly Taken[]): Promise<void> {
    const tags = tagsOf(taken)
    if (tags.length > 0) await this.#connection.run(RENEW, [this.#keys.unackedIndex], tags)
  }

  /**
   * Hands messages over to nobody until they are due: to whoever restores expired ones.
   * @param lease milliseconds after which records count as expired.
   */
  async postpone(postponed: readonly PostponedMessage[], lease: number): Promise<void> {
    const { unacked, unackedIndex } = this.#keys
    const now = Date.now()
    for (let from = 0; from < postponed.length; from += RESTORE_BATCH) {
      const args: (string | number)[] = [`${POSTPONED}${uuid()}:`, lease / 1000]
      const some = postponed.slice(from, from + RESTORE_BATCH)
      // By the server's clock, as all times here.
      for (const { taken, until } of some) args.push(heldMessage(taken).tag, (until - now) / 1000)
      await this.#connection.run(POSTPONE, [unacked, unackedIndex], args)
      for (const { taken } of some) this.#held.delete(heldMessage(taken).tag)
    }
  }

  /** Puts messages back into the lists they came from. */
  async restore(taken: readonly Taken[], position: 'front' | 'back'): Promise<void> {
    const push = position === 'front' ? 'RPUSH' : 'LPUSH'
    // Lists are served from the right: who is put back last is served first.
    const held = taken.map(heldMessage)
    const inOrder = position === 'front' ? held.toReversed() : held
    const recorded = inOrder.filter(({ tag }) => tag !== '')
    await this.restoreRecords(push, recorded.map(restorable))
    for (const { tag } of recorded) this.#held.delete(tag)
    for (const { tag, list, envelope } of inOrder) {
      if (tag === '') await this.#connection.send(push, list, markRedelivered(envelope))
    }
  }

  /**
   * Puts messages back that are still on record; the last of them is served first with RPUSH.
   * @param expired milliseconds for which their leases must not have been renewed; undefined: they may have been.
   * @returns how many went back.
   */
  async restoreRecords(
    push: 'RPUSH' | 'LPUSH',
    messages: readonly Restorable[],
    expired?: number,
  ): Promise<number> {
    const { unacked, unackedIndex } = this.#keys
    let restored = 0
    for (let from = 0; from < messages.length; from += RESTORE_BATCH) {
      const lists = new Map<string, number>()
      const args: (string | number)[] = [push, expired === undefined ? '' : expired / 1000]
      for (const message of messages.slice(from, from + RESTORE_BATCH)) {
        args.push(message.tag, message.envelope, message.lists.length)
        for (const list of message.lists) {
          if (!lists.has(list)) lists.set(list, lists.size + 1)
          args.push(lists.get(list) ?? 0)
        }
      }
      restored += Number(await this.#connection.run(RESTORE, [unacked, unackedIndex, ...lists.keys()], args))
    }
    return restored
  }

  /**
   * Puts a message that cannot be read where it is kept, and no longer served. From its record, since text that is not
   * valid UTF-8 is another text here.
   */
  async bury(tag: string, queue: string, envelope: string): Promise<void> {
    const { unacked, unackedIndex } = this.#keys
    const dead = this.#keys.dead(queue)
    if (tag === '') await this.#connection.send('LPUSH', dead, envelope)
    else {
      await this.#connection.run(
        BURY,
        [unacked, unackedIndex, dead],
        [tag, Buffer.byteLength(recordTail(queue))],
      )
    }
  }

  /** What is held now. */
  get held(): Iterable<HeldMessage> {
    return this.#held.values()
  }

  /** Takes messages over that are on record under other tags: those of them that still are. */
  async inherit(legacies: readonly Legacy[]): Promise<readonly HeldMessage[]> {
    const { unacked, unackedIndex } = this.#keys
    const inherited: HeldMessage[] = []
    for (let from = 0; from < legacies.length; from += RESTORE_BATCH) {
      const tags = legacies.slice(from, from + RESTORE_BATCH).map(({ tag }) => tag)
      const reply = await this.#connection.run(INHERIT, [unacked, unackedIndex], [this.nextTags(), ...tags])
      const entries: readonly unknown[] = Array.isArray(reply) ? reply : []
      for (let index = 0; index < entries.length; index += 2) {
        const message = this.#inherited(String(entries[index]), String(entries[index + 1]))
        if (message !== undefined) inherited.push(message)
      }
    }
    return inherited
  }

  #inherited(tag: string, record: string): HeldMessage | undefined {
    const read = readRecord(record)
    if (read === undefined) return undefined
    const { routingKey: queue, priority } = read
    const envelope = markRedelivered(read.text)
    const list = this.#keys.list(queue, priority)
    const message = new HeldMessage(queue, decodeEnvelope(envelope), tag, list, envelope)
    this.hold(message)
    return message
  }

  /** Puts everything back that is still held. */
  async restoreAll(): Promise<void> {
    if (this.#held.size > 0) await this.restore([...this.#held.values()], 'front')
  }
}

/** What the tags of postponed messages begin with. */
const POSTPONED = 'celeriac-postponed:'

/** Whether a message was not held, but waited until it is due. */
export function isPostponed(tag: string): boolean {
  return tag.startsWith(POSTPONED)
}

/** What the tags of a consumer begin with. */
export function tagPrefix(consumer: string): string {
  return `celeriac:${consumer}:`
}

/** The record's part behind the envelope. */
export function recordTail(queue: string): string {
  return `, "", ${JSON.stringify(queue)}]`
}

function restorable({ tag, list, envelope }: HeldMessage): Restorable {
  return { tag, envelope: markRedelivered(envelope), lists: [list] }
}

function tagsOf(taken: readonly Taken[]): string[] {
  const tags: string[] = []
  for (const each of taken) {
    const { tag } = heldMessage(each)
    if (tag !== '') tags.push(tag)
  }
  return tags
}

function heldMessage({ handle, queue }: Taken): HeldMessage {
  if (handle instanceof HeldMessage) return handle
  throw new ConnectionError(`A message of queue ${JSON.stringify(queue)} was taken from another store`)
}
