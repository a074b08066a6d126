/**
 * What ran, in Redis: shared by the beats of any number of machines. Keys, with the name of the app in the middle:
 *
 *     celeriac:beat:tasks:lock      token of the beat that leads; gone when its lease is over
 *     celeriac:beat:tasks:states    hash: name of the entry → [last run, runs]
 *     celeriac:beat:tasks:entries   hash: name → entry that was put here, as JSON
 *     celeriac:beat:tasks:facts     hash: seed, timezone, utc_enabled, edits
 *
 * Only the beat that leads can write states: lock and states are looked at in one step.
 */

import { openRedis } from '../util/redis/open-redis.ts'
import type { RedisConnection } from '../util/redis/redis-connection.ts'
import { redisScript } from '../util/redis/redis-script.ts'
import type { RedisTarget } from '../util/redis/redis-target.ts'
import { uuid } from '../util/uuid.ts'
import type { EntryState } from './schedule-entry.ts'
import type { ScheduleChanges, ScheduleStore, StoredSchedule } from './schedule-store.ts'

/** KEYS lock, facts; ARGV token, lease. Answers whether it leads, and the number of edits. */
const LEAD = redisScript(`
  local leader = redis.call('GET', KEYS[1])
  local leads = not leader or leader == ARGV[1]
  if leads then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
  return { leads and 1 or 0, redis.call('HGET', KEYS[2], 'edits') or '0' }
`)

/** KEYS lock, states, facts; ARGV token, zone, utc, number of states, name and state of each, names to remove. */
const SAVE = redisScript(`
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  local removed = 5 + 2 * tonumber(ARGV[4])
  for index = 5, removed - 1, 2 do redis.call('HSET', KEYS[2], ARGV[index], ARGV[index + 1]) end
  for index = removed, #ARGV do redis.call('HDEL', KEYS[2], ARGV[index]) end
  redis.call('HSET', KEYS[3], 'timezone', ARGV[2])
  redis.call('HSET', KEYS[3], 'utc_enabled', ARGV[3])
  return 1
`)

/** KEYS lock; ARGV token. */
const RESIGN = redisScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`)

const LEASE = 3000

/** Where a `RedisStore` is. */
export interface RedisStoreOptions {
  readonly target: RedisTarget
  /** Beats of the same name belong together. */
  readonly name: string
}

/** See the module's description. A lost connection is made anew when it is next needed. */
export class RedisStore implements ScheduleStore {
  readonly label: string
  readonly lease: number = LEASE
  readonly #target: RedisTarget
  readonly #keys: Readonly<Record<'lock' | 'states' | 'entries' | 'facts', string>>
  readonly #token = uuid()
  readonly #listeners = new Set<() => void>()
  #connection: Promise<RedisConnection> | undefined
  #edits: string | undefined
  #closed = false

  constructor({ target, name }: RedisStoreOptions) {
    const prefix = `celeriac:beat:${name}`
    this.label = `${target.label} (${prefix}:*)`
    this.#target = target
    this.#keys = {
      lock: `${prefix}:lock`,
      states: `${prefix}:states`,
      entries: `${prefix}:entries`,
      facts: `${prefix}:facts`,
    }
  }

  /** It connects when it is first needed: that the server is away at the start is no reason to give up. */
  async open(): Promise<void> {}

  async lead(): Promise<boolean> {
    const { lock, facts } = this.#keys
    const reply = await (await this.#connect()).run(LEAD, [lock, facts], [this.#token, LEASE])
    const [leads, edits] = Array.isArray(reply) ? reply : []
    const isNews = this.#edits !== undefined && this.#edits !== String(edits)
    this.#edits = String(edits)
    if (isNews) for (const listener of this.#listeners) listener()
    return leads === 1
  }

  async load(): Promise<StoredSchedule> {
    const { states, entries, facts } = this.#keys
    const replies = await (await this.#connect()).transaction([
      ['HSETNX', facts, 'seed', uuid()],
      ['HGETALL', facts],
      ['HGETALL', states],
      ['HGETALL', entries],
    ])
    const known = pairs(replies[1])
    return {
      seed: known.get('seed') ?? '',
      timezone: known.get('timezone'),
      utcEnabled: { true: true, false: false }[known.get('utc_enabled') ?? ''],
      states: new Map([...pairs(replies[2])].map(([name, text]) => [name, stateOf(text)])),
      entries: new Map(
        [...pairs(replies[3])].map(([name, text]): [string, unknown] => [name, JSON.parse(text)]),
      ),
    }
  }

  async save({ timezone, utcEnabled, states, removed }: ScheduleChanges): Promise<boolean> {
    const { lock, states: hash, facts } = this.#keys
    const written = [...states].flatMap(([name, { lastRunAt, totalRunCount }]) => [
      name,
      JSON.stringify([lastRunAt, totalRunCount]),
    ])
    const args = [this.#token, timezone, String(utcEnabled), states.size, ...written, ...removed]
    return (await (await this.#connect()).run(SAVE, [lock, hash, facts], args)) === 1
  }

  async put(name: string, entry: unknown): Promise<void> {
    const { entries, facts } = this.#keys
    await (await this.#connect()).transaction([
      entry === undefined ? ['HDEL', entries, name] : ['HSET', entries, name, JSON.stringify(entry)],
      ['HINCRBY', facts, 'edits', 1],
    ])
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // When the connection is lost, so is the lead, in time.
    const connection = await this.#connection?.catch(() => undefined)
    await connection?.run(RESIGN, [this.#keys.lock], [this.#token]).catch(() => undefined)
    await connection?.close()
  }

  #connect(): Promise<RedisConnection> {
    if (this.#connection === undefined) {
      const opening = openRedis(this.#target)
      this.#connection = opening
      const forget = (): void => {
        if (this.#connection === opening) this.#connection = undefined
      }
      opening.then((connection) => connection.closed.then(forget), forget)
    }
    return this.#connection
  }
}

function stateOf(text: string): EntryState {
  const parsed: unknown = JSON.parse(text)
  const [lastRunAt, totalRunCount] = Array.isArray(parsed) ? parsed.map(Number) : []
  return { lastRunAt: lastRunAt ?? 0, totalRunCount: totalRunCount ?? 0 }
}

function pairs(reply: unknown): Map<string, string> {
  const found = new Map<string, string>()
  if (!Array.isArray(reply)) return found
  for (let index = 0; index < reply.length; index += 2)
    found.set(String(reply[index]), String(reply[index + 1]))
  return found
}
