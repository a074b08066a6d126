import type { Bootstep } from '../bootsteps/bootstep.ts'
import type { Delivery } from '../messaging/message.ts'
import type { TransportConnection } from '../messaging/transport.ts'
import type { Pool } from '../pool/pool.ts'
import type { Logger } from '../util/logger.ts'

/** A worker, as its steps see it. */
export interface WorkerParent {
  readonly hostname: string
  /** Has been started before the steps, and is stopped after them. */
  readonly pool: Pool | undefined
  readonly logger: Logger
  /** `warm`: running tasks finish; `cold`: they are ended. Must not be awaited by a step. */
  stop(mode?: 'warm' | 'cold'): Promise<void>
}

/** A worker's connection to its broker, as its steps see it. There is a new one after each loss. */
export interface ConsumerParent {
  readonly hostname: string
  readonly worker: WorkerParent
  /** For channels of the step's own: one that the worker uses would be closed by the step's errors, too. */
  readonly connection: TransportConnection
  readonly logger: Logger
  /** The content of a message. @throws SerializationError. */
  decodeBody(delivery: Delivery): unknown
}

/**
 * Steps that start and stop with every worker of the app: `app.steps.worker.add(step)`. Celery: `app.steps`.
 *
 * Those of `worker` start once, after the pool and before messages come. Those of `consumer` start after each connection
 * to the broker, and stop when it is lost.
 */
export interface AppSteps {
  readonly worker: Set<Bootstep<WorkerParent>>
  readonly consumer: Set<Bootstep<ConsumerParent>>
}

/** No steps yet. */
export function createAppSteps(): AppSteps {
  return { worker: new Set(), consumer: new Set() }
}
