/** Settings of events and of those who watch them. */
export const eventSettings = {
  /** After how much time without use the queue of a monitor is deleted. */
  eventQueueExpires: { type: 'duration', default: 60, nullable: true, old: 'CELERY_EVENT_QUEUE_EXPIRES' },
  /** How long events live in the queue of a monitor. */
  eventQueueTtl: { type: 'duration', default: 5, nullable: true, old: 'CELERY_EVENT_QUEUE_TTL' },
  /** Beginning of the name of the queue of a monitor: `<it>.<uuid>`. */
  eventQueuePrefix: { type: 'string', default: 'celeryev', old: 'CELERY_EVENT_QUEUE_PREFIX' },
  /** Whether the queue of a monitor belongs to its connection alone. Excludes `eventQueueDurable`. */
  eventQueueExclusive: { type: 'bool', default: true, old: 'CELERY_EVENT_QUEUE_EXCLUSIVE' },
  /** Whether the queue of a monitor survives a restart of the broker. Excludes `eventQueueExclusive`. */
  eventQueueDurable: { type: 'bool', default: false, old: 'CELERY_EVENT_QUEUE_DURABLE' },
  /** Serializer of events. */
  eventSerializer: { type: 'string', default: 'json', old: 'CELERY_EVENT_SERIALIZER' },
  /** Name of the exchange of events. */
  eventExchange: { type: 'string', default: 'celeryev', old: 'CELERY_EVENT_EXCHANGE' },
  /** File that `celery events` logs to when `--logfile` isn't given. `null`: standard error. */
  eventsLogfile: { type: 'string', default: null },
  /** File that holds the process id of `celery events` when `--pidfile` isn't given. */
  eventsPidfile: { type: 'string', default: null },
  /** User, by name or number, that `celery events` becomes after it has started. */
  eventsUid: { type: ['int', 'string'], default: null },
  /** Group, by name or number, that `celery events` becomes a member of after it has started. */
  eventsGid: { type: ['int', 'string'], default: null },
  /** Mask of permissions, as an octal text such as `'022'`, for the files that `celery events` makes. */
  eventsUmask: { type: ['string', 'int'], default: null },
  /** Program that runs a detached `celery events`. `null`: the Node that runs the command. */
  eventsExecutable: { type: 'string', default: null },
} as const
