/**
 * `dynamodb://[key:secret@]region[:port]/table?read=5&write=5&ttl_seconds=86400`: one item per result in a table, which
 * is made when it is not there. Without keys those are taken that the AWS SDK finds by itself; with `localhost` or an IP
 * address instead of a region, or with the setting `dynamodbEndpointUrl`, another server than Amazon's is asked. Items
 * expire after `ttl_seconds`; -1 switches that off for the table. Needs the package `@aws-sdk/client-dynamodb`. Celery:
 * `DynamoDBBackend`.
 */
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { awsRegion } from '../../util/aws-region.ts'
import { systemClock } from '../../util/clock.ts'
import { importOptional } from '../../util/modules.ts'
import type { Backend, BackendOptions } from '../backend.ts'
import { KeyValueBackend } from '../key-value-backend.ts'
import { readDynamodbOptions } from './dynamodb-options.ts'
import { DynamodbStore } from './dynamodb-store.ts'
import { prepareTable } from './dynamodb-table.ts'

/** Opens the backend; it connects when it is first used. @throws ImproperlyConfigured */
export async function createDynamodbBackend(options: BackendOptions): Promise<Backend> {
  const { url, settings, warn = () => undefined } = options
  const read = readDynamodbOptions(url, settings)
  const { DynamoDB } = await importOptional('@aws-sdk/client-dynamodb', {
    neededFor: 'The result backend dynamodb://',
    load: () => import('@aws-sdk/client-dynamodb'),
  })
  const { region, credentials, endpoint } = read
  const config: DynamoDBClientConfig = {
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(endpoint === undefined ? {} : { endpoint }),
  }
  const finder = new DynamoDB(config)
  const dynamodb = new DynamoDB({ ...config, region: await awsRegion(finder.config.region) })
  finder.destroy()
  const store = new DynamodbStore(dynamodb, {
    ...read,
    clock: systemClock,
    prepare: () => prepareTable(dynamodb, read, { clock: systemClock, warn }),
  })
  return new KeyValueBackend(store, options)
}
