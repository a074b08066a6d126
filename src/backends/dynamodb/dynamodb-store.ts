import type {
  AttributeValue,
  BatchGetItemCommandOutput,
  BatchWriteItemCommandOutput,
  DynamoDB,
  KeysAndAttributes,
  WriteRequest,
} from '@aws-sdk/client-dynamodb'
import { OperationalError } from '../../errors.ts'
import { sleep } from '../../util/abort.ts'
import type { Clock } from '../../util/clock.ts'
import type { KeyValueFeatures, KeyValueStore } from '../key-value.ts'
import type { DynamodbOptions } from './dynamodb-options.ts'
import { TTL_ATTRIBUTE } from './dynamodb-table.ts'

/** Items that DynamoDB reads, and removes, with one request. */
const READ_BATCH = 100
const WRITE_BATCH = 25
/** The first pause when DynamoDB has not done all of a batch; it doubles. Milliseconds. */
const PAUSE = 50
const LONGEST_PAUSE = 2000

type Item = Record<string, AttributeValue>

/** What a `DynamodbStore` works with. */
export interface DynamodbStoreOptions extends Pick<DynamodbOptions, 'table' | 'timeToLive'> {
  readonly clock: Clock
  /** Settles when the table can be used. */
  readonly prepare: () => Promise<void>
}

/**
 * One item for each key: `id`, `result` (bytes) and `timestamp` (seconds), and `ttl` where items expire; for a counter
 * `chord_count` instead of a result.
 *
 * Keys stand in `id` as Python shows bytes, `b'celery-task-meta-…'`: Celery turns its keys, which are bytes, into texts
 * that way, and everybody has to find them.
 */
export class DynamodbStore implements KeyValueStore {
  readonly features: KeyValueFeatures
  readonly #dynamodb: DynamoDB
  readonly #options: DynamodbStoreOptions
  #ready: Promise<void> | undefined

