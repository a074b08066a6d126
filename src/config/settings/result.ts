/** Settings of results, whichever backend keeps them. */
export const resultSettings = {
  /**
   * URL of the result backend, its alias, or a class. `CELERY_RESULT_BACKEND` in the environment wins over it.
   * `null`: results aren't kept, unless no broker is configured either: then the embedded one keeps them, too.
   */
  resultBackend: { type: ['string', 'class'], default: null, old: 'CELERY_RESULT_BACKEND' },
  /** How many results a client remembers. -1: none; 0 or `null`: all of them. */
  resultCacheMax: { type: 'int', default: -1, nullable: true, old: 'CELERY_MAX_CACHED_RESULTS' },
  /** Compression of results. Celery declares it and reads it nowhere. */
  resultCompression: { type: 'string', default: null, old: 'CELERY_RESULT_COMPRESSION' },
  /** Exchange of the former amqp backend. The rpc backend uses the default exchange. */
  resultExchange: { type: 'string', default: 'celeryresults', old: 'CELERY_RESULT_EXCHANGE' },
  /** Type of the exchange of the former amqp backend. */
  resultExchangeType: { type: 'string', default: 'direct', old: 'CELERY_RESULT_EXCHANGE_TYPE' },
  /** How long results are kept. 0 or `null`: for ever. */
  resultExpires: { type: 'duration', default: 86_400, nullable: true, old: 'CELERY_TASK_RESULT_EXPIRES' },
  /** Whether results that travel as messages (rpc) survive a restart of the broker. */
  resultPersistent: { type: 'bool', default: null, old: 'CELERY_RESULT_PERSISTENT' },
  /** Whether name, arguments, worker, retries, queue and stamps of the task are stored beside its result. */
  resultExtended: { type: 'bool', default: false, old: 'CELERY_RESULT_EXTENDED' },
  /** Serializer of results. */
  resultSerializer: { type: 'string', default: 'json', old: 'CELERY_RESULT_SERIALIZER' },
  /** What the backend is told beyond the URL; the keys are those of the backend, in snake case as in Celery. */
  resultBackendTransportOptions: {
    type: 'options',
    default: {},
    old: 'CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS',
  },
  /** How often a chord looks whether its header is done, on backends that cannot count. */
  resultChordRetryInterval: { type: 'duration', default: 1, old: 'CELERY_RESULT_CHORD_RETRY_INTERVAL' },
  /** How long a chord waits for results of its header that should be there already. */
  resultChordJoinTimeout: { type: 'duration', default: 3, old: 'CELERY_RESULT_CHORD_JOIN_TIMEOUT' },
  /** Longest pause between two tries of an operation of the backend, in milliseconds. */
  resultBackendMaxSleepBetweenRetriesMs: {
    type: 'int',
    default: 10_000,
    old: 'CELERY_RESULT_BACKEND_MAX_SLEEP_BETWEEN_RETRIES_MS',
  },
  /** How often an operation of the backend is tried again. `Infinity` or `null`: until it succeeds. */
  resultBackendMaxRetries: {
    type: 'float',
    default: Number.POSITIVE_INFINITY as number,
    nullable: true,
    old: 'CELERY_RESULT_BACKEND_MAX_RETRIES',
  },
  /** Pause before the first retry of an operation of the backend, in milliseconds; it doubles each time. */
  resultBackendBaseSleepBetweenRetriesMs: {
    type: 'int',
    default: 10,
    old: 'CELERY_RESULT_BACKEND_BASE_SLEEP_BETWEEN_RETRIES_MS',
  },
  /** Whether an operation of the backend that failed is tried again instead of raising its error. */
  resultBackendAlwaysRetry: { type: 'bool', default: false, old: 'CELERY_RESULT_BACKEND_ALWAYS_RETRY' },
  /** In Celery, whether threads share one backend object. Here they always do; kept so that it can be set. */
  resultBackendThreadSafe: { type: 'bool', default: false },
  /** More names for result backends, or other modules behind known names: alias → `module#export`. */
  overrideBackends: { type: 'dict', default: {} },
} as const
