/** Settings that Celery doesn't have. Python peers never see them. */
export const celeriacSettings = {
  /** How long publishing a task may take, retries included, before it fails. `null`: as long as it likes. */
  publishTimeout: { type: 'duration', default: 30, nullable: true },
  /** How many asynchronous tasks one child process of the prefork pool runs at once. */
  workerTasksPerProcess: { type: 'int', default: 1 },
  /**
   * Queue for messages that no worker can run: unknown task, undecodable, unverifiable, or delivered too often. The
   * reason is in their headers. `null`: they are dropped, as Celery does.
   */
  taskDeadLetterQueue: { type: 'string', default: 'celeriac.dead', nullable: true },
  /**
   * How often a message may be delivered before it goes to `taskDeadLetterQueue` instead of running, so that a task
   * that kills its process doesn't do so for ever. `null`: no limit.
   */
  workerMaxDeliveries: { type: 'int', default: null },
  /**
   * After how much time a message that was neither acknowledged nor renewed goes to another worker; stands for
   * `visibility_timeout` in `brokerTransportOptions` when that is absent. (Celery's guide tells users to set it, too,
   * but Celery doesn't read it.)
   */
  visibilityTimeout: { type: 'duration', default: null },
} as const
