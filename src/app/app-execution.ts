/** Running the tasks of an app: in place, in the worker's process, or in others. */
import path from 'node:path'
import type { Configuration } from '../config/configuration.ts'
import type { Settings } from '../config/settings.ts'
import type { BodyEncoding, DeduplicateOptions, ExecutionHost } from '../execution/ports.ts'
import { OutcomeRecorder } from '../execution/recorder.ts'
import { createTaskRunner } from '../execution/runner.ts'
import { Tracer } from '../execution/tracer.ts'
import type { CompressionRegistry } from '../messaging/compression.ts'
import type { Delivery } from '../messaging/message.ts'
import type { AcceptList, SerializerRegistry } from '../messaging/serialization/registry.ts'
import type { RunnerSource } from '../pool/pool.ts'
import type { EagerOutcome, TaskCall } from '../task/ports.ts'
import type { CanvasHost } from '../task/signature.ts'
import { positiveNumber } from '../util/positive-number.ts'
import { runEagerly } from './eager.ts'
import type { WorkerSignals } from './worker-signals.ts'

/** What `AppExecution` works with. */
export interface AppExecutionOptions {
  readonly host: CanvasHost
  readonly conf: Configuration
  readonly serializers: SerializerRegistry
  readonly compressions: CompressionRegistry
  readonly signals: Pick<WorkerSignals, 'workerProcessInit' | 'workerBeforeCreateProcess'>
}

/** Sources are `.ts`, the package is `.js`: the module beside this one is what this one is. */
const CHILD_RUNNER = new URL('./child-runner.ts', import.meta.url).href.replace(
  /\.ts$/,
  path.extname(import.meta.url),
)

/** How much is remembered of tasks that have succeeded. */
export function deduplicateOptions(
  environment: Readonly<Record<string, string | undefined>>,
): DeduplicateOptions {
  return {
    max: positiveNumber(environment['CELERY_WORKER_SUCCESSFUL_MAX']) ?? 1000,
    expires: (positiveNumber(environment['CELERY_WORKER_SUCCESSFUL_EXPIRES']) ?? 10_800) * 1000,
  }
}

/** See the module's description. */
export class AppExecution {
  readonly #options: AppExecutionOptions
  #accept: { readonly settings: Settings; readonly list: AcceptList } | undefined
  #tracer: Tracer | undefined
  #recorder: OutcomeRecorder | undefined

  constructor(options: AppExecutionOptions) {
    this.#options = options
  }

  /** What tracers need. */
  host(): ExecutionHost {
    const { host, conf } = this.#options
    const { workerDeduplicateSuccessfulTasks: deduplicates } = conf.resolved()
    return {
      tasks: host,
      decodeBody: (body, encoding) => this.#decode(body, encoding),
      deduplicate: deduplicates ? deduplicateOptions(process.env) : undefined,
    }
  }

  /** Writes the outcomes of tasks that the process that ran them could not write. */
  get recorder(): OutcomeRecorder {
    this.#recorder ??= new OutcomeRecorder(this.host())
    return this.#recorder
  }

  /** Runs a call here and now. */
  runEagerly(call: TaskCall): Promise<EagerOutcome> {
    const { host, serializers } = this.#options
    this.#tracer ??= new Tracer(this.host())
    return runEagerly({ host, tracer: this.#tracer, serializers }, call)
  }

  /** How a pool runs tasks: in this process, or in others, which load `module` (`file#export`). */
  runnerSource(module: string | undefined): RunnerSource {
    const { conf, signals } = this.#options
    const { brokerUrl, brokerReadUrl, brokerWriteUrl, resultBackend } = conf.resolved()
    const backend = typeof resultBackend === 'string' ? { resultBackend } : {}
    const settings = { ...conf.plainChanges(), brokerUrl, brokerReadUrl, brokerWriteUrl, ...backend }
    return {
      module: CHILD_RUNNER,
      init: { app: module ?? '', settings },
      create: async () => {
        await signals.workerProcessInit.send({ sender: undefined })
        return createTaskRunner(this.host())
      },
      beforeChild: (pool) => {
        if (!signals.workerBeforeCreateProcess.hasReceivers) return
        void signals.workerBeforeCreateProcess.deliver({ sender: pool })
      },
    }
  }

  /** Decodes the body of a message. @throws SerializationError. */
  decode({ body, headers, properties }: Delivery): unknown {
    const { contentType, contentEncoding } = properties
    const compression = headers['compression']
    return this.#decode(body, {
      contentType,
      contentEncoding,
      compression: typeof compression === 'string' ? compression : undefined,
    })
  }

  #decode(body: Uint8Array, { contentType, contentEncoding, compression }: BodyEncoding): unknown {
    const { conf, serializers, compressions } = this.#options
    const settings = conf.resolved()
    if (this.#accept?.settings !== settings) {
      this.#accept = { settings, list: serializers.acceptList(settings.acceptContent) }
    }
    const plain = compression === undefined ? body : compressions.decompress(body, compression)
    return serializers.decode(plain, contentType, contentEncoding, this.#accept.list)
  }
}
