/** Settings of the scheduler of periodic tasks. */
export const beatSettings = {
  /** Longest sleep between two looks at the schedule. 0: what the scheduler prefers (5 minutes for the usual one). */
  beatMaxLoopInterval: { type: 'duration', default: 0, old: 'CELERYBEAT_MAX_LOOP_INTERVAL' },
  /** The periodic tasks: name of the entry → task, schedule, arguments and options. */
  beatSchedule: { type: 'dict', default: {}, old: 'CELERYBEAT_SCHEDULE' },
  /** The scheduler: `file`, `redis`, `memory`, a class, or `module#Class`. What `-S` sets. */
  beatScheduler: { type: 'class', default: 'celery.beat:PersistentScheduler', old: 'CELERYBEAT_SCHEDULER' },
  /** File in which the scheduler keeps when each entry last ran, or the URL of a Redis. What `-s` sets. */
  beatScheduleFilename: {
    type: 'string',
    default: 'celerybeat-schedule',
    old: 'CELERYBEAT_SCHEDULE_FILENAME',
  },
  /** After how many sent tasks Celery writes the schedule to its file. No effect: it is written after each of them. */
  beatSyncEvery: { type: 'int', default: 0, old: 'CELERYBEAT_SYNC_EVERY' },
  /**
   * How late a crontab entry may still be sent after beat was down at its time. `null`: however late, once.
   */
  beatCronStartingDeadline: {
    type: 'duration',
    default: null,
    old: 'CELERYBEAT_CRON_STARTING_DEADLINE',
  },
  /** File that beat logs to when `--logfile` isn't given. `null`: standard error. */
  beatLogfile: { type: 'string', default: null },
  /** File that holds the process id of beat when `--pidfile` isn't given. */
  beatPidfile: { type: 'string', default: null },
  /** User, by name or number, that beat becomes after it has started. */
  beatUid: { type: ['int', 'string'], default: null },
  /** Group, by name or number, that beat becomes a member of after it has started. */
  beatGid: { type: ['int', 'string'], default: null },
  /** Mask of permissions, as an octal text such as `'022'`, for the files that beat makes. */
  beatUmask: { type: ['string', 'int'], default: null },
  /** Program that runs a detached beat. `null`: the Node that runs the command. */
  beatExecutable: { type: 'string', default: null },
} as const
