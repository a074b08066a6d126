/** Settings of the queues of remote control. */
export const controlSettings = {
  /** How long commands and replies live in their queues. */
  controlQueueTtl: { type: 'duration', default: 300, nullable: true },
  /** After how much time without use the queues of commands and replies are deleted. */
  controlQueueExpires: { type: 'duration', default: 10, nullable: true },
  /** Whether the queue of commands belongs to its connection alone. Excludes `controlQueueDurable`. */
  controlQueueExclusive: { type: 'bool', default: true },
  /** Whether the queue of commands survives a restart of the broker. Excludes `controlQueueExclusive`. */
  controlQueueDurable: { type: 'bool', default: false },
  /** Beginning of the names of the exchanges: `<it>.pidbox` and `reply.<it>.pidbox`. */
  controlExchange: { type: 'string', default: 'celery' },
} as const
