/** The table of results: made when it is not there, and told whether its items expire. */
import type { DynamoDB } from '@aws-sdk/client-dynamodb'
import { sleep } from '../../util/abort.ts'
import type { Clock } from '../../util/clock.ts'
import type { DynamodbOptions } from './dynamodb-options.ts'

/** Attribute that says when an item expires. */
export const TTL_ATTRIBUTE = 'ttl'
/** Between two looks at a table that is being made, in milliseconds. */
const PATIENCE = 500

/** What is needed to prepare a table. */
export interface TableContext {
  readonly clock: Clock
  readonly warn: (message: string) => void
}

/** Settles when the table can be used. */
export async function prepareTable(
  dynamodb: DynamoDB,
  options: DynamodbOptions,
  { clock, warn }: TableContext,
): Promise<void> {
  let status = await statusOf(dynamodb, options.table)
  if (status === undefined) await createTable(dynamodb, options)
  while (status !== 'ACTIVE' && status !== 'UPDATING') {
    status = await statusOf(dynamodb, options.table)
    if (status !== 'ACTIVE') await sleep(PATIENCE, { clock })
  }
  const { table, timeToLive } = options
  if (timeToLive === undefined) return
  try {
    await setTimeToLive(dynamodb, table, timeToLive !== 'off')
  } catch (error) {
    // Results can be kept all the same.
    const reason = error instanceof Error ? error.message : String(error)
    warn(`DynamoDB does not change whether items of the table ${table} expire: ${reason}`)
  }
}

async function statusOf(dynamodb: DynamoDB, table: string): Promise<string | undefined> {
  try {
    const { Table } = await dynamodb.describeTable({ TableName: table })
    return Table?.TableStatus ?? 'CREATING'
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return undefined
    throw error
  }
}

async function createTable(dynamodb: DynamoDB, { table, read, write }: DynamodbOptions): Promise<void> {
  try {
    await dynamodb.createTable({
      TableName: table,
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      ProvisionedThroughput: { ReadCapacityUnits: read, WriteCapacityUnits: write },
    })
  } catch (error) {
    // Somebody else has just made it.
    if (!isNamed(error, 'ResourceInUseException')) throw error
  }
}

async function setTimeToLive(dynamodb: DynamoDB, table: string, enabled: boolean): Promise<void> {
  const { TimeToLiveDescription: now } = await dynamodb.describeTimeToLive({ TableName: table })
  const isEnabled = now?.TimeToLiveStatus === 'ENABLED' || now?.TimeToLiveStatus === 'ENABLING'
  const attribute = (isEnabled ? now?.AttributeName : undefined) ?? TTL_ATTRIBUTE
  if (isEnabled === enabled && (!enabled || attribute === TTL_ATTRIBUTE)) return
  await dynamodb.updateTimeToLive({
    TableName: table,
    TimeToLiveSpecification: { Enabled: enabled, AttributeName: enabled ? TTL_ATTRIBUTE : attribute },
  })
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name
}
