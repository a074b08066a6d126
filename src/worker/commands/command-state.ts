import type { TransportOptions } from '../../messaging/transport.ts'
import type { Pool } from '../../pool/pool.ts'
import type { TaskLookup } from '../../task/ports.ts'
import type { Logger } from '../../util/logger.ts'
import type { ConsumedQueue } from '../consumer.ts'
import type { ControlServices } from '../control-services.ts'
import type { RateLimits } from '../rate-limits.ts'
import type { Revokes } from '../revokes.ts'
import type { TimeLimits } from '../strategy.ts'
import type { WorkerOptions } from '../worker-options.ts'
import type { WorkerState } from '../worker-state.ts'

/** The queues that a worker consumes. */
export interface ConsumedQueues {
  readonly queues: readonly ConsumedQueue[]
  /** The broker of the latest session. */
  readonly broker: TransportOptions | undefined
  addQueue(queue: ConsumedQueue): Promise<void>
  cancelQueue(name: string): Promise<void>
}

/** What remote control may do to parts of the worker that not every worker has. Whoever is such a part sets it. */
export interface ControlHooks {
  events?: {
    /** Sends events about tasks from now on; false: it did already. */
    enable(): boolean
    /** Sends none any more; false: it did not, or always does. */
    disable(): boolean
    /** Sends a heartbeat at once. */
    heartbeat(): void
  }
  /** Holds an election among the workers. */
  elect?: (id: string, topic: string, action: unknown) => void
  autoscaler?: {
    /** Changes the limits of the number of processes, and answers those that count now. */
    update(limits: { readonly max: number | undefined; readonly min: number | undefined }): {
      readonly max: number
      readonly min: number
    }
  }
  /** What parts of the worker say of themselves, for `stats`. */
  info?: () => Readonly<Record<string, unknown>>
}

/** The worker, as commands of remote control see it. Celery: `state` of a command. */
export interface CommandState {
  /** Node name. */
  readonly hostname: string
  readonly logger: Logger
  readonly options: WorkerOptions
  readonly state: WorkerState
  readonly tasks: TaskLookup
  readonly services: ControlServices
  readonly revokes: Revokes
  readonly rateLimits: RateLimits | undefined
  readonly timeLimits: Map<string, TimeLimits>
  readonly pool: Pool
  readonly consumer: ConsumedQueues
  readonly hooks: ControlHooks
  /** Monotonic milliseconds at which the worker was started. */
  readonly startedAt: number
  /** How many unsettled messages the worker asks for now; 0: no limit. */
  prefetchCount(): number
  /** The broker is told the prefetch count again, because the pool has changed. */
  poolChanged(): void
  /** Stops the worker warm. */
  shutDown(): void
}
