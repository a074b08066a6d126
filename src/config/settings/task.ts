/** Settings of tasks and of how they are sent. */
export const taskSettings = {
  /**
   * Whether a message is acknowledged after its task ran instead of before. A task may then run twice when a worker
   * dies, so it should bear that.
   */
  taskAcksLate: { type: 'bool', default: false, old: 'CELERY_ACKS_LATE' },
  /** Whether late acknowledgement also takes place when the task failed or timed out. */
  taskAcksOnFailureOrTimeout: {
    type: 'bool',
    default: true,
    old: 'CELERY_ACKS_ON_FAILURE_OR_TIMEOUT',
    deprecated: 'taskAcksOnFailure and taskAcksOnTimeout',
  },
  /** When false, a late-acknowledged task that failed is rejected and not queued again. `null`: as above. */
  taskAcksOnFailure: { type: 'bool', default: null, old: 'CELERY_ACKS_ON_FAILURE' },
  /** When false, a late-acknowledged task that ran into its hard limit is queued again. `null`: as above. */
  taskAcksOnTimeout: { type: 'bool', default: null, old: 'CELERY_ACKS_ON_TIMEOUT' },
  /** Whether tasks run at once in the process that calls them, without a broker. For tests. */
  taskAlwaysEager: { type: 'bool', default: false, old: 'CELERY_ALWAYS_EAGER' },
  /** Attributes to put on tasks: name of the task, or `*`, → attributes; or an object or list that decides. */
  taskAnnotations: { type: 'any', default: null, old: 'CELERY_ANNOTATIONS' },
  /** Compression of messages, e.g. `gzip`, `zstd` or `brotli`. */
  taskCompression: { type: 'string', default: null, old: 'CELERY_MESSAGE_COMPRESSION' },
  /** Whether a queue that isn't in `taskQueues` is made when it is first named. */
  taskCreateMissingQueues: { type: 'bool', default: true, old: 'CELERY_CREATE_MISSING_QUEUES' },
  /** Type of queues made because they were missing: `classic` or `quorum`. */
  taskCreateMissingQueueType: {
    type: 'string',
    default: 'classic',
    old: 'CELERY_CREATE_MISSING_QUEUE_TYPE',
  },
  /** Type of the exchange of queues made because they were missing. `null`: direct. */
  taskCreateMissingQueueExchangeType: {
    type: 'string',
    default: null,
    old: 'CELERY_CREATE_MISSING_QUEUE_EXCHANGE_TYPE',
  },
  /** Whether tasks take over the priority of the task that calls them. */
  taskInheritParentPriority: { type: 'bool', default: false, old: 'CELERY_INHERIT_PARENT_PRIORITY' },
  /** Whether messages survive a restart of the broker: 2 or `persistent`, 1 or `transient`. */
  taskDefaultDeliveryMode: {
    type: ['int', 'string'],
    default: 2,
    choices: [1, 2, 'transient', 'persistent'],
    old: 'CELERY_DEFAULT_DELIVERY_MODE',
  },
  /** Name of the queue of tasks that go nowhere else. */
  taskDefaultQueue: { type: 'string', default: 'celery', old: 'CELERY_DEFAULT_QUEUE' },
  /** Type of the default queue: `classic` or `quorum`. */
  taskDefaultQueueType: { type: 'string', default: 'classic', old: 'CELERY_DEFAULT_QUEUE_TYPE' },
  /** Exchange of queues that name none. `null`: called like `taskDefaultQueue`. */
  taskDefaultExchange: { type: 'string', default: null, old: 'CELERY_DEFAULT_EXCHANGE' },
  /** Type of the exchange of queues that name none: `direct`, `topic`, `fanout` or `headers`. */
  taskDefaultExchangeType: { type: 'string', default: 'direct', old: 'CELERY_DEFAULT_EXCHANGE_TYPE' },
  /** Routing key of queues that name none. `null`: called like `taskDefaultQueue`. */
  taskDefaultRoutingKey: { type: 'string', default: null, old: 'CELERY_DEFAULT_ROUTING_KEY' },
  /** Rate limit of tasks that have none, e.g. `'10/m'`. */
  taskDefaultRateLimit: { type: ['string', 'float'], default: null, old: 'CELERY_DEFAULT_RATE_LIMIT' },
  /** Priority of tasks that have none. */
  taskDefaultPriority: { type: 'int', default: null, old: 'CELERY_DEFAULT_PRIORITY' },
  /** Whether the error of a task that runs eagerly is thrown where it was called. */
  taskEagerPropagates: { type: 'bool', default: false, old: 'CELERY_EAGER_PROPAGATES_EXCEPTIONS' },
  /** Whether results aren't stored. */
  taskIgnoreResult: { type: 'bool', default: false, old: 'CELERY_IGNORE_RESULT' },
  /** Whether results of tasks that run eagerly are stored as well. */
  taskStoreEagerResult: { type: 'bool', default: false, old: 'CELERY_STORE_EAGER_RESULT' },
  /** Version of the message format: 2, or 1 for workers of before Celery 4. */
  taskProtocol: { type: 'int', default: 2, choices: [1, 2], old: 'CELERY_TASK_PROTOCOL' },
  /** Whether publishing is tried again when the connection fails. */
  taskPublishRetry: { type: 'bool', default: true, old: 'CELERY_TASK_PUBLISH_RETRY' },
  /** How often publishing is tried again, and after how many seconds. */
  taskPublishRetryPolicy: {
    type: 'options',
    default: { max_retries: 3, interval_start: 0, interval_max: 1, interval_step: 0.2 },
    old: 'CELERY_TASK_PUBLISH_RETRY_POLICY',
  },
  /** The queues a worker consumes from unless told otherwise. `null`: the default queue. */
  taskQueues: { type: ['list', 'dict'], default: null, old: 'CELERY_QUEUES' },
  /** `x-max-priority` of queues that don't say. */
  taskQueueMaxPriority: { type: 'int', default: null, old: 'CELERY_QUEUE_MAX_PRIORITY' },
  /** Whether a late-acknowledged task is queued again when the process that ran it died. */
  taskRejectOnWorkerLost: { type: 'bool', default: null, old: 'CELERY_REJECT_ON_WORKER_LOST' },
  /** Whether the stack of the worker is shown with an error that a result raises. */
  taskRemoteTracebacks: { type: 'bool', default: false, old: 'CELERY_REMOTE_TRACEBACKS' },
  /** Where tasks go: a dict of patterns, a list of pairs, a function, the name of one, or a list of these. */
  taskRoutes: { type: 'any', default: null, old: 'CELERY_ROUTES' },
  /** Whether an event `task-sent` is published with each task. */
  taskSendSentEvent: { type: 'bool', default: false, old: 'CELERY_SEND_TASK_SENT_EVENT' },
  /** Serializer of messages. */
  taskSerializer: { type: 'string', default: 'json', old: 'CELERY_TASK_SERIALIZER' },
  /** After how much time a task is asked to stop: its signal is aborted. */
  taskSoftTimeLimit: { type: 'duration', default: null, old: 'CELERYD_TASK_SOFT_TIME_LIMIT' },
  /** After how much time the process that runs a task is killed. */
  taskTimeLimit: { type: 'duration', default: null, old: 'CELERYD_TASK_TIME_LIMIT' },
  /** Whether failures are stored even if results aren't. */
  taskStoreErrorsEvenIfIgnored: {
    type: 'bool',
    default: false,
    old: 'CELERY_STORE_ERRORS_EVEN_IF_IGNORED',
  },
  /** Whether a task has the state STARTED while it runs. */
  taskTrackStarted: { type: 'bool', default: false, old: 'CELERY_TRACK_STARTED' },
  /** Whether the errbacks of a chord are also those of the tasks of its header. */
  taskAllowErrorCbOnChordHeader: {
    type: 'bool',
    default: false,
    old: 'CELERY_ALLOW_ERROR_CB_ON_CHORD_HEADER',
  },
} as const
