import type { AppSteps, ConsumerParent, WorkerParent } from '../app/app-steps.ts'
import { Blueprint } from '../bootsteps/blueprint.ts'
import type { BootNode } from '../bootsteps/boot-graph.ts'
import type { Bootstep } from '../bootsteps/bootstep.ts'
import { ImproperlyConfigured, OperationalError } from '../errors.ts'
import type { Delivery } from '../messaging/message.ts'
import { isRecord } from '../util/is-record.ts'
import type { Logger } from '../util/logger.ts'
import { importReference } from '../util/modules.ts'
import type { Session } from './session.ts'

/** What a worker has without steps, by Celery's names: steps may require it. All of it is there before they start. */
export const WORKER_PARTS: readonly BootNode[] = [
  { name: 'Timer', requires: [] },
  { name: 'Hub', requires: ['Timer'] },
  { name: 'Pool', requires: ['Hub'] },
  { name: 'Autoscaler', requires: ['Pool'] },
  { name: 'StateDB', requires: [] },
  { name: 'Beat', requires: [] },
  { name: 'Consumer', requires: [], last: true },
]

/** The same of its consumer. */
export const CONSUMER_PARTS: readonly BootNode[] = [
  { name: 'Connection', requires: [] },
  { name: 'Events', requires: ['Connection'] },
  { name: 'Mingle', requires: ['Events'] },
  { name: 'Gossip', requires: ['Mingle'] },
  { name: 'Heart', requires: ['Events'] },
  { name: 'Tasks', requires: ['Mingle'] },
  { name: 'Control', requires: ['Tasks'] },
  { name: 'DelayedDelivery', requires: ['Tasks'] },
  { name: 'Agent', requires: ['Connection'] },
  { name: 'Evloop', requires: [], last: true },
]

/** Names of the parts that steps may require: not of the one that comes last. */
export function partNames(parts: readonly BootNode[]): readonly string[] {
  return parts.filter(({ last }) => last !== true).map(({ name }) => name)
}

/** What the steps of a worker need. */
export interface WorkerStepsOptions {
  readonly steps: AppSteps
  /** A step of the consumer, a class of one, or where it is. Celery: `worker_agent`. */
  readonly agent: string | object | undefined
  readonly worker: WorkerParent
  readonly decodeBody: (delivery: Delivery) => unknown
  /** A step of the consumer cannot be started, and trying again on another connection would not help. */
  readonly failed: (error: unknown) => void
  readonly logger: Logger
}

/** Gets the steps of a worker ready. @throws ImproperlyConfigured when they cannot be put in order. */
export async function createWorkerSteps(options: WorkerStepsOptions): Promise<WorkerSteps> {
  const { agent } = options
  const found = typeof agent === 'string' ? await importReference(agent, { option: 'workerAgent' }) : agent
  if (found === undefined) return new WorkerSteps(options)
  const step: unknown = typeof found === 'function' ? Reflect.construct(found, []) : found
  if (!isStep(step)) throw new ImproperlyConfigured('workerAgent: must be a bootstep, or a class of one')
  const { worker, consumer } = options.steps
  return new WorkerSteps({ ...options, steps: { worker, consumer: new Set([...consumer, step]) } })
}

function isStep(value: unknown): value is Bootstep<ConsumerParent> {
  return isRecord(value) && typeof value['name'] === 'string' && typeof value['start'] === 'function'
}

/** The users' steps of one worker: those of the worker itself, and those of its connection. */
export class WorkerSteps {
  readonly #options: WorkerStepsOptions
  readonly #worker: Blueprint<WorkerParent>
  readonly #consumer: Blueprint<ConsumerParent>
  #session: Session | undefined
  /** Connections come and go; their steps start and stop one after the other. */
  #latest: Promise<void> = Promise.resolve()

  /** @throws ImproperlyConfigured when the steps cannot be put in order. */
  constructor(options: WorkerStepsOptions) {
    const { steps, logger } = options
    this.#options = options
    this.#worker = new Blueprint({
      name: 'Worker',
      steps: steps.worker,
      given: partNames(WORKER_PARTS),
      logger,
    })
    this.#consumer = new Blueprint({
      name: 'Consumer',
      steps: steps.consumer,
      given: partNames(CONSUMER_PARTS),
      logger,
    })
  }

  /** Starts the steps of the worker. */
  start(): Promise<void> {
    return this.#worker.start(this.#options.worker)
  }

  /** Starts the steps of the consumer on a new connection. */
  opened(session: Session): void {
    if (this.#consumer.order.length === 0) return
    const { worker, decodeBody, logger, failed } = this.#options
    const { connection } = session
    this.#session = session
    void this.#next(async () => {
      if (this.#session !== session) return
      try {
        await this.#consumer.start({ hostname: worker.hostname, worker, connection, logger, decodeBody })
      } catch (error) {
        if (session.lost || this.#session !== session) return
        if (!(error instanceof OperationalError && error.recoverable)) return failed(error)
        logger.error('A bootstep of the consumer could not start; connecting anew', { error })
        session.giveUp()
      }
    })
  }

  /** Stops the steps of a connection. */
  lost(session: Session): void {
    if (this.#session === session) void this.closeConsumer()
  }

  /** Stops the steps of the connection. Never rejects. */
  closeConsumer(): Promise<void> {
    this.#session = undefined
    return this.#next(() => this.#consumer.stop())
  }

  /** Stops the steps of the worker. Never rejects. */
  close(options: { readonly terminate: boolean }): Promise<void> {
    return this.#worker.stop(options)
  }

  /** What the steps say of themselves. */
  info(): Readonly<Record<string, unknown>> {
    return { ...this.#worker.info(), ...this.#consumer.info() }
  }

  #next(step: () => Promise<void>): Promise<void> {
    this.#latest = this.#latest.then(step)
    return this.#latest
  }
}
