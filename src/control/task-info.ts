/** What workers answer, in Celery's words: snake case, as it is on the wire. */

/** Where a message came from. */
export interface DeliveryInfo {
  readonly exchange: string
  readonly routing_key: string
  readonly priority: number
  readonly redelivered: boolean | null
}

/** A task in a worker. */
export interface TaskInfo {
  readonly id: string
  readonly name: string
  /** Text with `safe`, or when the worker has not decoded them. */
  readonly args: readonly unknown[] | string
  readonly kwargs: Readonly<Record<string, unknown>> | string
  readonly type: string
  readonly hostname: string
  /** Seconds since 1970; null: it does not run yet. */
  readonly time_start: number | null
  readonly acknowledged: boolean
  readonly delivery_info: DeliveryInfo
  /** Of the process that runs it; null: none yet. */
  readonly worker_pid: number | null
}

/** A task that waits for its time. */
export interface ScheduledTaskInfo {
  /** In ISO 8601. */
  readonly eta: string
  readonly priority: number
  readonly request: TaskInfo
}

/** The exchange of a queue. */
export interface ExchangeInfo {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly auto_delete: boolean
  readonly arguments: Readonly<Record<string, unknown>> | null
  readonly [field: string]: unknown
}

/** A queue that a worker consumes. */
export interface QueueInfo {
  readonly name: string
  readonly exchange: ExchangeInfo | null
  readonly routing_key: string
  readonly durable: boolean
  readonly exclusive: boolean
  readonly auto_delete: boolean
  readonly no_ack: boolean
  readonly alias: string | null
  readonly bindings: readonly unknown[]
  readonly queue_arguments: Readonly<Record<string, unknown>> | null
  readonly [field: string]: unknown
}

/** Numbers about a worker. */
export interface WorkerStats {
  /** How many tasks it has accepted, by their names. */
  readonly total: Readonly<Record<string, number>>
  readonly pid: number
  /** The logical clock, as text. */
  readonly clock: string
  /** Seconds since it started. */
  readonly uptime: number
  readonly pool: Readonly<Record<string, unknown>>
  readonly broker: Readonly<Record<string, unknown>>
  readonly prefetch_count: number
  readonly rusage: Readonly<Record<string, number>> | string
  readonly [field: string]: unknown
}

/** What most commands answer: how it went, or why it did not. */
export interface CommandAnswer {
  readonly ok?: unknown
  readonly error?: string
}

/** What a starting worker learns of its neighbours. */
export interface HelloAnswer {
  readonly revoked: Readonly<Record<string, unknown>>
  readonly clock: number
}
