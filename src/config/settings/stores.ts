/** Settings of single result backends, for what their URL doesn't say. */
export const storeSettings = {
  /** URL of the cache when `resultBackend` is just `cache`. */
  cacheBackend: { type: 'string', default: null, old: 'CELERY_CACHE_BACKEND' },
  /** Options of the client of Memcached. */
  cacheBackendOptions: { type: 'dict', default: {}, old: 'CELERY_CACHE_BACKEND_OPTIONS' },

  /** Id of the access key for S3. `null`: the credentials that the AWS client finds by itself. */
  s3AccessKeyId: { type: 'string', default: null },
  /** Secret access key for S3. */
  s3SecretAccessKey: { type: 'string', default: null },
  /** Bucket of S3 that holds the results; required when the URL names none. */
  s3Bucket: { type: 'string', default: null },
  /** Put before the key of every object, as it is, without a slash between. */
  s3BasePath: { type: 'string', default: null },
  /** URL of a store other than Amazon's that speaks S3. */
  s3EndpointUrl: { type: 'string', default: null },
  /** Region of the bucket. */
  s3Region: { type: 'string', default: null },

  /** Container of Azure Blob Storage that holds the results; made when it is missing. */
  azureblockblobContainerName: { type: 'string', default: 'celery' },
  /** First pause between retries, in seconds. Celery declares it and reads it nowhere. */
  azureblockblobRetryInitialBackoffSec: { type: 'int', default: 2 },
  /** Growth of the pauses between retries. Celery declares it and reads it nowhere. */
  azureblockblobRetryIncrementBase: { type: 'int', default: 2 },
  /** Number of tries. Celery declares it and reads it nowhere. */
  azureblockblobRetryMaxAttempts: { type: 'int', default: 3 },
  /** Put before the name of every blob, as it is, without a slash between. */
  azureblockblobBasePath: { type: 'string', default: '' },
  /** How long connecting to Azure may take. */
  azureblockblobConnectionTimeout: { type: 'duration', default: 20 },
  /** How long Azure may take to answer. */
  azureblockblobReadTimeout: { type: 'duration', default: 120 },

  /** Bucket of Google Cloud Storage that holds the results; required when the URL names none. */
  gcsBucket: { type: 'string', default: null },
  /** Google Cloud project of the bucket; required. */
  gcsProject: { type: 'string', default: null },
  /** Folder of the objects in the bucket. */
  gcsBasePath: { type: 'string', default: '' },
  /** How long results live. 0: for ever. The bucket needs a lifecycle rule that deletes by custom time. */
  gcsTtl: { type: 'duration', default: 0 },
  /** How many objects are deleted at the same time. */
  gcsThreadpoolMaxsize: { type: 'int', default: 10 },
  /** Google Cloud project of the Firestore database that counts the members of chords. `null`: `gcsProject`. */
  firestoreProject: { type: 'string', default: null },

  /** Host, port, bucket, user name and password of Couchbase. */
  couchbaseBackendSettings: { type: 'dict', default: null, old: 'CELERY_COUCHBASE_BACKEND_SETTINGS' },
  /** Host, port, database, collection, user name, password, protocol and verification of ArangoDB. */
  arangodbBackendSettings: { type: 'dict', default: null, old: 'CELERY_ARANGODB_BACKEND_SETTINGS' },
  /** Database, collections, host, user and client options of MongoDB. */
  mongodbBackendSettings: { type: 'dict', default: null, old: 'CELERY_MONGODB_BACKEND_SETTINGS' },

  /** Database of Cosmos DB that holds the results. */
  cosmosdbsqlDatabaseName: { type: 'string', default: 'celerydb' },
  /** Collection of Cosmos DB that holds the results. */
  cosmosdbsqlCollectionName: { type: 'string', default: 'celerycol' },
  /** Consistency: `Strong`, `BoundedStaleness`, `Session`, `ConsistentPrefix` or `Eventual`. */
  cosmosdbsqlConsistencyLevel: { type: 'string', default: 'Session' },
  /** How often the client of Cosmos DB tries again. */
  cosmosdbsqlMaxRetryAttempts: { type: 'int', default: 9 },
  /** How long the client of Cosmos DB keeps trying. */
  cosmosdbsqlMaxRetryWaitTime: { type: 'duration', default: 30 },

  /** Whether the client of Elasticsearch tries again after a timeout. `null`: no. */
  elasticsearchRetryOnTimeout: {
    type: 'bool',
    default: null,
    old: 'CELERY_ELASTICSEARCH_RETRY_ON_TIMEOUT',
  },
  /** How often the client of Elasticsearch tries again. `null`: 3 times. */
  elasticsearchMaxRetries: { type: 'int', default: null, old: 'CELERY_ELASTICSEARCH_MAX_RETRIES' },
  /** How long Elasticsearch may take to answer. `null`: 10 seconds. */
  elasticsearchTimeout: { type: 'duration', default: null, old: 'CELERY_ELASTICSEARCH_TIMEOUT' },
  /** Whether a result is stored as one text of JSON, or else as a document with fields to search in. */
  elasticsearchSaveMetaAsText: {
    type: 'bool',
    default: true,
    old: 'CELERY_ELASTICSEARCH_SAVE_META_AS_TEXT',
  },

  /** How long rows live in Cassandra. `null`: for ever. */
  cassandraEntryTtl: { type: 'duration', default: null },
  /** Keyspace of the results; required. */
  cassandraKeyspace: { type: 'string', default: null },
  /** Port of the servers. `null`: 9042. */
  cassandraPort: { type: ['int', 'string'], default: null },
  /** Consistency of reads. `null`: `LOCAL_QUORUM`. */
  cassandraReadConsistency: { type: 'string', default: null },
  /** Hosts to begin with. Excludes `cassandraSecureBundlePath`. */
  cassandraServers: { type: 'texts', default: null },
  /** The same as `cassandraSecureBundlePath`; Celery declares this name and reads the other one. */
  cassandraBundlePath: { type: 'string', default: null },
  /** Path of the bundle for connecting to DataStax Astra. Excludes `cassandraServers`. */
  cassandraSecureBundlePath: { type: 'string', default: null },
  /** Table of the results; required. */
  cassandraTable: { type: 'string', default: null },
  /** Consistency of writes. `null`: `LOCAL_QUORUM`. */
  cassandraWriteConsistency: { type: 'string', default: null },
  /** Name of the class that authenticates, e.g. `PlainTextAuthProvider`. */
  cassandraAuthProvider: { type: 'string', default: null },
  /** What the class that authenticates is given, e.g. `username` and `password`. */
  cassandraAuthKwargs: { type: 'dict', default: null },
  /** More options of the client of Cassandra. */
  cassandraOptions: { type: 'dict', default: {} },

  /** TLS options for the connection to Redis for results; the keys are those of `brokerUseSsl`. */
  redisBackendUseSsl: { type: ['dict', 'bool'], default: null, old: 'CELERY_REDIS_BACKEND_USE_SSL' },
  /** Number of the database when the URL names none. `null`: 0. */
  redisDb: { type: 'int', default: null, old: 'CELERY_REDIS_DB' },
  /** Host when the URL names none. `null`: localhost. */
  redisHost: { type: 'string', default: null, old: 'CELERY_REDIS_HOST' },
  /** Most connections for results. `null`: no limit. */
  redisMaxConnections: { type: 'int', default: null, old: 'CELERY_REDIS_MAX_CONNECTIONS' },
  /** User name when the URL names none. */
  redisUsername: { type: 'string', default: null, old: 'CELERY_REDIS_USERNAME' },
  /** Password when the URL has none. */
  redisPassword: { type: 'string', default: null, old: 'CELERY_REDIS_PASSWORD' },
  /** Port when the URL names none. `null`: 6379. */
  redisPort: { type: 'int', default: null, old: 'CELERY_REDIS_PORT' },
  /** How long Redis may take to answer. `null`: as long as it likes. */
  redisSocketTimeout: {
    type: 'duration',
    default: 120,
    nullable: true,
    old: 'CELERY_REDIS_SOCKET_TIMEOUT',
  },
  /** How long connecting to Redis may take. `null`: as long as it likes. */
  redisSocketConnectTimeout: {
    type: 'duration',
    default: null,
    old: 'CELERY_REDIS_SOCKET_CONNECT_TIMEOUT',
  },
  /** Whether a command that timed out is sent again. */
  redisRetryOnTimeout: { type: 'bool', default: false, old: 'CELERY_REDIS_RETRY_ON_TIMEOUT' },
  /** Whether idle connections are probed by TCP. */
  redisSocketKeepalive: { type: 'bool', default: false, old: 'CELERY_REDIS_SOCKET_KEEPALIVE' },
  /** What gives user and password for Redis at each connection, instead of those in the URL. */
  redisBackendCredentialProvider: { type: 'class', default: null },
  /** How often an idle connection for results is checked. `null`: never. */
  redisBackendHealthCheckInterval: { type: 'duration', default: null },
  /** Name that the connection for results gives itself (`CLIENT SETNAME`). */
  redisClientName: { type: 'string', default: null },

  /** URL of the SQL database when `resultBackend` is just `database`. */
  databaseUrl: { type: 'string', default: null, old: 'CELERY_RESULT_DBURI' },
  /** Options of SQLAlchemy's engine; those that have a meaning for a client of ours are taken over. */
  databaseEngineOptions: {
    type: 'dict',
    default: { pool_pre_ping: true, pool_recycle: 3600 },
    nullable: true,
    old: 'CELERY_RESULT_ENGINE_OPTIONS',
  },
  /** Called with each new pool of connections to the database. */
  databaseEngineCallback: { type: ['function', 'string'], default: null },
  /** Whether each operation has a connection of its own. */
  databaseShortLivedSessions: {
    type: 'bool',
    default: false,
    old: 'CELERY_RESULT_DB_SHORT_LIVED_SESSIONS',
  },
  /** Schemas of the tables: `task` and `group` → name. */
  databaseTableSchemas: { type: 'dict', default: null },
  /** Names of the tables: `task` and `group` → name. */
  databaseTableNames: { type: 'dict', default: null, old: 'CELERY_RESULT_DB_TABLENAMES' },
  /** Whether the tables are made at the start, or else with the first result. */
  databaseCreateTablesAtSetup: { type: 'bool', default: true },

  /** URL of a DynamoDB other than Amazon's. A URL with the host `localhost` implies one. */
  dynamodbEndpointUrl: { type: 'string', default: null },
} as const
