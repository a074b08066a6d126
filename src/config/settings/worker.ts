/** Settings of workers. */
export const workerSettings = {
  /** A bootstep that runs in every worker as its agent. */
  workerAgent: { type: 'class', default: null, old: 'CELERYD_AGENT' },
  /** The class that grows and shrinks the pool. */
  workerAutoscaler: {
    type: 'class',
    default: 'celery.worker.autoscale:Autoscaler',
    old: 'CELERYD_AUTOSCALER',
  },
  /** Whether tasks that can't be acknowledged any more are killed when the connection is lost. */
  workerCancelLongRunningTasksOnConnectionLoss: {
    type: 'bool',
    default: false,
    old: 'CELERYD_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS',
  },
  /** How long a cold shutdown first waits for running tasks. 0: not at all. */
  workerSoftShutdownTimeout: { type: 'duration', default: 0, old: 'CELERYD_SOFT_SHUTDOWN_TIMEOUT' },
  /** Whether a cold shutdown waits even if nothing runs, so that tasks held for later reach the broker. */
  workerEnableSoftShutdownOnIdle: {
    type: 'bool',
    default: false,
    old: 'CELERYD_ENABLE_SOFT_SHUTDOWN_ON_IDLE',
  },
  /** How many tasks run at once. `null` or 0: as many as the machine has processors. */
  workerConcurrency: { type: 'int', default: null, old: 'CELERYD_CONCURRENCY' },
  /** The class that consumes messages. */
  workerConsumer: { type: 'class', default: 'celery.worker.consumer:Consumer', old: 'CELERYD_CONSUMER' },
  /** Whether every worker also has a queue of its own: `<name of the worker>.dq2`. */
  workerDirect: { type: 'bool', default: false, old: 'CELERY_WORKER_DIRECT' },
  /** Whether rate limits are ignored. */
  workerDisableRateLimits: { type: 'bool', default: false, old: 'CELERY_DISABLE_RATE_LIMITS' },
  /** Whether a task delivered again doesn't run when its result says that it succeeded already. */
  workerDeduplicateSuccessfulTasks: {
    type: 'bool',
    default: false,
    old: 'CELERYD_DEDUPLICATE_SUCCESSFUL_TASKS',
  },
  /** Whether the worker obeys remote control. */
  workerEnableRemoteControl: { type: 'bool', default: true, old: 'CELERY_ENABLE_REMOTE_CONTROL' },
  /** Whether the worker takes logging over from what was configured before. */
  workerHijackRootLogger: { type: 'bool', default: true, old: 'CELERYD_HIJACK_ROOT_LOGGER' },
  /** Whether log messages are in colour. `null`: on a terminal. */
  workerLogColor: { type: 'bool', default: null, old: 'CELERYD_LOG_COLOR' },
  /** Format of log messages, in Python's notation. */
  workerLogFormat: {
    type: 'string',
    default: '[%(asctime)s: %(levelname)s/%(processName)s] %(message)s',
    old: 'CELERYD_LOG_FORMAT',
  },
  /** How long to wait for the outcome of a task whose process ended before it counts as lost. */
  workerLostWait: { type: 'duration', default: 10, old: 'CELERYD_WORKER_LOST_WAIT' },
  /** Memory, in KiB, from which on a child process is replaced after its task. `null`: no limit. */
  workerMaxMemoryPerChild: { type: 'int', default: null, old: 'CELERYD_MAX_MEMORY_PER_CHILD' },
  /** Number of tasks after which a child process is replaced. `null`: never. */
  workerMaxTasksPerChild: { type: 'int', default: null, old: 'CELERYD_MAX_TASKS_PER_CHILD' },
  /** What runs tasks: `prefork`, `threads`, `async` (also called `eventlet` and `gevent`), `solo`, or a class. */
  workerPool: { type: ['string', 'class'], default: 'prefork', old: 'CELERYD_POOL' },
  /** Whether no more tasks are handed to the pool than it has places. */
  workerPoolPutlocks: { type: 'bool', default: true, old: 'CELERYD_POOL_PUTLOCKS' },
  /** Whether remote control may restart the pool. */
  workerPoolRestarts: { type: 'bool', default: false, old: 'CELERYD_POOL_RESTARTS' },
  /** How long a new child process may take to be ready. */
  workerProcAliveTimeout: { type: 'duration', default: 4, old: 'CELERYD_PROC_ALIVE_TIMEOUT' },
  /** How many messages, per task that can run at once, are fetched ahead. 0: no limit. */
  workerPrefetchMultiplier: { type: 'int', default: 4, old: 'CELERYD_PREFETCH_MULTIPLIER' },
  /** Up to how many messages are fetched because tasks with an ETA are held. `null`: no limit. */
  workerEtaTaskLimit: { type: 'int', default: null, old: 'CELERYD_ETA_TASK_LIMIT' },
  /** Whether fewer messages are fetched after a connection was lost, until the tasks of before are done. */
  workerEnablePrefetchCountReduction: {
    type: 'bool',
    default: true,
    old: 'CELERYD_ENABLE_PREFETCH_COUNT_REDUCTION',
  },
  /** Whether a message is fetched only when a task can run at once. RabbitMQ can't: there a multiplier of 1 counts. */
  workerDisablePrefetch: { type: 'bool', default: false, old: 'CELERYD_DISABLE_PREFETCH' },
  /** Whether what tasks print goes to the log. */
  workerRedirectStdouts: { type: 'bool', default: true, old: 'CELERY_REDIRECT_STDOUTS' },
  /** Level of log messages that tasks printed. */
  workerRedirectStdoutsLevel: {
    type: ['string', 'int'],
    default: 'WARNING',
    old: 'CELERY_REDIRECT_STDOUTS_LEVEL',
  },
  /** Whether events about tasks are published. What `-E` sets. */
  workerSendTaskEvents: { type: 'bool', default: false, old: 'CELERY_SEND_EVENTS' },
  /** File in which revoked tasks survive a restart of the worker. What `-S` sets. */
  workerStateDb: { type: 'string', default: null, old: 'CELERYD_STATE_DB' },
  /** Format of log messages of tasks, in Python's notation. */
  workerTaskLogFormat: {
    type: 'string',
    default: '[%(asctime)s: %(levelname)s/%(processName)s] %(task_name)s[%(task_id)s]: %(message)s',
    old: 'CELERYD_TASK_LOG_FORMAT',
  },
  /** The class of the timer in Celery. Here the event loop is the timer; kept so that it can be set. */
  workerTimer: { type: 'class', default: null, old: 'CELERYD_TIMER' },
  /** Longest sleep of the timer in Celery. Here the event loop is the timer; kept so that it can be set. */
  workerTimerPrecision: { type: 'duration', default: 1, old: 'CELERYD_TIMER_PRECISION' },
  /** Whether quorum queues change how messages are fetched ahead and delayed. */
  workerDetectQuorumQueues: { type: 'bool', default: true, old: 'CELERYD_DETECT_QUORUM_QUEUES' },
  /** File that the worker logs to when `--logfile` isn't given. `null`: standard error. */
  workerLogfile: { type: 'string', default: null },
  /** File that holds the process id of the worker when `--pidfile` isn't given. */
  workerPidfile: { type: 'string', default: null },
  /** User, by name or number, that the worker becomes after it has started. */
  workerUid: { type: ['int', 'string'], default: null },
  /** Group, by name or number, that the worker becomes a member of after it has started. */
  workerGid: { type: ['int', 'string'], default: null },
  /** Mask of permissions, as an octal text such as `'022'`, for the files that the worker makes. */
  workerUmask: { type: ['string', 'int'], default: null },
  /** Program that runs a detached worker. `null`: the Node that runs the command. */
  workerExecutable: { type: 'string', default: null },
} as const