  constructor(dynamodb: DynamoDB, options: DynamodbStoreOptions) {
    this.#dynamodb = dynamodb
    this.#options = options
    this.features = { persistent: true, autoExpire: typeof options.timeToLive === 'number', nativeJoin: true }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.getMany([key]))[0]
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const ids = keys.map(pythonBytes)
    const distinct = [...new Set(ids)]
    const values = new Map<string, Uint8Array | undefined>()
    await this.#ask(() =>
      eachBatch(distinct, READ_BATCH, async (batch) => {
        for (const item of await this.#read(batch)) values.set(item['id']?.S ?? '', this.#valueOf(item))
      }),
    )
    return ids.map((id) => values.get(id))
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    await this.#ask(() =>
      this.#dynamodb.putItem({
        TableName: this.#options.table,
        Item: { id: { S: pythonBytes(key) }, result: { B: value }, ...this.#times() },
      }),
    )
  }

  async delete(keys: readonly string[]): Promise<void> {
    const ids = [...new Set(keys.map(pythonBytes))]
    await this.#ask(() => eachBatch(ids, WRITE_BATCH, (batch) => this.#remove(batch)))
  }

  /** Celery's workers count only what is there. */
  async startCounter(key: string): Promise<void> {
    await this.#ask(() =>
      this.#dynamodb.putItem({
        TableName: this.#options.table,
        Item: { id: { S: pythonBytes(key) }, chord_count: { N: '0' }, ...this.#times() },
      }),
    )
  }

  async increment(key: string): Promise<number> {
    const times = Object.entries(this.#times())
    const { Attributes } = await this.#ask(() =>
      this.#dynamodb.updateItem({
        TableName: this.#options.table,
        Key: { id: { S: pythonBytes(key) } },
        UpdateExpression: `SET ${times.map(([name]) => `#${name} = if_not_exists(#${name}, :${name})`).join(', ')} ADD chord_count :one`,
        ExpressionAttributeNames: Object.fromEntries(times.map(([name]) => [`#${name}`, name])),
        ExpressionAttributeValues: {
          ':one': { N: '1' },
          ...Object.fromEntries(times.map(([name, value]) => [`:${name}`, value])),
        },
        ReturnValues: 'UPDATED_NEW',
      }),
    )
    return Number(Attributes?.['chord_count']?.N)
  }

  async close(): Promise<void> {
    this.#dynamodb.destroy()
  }

  #times(): Item {
    const { clock, timeToLive } = this.#options
    const now = clock.now()
    const timestamp = { timestamp: { N: `${now / 1000}` } }
    if (typeof timeToLive !== 'number') return timestamp
    return { ...timestamp, [TTL_ATTRIBUTE]: { N: `${Math.floor((now + timeToLive) / 1000)}` } }
  }

  /** Items are removed some time after they expired: until then they are not seen. */
  #valueOf({ result, chord_count: count, [TTL_ATTRIBUTE]: ttl }: Item): Uint8Array | undefined {
    const expires = Number(ttl?.N ?? Number.POSITIVE_INFINITY) * 1000
    if (typeof this.#options.timeToLive === 'number' && expires <= this.#options.clock.now()) return undefined
    if (count?.N !== undefined) return Buffer.from(count.N)
    return result?.B ?? (result?.S === undefined ? undefined : Buffer.from(result.S))
  }

  async #read(ids: readonly string[]): Promise<readonly Item[]> {
    const { table, clock } = this.#options
    const items: Item[] = []
    let wanted: KeysAndAttributes | undefined = {
      Keys: ids.map((id) => ({ id: { S: id } })),
      ConsistentRead: true,
    }
    for (let pause = PAUSE; wanted !== undefined; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
      const answer: BatchGetItemCommandOutput = await this.#dynamodb.batchGetItem({
        RequestItems: { [table]: wanted },
      })
      items.push(...(answer.Responses?.[table] ?? []))
      wanted = answer.UnprocessedKeys?.[table]
      if (wanted !== undefined) await sleep(pause, { clock })
    }
    return items
  }

  async #remove(ids: readonly string[]): Promise<void> {
    const { table, clock } = this.#options
    let wanted: WriteRequest[] | undefined = ids.map((id) => ({ DeleteRequest: { Key: { id: { S: id } } } }))
    for (let pause = PAUSE; wanted !== undefined; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
      const answer: BatchWriteItemCommandOutput = await this.#dynamodb.batchWriteItem({
        RequestItems: { [table]: wanted },
      })
      wanted = answer.UnprocessedItems?.[table]
      if (wanted !== undefined) await sleep(pause, { clock })
    }
  }

  async #ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      this.#ready ??= this.#options.prepare()
      await this.#ready
    } catch (error) {
      // The next one tries again.
      this.#ready = undefined
      throw this.#error(error)
    }
    try {
      return await request()
    } catch (error) {
      throw this.#error(error)
    }
  }

  #error(error: unknown): OperationalError {
    const reason = error instanceof Error ? error.message || error.name : String(error)
    const isLarge = /item size/i.test(reason)
    const remedy = isLarge ? ' (400 KB: let the task keep its data elsewhere, and return where it is)' : ''
    return new OperationalError(`DynamoDB table ${this.#options.table}: ${reason}${remedy}`, {
      cause: error,
      recoverable: !isLarge,
    })
  }
}

async function eachBatch<T>(
  items: readonly T[],
  size: number,
  work: (batch: readonly T[]) => Promise<void>,
): Promise<void> {
  const batches: (readonly T[])[] = []
  for (let start = 0; start < items.length; start += size) batches.push(items.slice(start, start + size))
  await Promise.all(batches.map(work))
}

/** A text as Python shows its bytes. */
function pythonBytes(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  let shown = ''
  for (const byte of Buffer.from(text)) shown += pythonByte(byte, quote)
  return `b${quote}${shown}${quote}`
}

const ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x5c, '\\\\'],
])

function pythonByte(byte: number, quote: string): string {
  const escaped = ESCAPES.get(byte)
  if (escaped !== undefined) return escaped
  if (byte < 0x20 || byte > 0x7e) return `\\x${byte.toString(16).padStart(2, '0')}`
  const char = String.fromCharCode(byte)
  return char === quote ? `\\${char}` : char
}
