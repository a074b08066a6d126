import type { AppSteps } from '../app/app-steps.ts'
import type { WorkerSettings } from '../app/worker-settings.ts'
import type { WorkerSignals } from '../app/worker-signals.ts'
import type { Delivery } from '../messaging/message.ts'
import type { Transport, TransportOptions } from '../messaging/transport.ts'
import type { RunnerSource } from '../pool/pool.ts'
import type { RegisteredTask, TaskLookup } from '../task/ports.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { ConsumedQueue, RetryOptions } from './consumer.ts'
import type { ControlServices } from './control-services.ts'
import type { DelayedDeliveryPlan } from './delayed-delivery.ts'
import type { OutcomeRecorder } from './request.ts'
import type { EventsApp } from './worker-events.ts'

/** What a worker needs of the app; class `Celery` has it. */
export interface WorkerApp {
  readonly workerSettings: WorkerSettings
  readonly logger: Logger
  /** By which tasks are due and expire. */
  readonly clock: Clock
  /** The configuration, for receivers of signals. */
  readonly conf: object
  readonly signals: WorkerSignals
  readonly tasks: TaskLookup & Iterable<RegisteredTask>
  readonly steps: AppSteps
  readonly events: EventsApp
  /** Writes outcomes that no process of the pool can write. */
  readonly recorder: OutcomeRecorder
  readonly brokerRetry: RetryOptions
  /** Imports the modules of `imports` and `include`, and makes serializers of `acceptContent` ready. */
  loadModules(): Promise<void>
  /** Decodes a body by its content type. Throws `SerializationError`. */
  decodeBody(delivery: Delivery): unknown
  brokers(purpose: 'read' | 'write'): readonly TransportOptions[]
  resolveTransport(url: string): Promise<Transport>
  /** The queues to consume: those selected, else all that are configured, less the excluded. */
  consumedQueues(options: {
    readonly select: readonly string[]
    readonly exclude: readonly string[]
  }): readonly ConsumedQueue[]
  /** What the broker needs to keep tasks until they are due; undefined: it does not, workers wait themselves. */
  delayedDelivery(options: {
    readonly select: readonly string[]
    readonly exclude: readonly string[]
  }): DelayedDeliveryPlan | undefined
  /** How processes of a pool run tasks of this app. */
  runnerSource(options: { readonly hostname: string; readonly module: string | undefined }): RunnerSource
  /** For remote control. @throws ImproperlyConfigured when its settings exclude each other. */
  controlServices(): ControlServices
  /** A signature that came as plain data. */
  signatureFrom(signature: unknown): { applyAsync(): PromiseLike<unknown> }
  /** Empties queues; settles with the number of messages removed. */
  purge(queues: readonly string[]): Promise<number>
}
