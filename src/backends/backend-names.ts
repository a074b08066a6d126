/** Names that a result backend may have instead of a URL: Celery's aliases and the paths of its classes. */

/** Celery's classes, by name, and the scheme of each. */
const CLASSES: ReadonlyMap<string, string> = new Map([
  ['RPCBackend', 'rpc'],
  ['CacheBackend', 'cache'],
  ['RedisBackend', 'redis'],
  ['SentinelBackend', 'sentinel'],
  ['MongoBackend', 'mongodb'],
  ['DatabaseBackend', 'db'],
  ['ElasticsearchBackend', 'elasticsearch'],
  ['CassandraBackend', 'cassandra'],
  ['CouchbaseBackend', 'couchbase'],
  ['CouchBackend', 'couchdb'],
  ['CosmosDBSQLBackend', 'cosmosdbsql'],
  ['RiakBackend', 'riak'],
  ['FilesystemBackend', 'file'],
  ['ConsulBackend', 'consul'],
  ['DynamoDBBackend', 'dynamodb'],
  ['AzureBlockBlobBackend', 'azureblockblob'],
  ['ArangoDbBackend', 'arangodb'],
  ['S3Backend', 's3'],
  ['GCSBackend', 'gs'],
])

/**
 * The URL that a name stands for: `redis` and `celery.backends.redis:RedisBackend` are `redis://`; what has a URL after
 * such a path (`celery.backends.redis:RedisBackend+redis://host/1`) is that URL. Anything else stays as it is. Celery:
 * `BACKEND_ALIASES`.
 */
export function backendUrl(name: string): string {
  const [, path, url] = /^celery\.backends\.\w+[.:](\w+)(?:\+(.*))?$/.exec(name) ?? []
  const scheme = CLASSES.get(path ?? '')
  if (scheme !== undefined) return url ?? `${scheme}://`
  return /^[a-z][a-z0-9]*$/i.test(name) ? `${name}://` : name
}

/** Whether a name refers to what a module exports, `module#export` or `module:export`, and is no URL. */
export function isBackendReference(name: string): boolean {
  return !name.includes('://') && /^.+[#:].+$/.test(name) && backendUrl(name) === name
}
