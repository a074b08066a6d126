import type { Configuration } from '../config/configuration.ts'
import type { TaskJob } from '../execution/job.ts'
import type { ExecutionHost } from '../execution/ports.ts'
import { readBody } from '../execution/read-job.ts'
import type { OutcomeRecorder } from '../execution/recorder.ts'
import type { Queue } from '../messaging/entity.ts'
import type { Mailbox } from '../messaging/mailbox.ts'
import { queueFromDict } from '../messaging/queue-from-dict.ts'
import type { EncodedBody } from '../messaging/serialization/raw.ts'
import type { SerializerRegistry } from '../messaging/serialization/registry.ts'
import type { Queues } from '../routing/queues.ts'
import type { TaskRegistry } from '../task/registry.ts'
import type { LamportClock } from '../util/lamport-clock.ts'
import { mailboxOf } from './app-control.ts'
import { bugReport } from './bug-report.ts'

/** The parts of an app that it looks at. */
export interface ControlServicesApp {
  readonly main: string | undefined
  readonly conf: Configuration
  readonly logicalClock: LamportClock
  readonly serializers: SerializerRegistry
  readonly tasks: Pick<TaskRegistry, 'names'>
  readonly queues: Queues
  readonly recorder: OutcomeRecorder
  executionHost(): ExecutionHost
}

/** What an app does for the remote control of its workers. */
export class ControlServices {
  readonly clock: LamportClock
  readonly mailbox: Mailbox
  readonly #app: ControlServicesApp

  /** @throws ImproperlyConfigured when the settings of the mailbox exclude each other. */
  constructor(app: ControlServicesApp) {
    this.#app = app
    this.clock = app.logicalClock
    this.mailbox = mailboxOf(app.conf.resolved())
  }

  encode(value: unknown): EncodedBody {
    return this.#app.serializers.encode(value, this.#app.conf.resolved().taskSerializer)
  }

  taskNames(options: { readonly builtins: boolean }): readonly string[] {
    return this.#app.tasks.names(options)
  }

  readArguments(
    job: TaskJob,
  ): { readonly args: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> } | undefined {
    const body = readBody(job, this.#app.executionHost())
    return 'kind' in body ? undefined : body
  }

  settingsTable(options: { readonly withDefaults: boolean }): Readonly<Record<string, unknown>> {
    return this.#app.conf.table(options)
  }

  bugReport(): string {
    return bugReport(this.#app)
  }

  queue(name: string, options: Readonly<Record<string, unknown>>): Queue {
    const { queues } = this.#app
    if (queues.has(name)) return queues.get(name)
    // Not added to the app's: it is this worker alone that shall consume from it.
    return queueFromDict(name, options)
  }

  markRevoked(id: string): Promise<void> {
    return this.#app.recorder.revokeUnseen(id)
  }
}
