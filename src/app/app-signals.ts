import type { TaskSignals } from '../task/ports.ts'
import { createTaskSignals } from '../task/task-signals.ts'
import type { Logger } from '../util/logger.ts'
import { Signal } from '../util/signal.ts'
import type { WorkerSignals } from './worker-signals.ts'
import { createWorkerSignals } from './worker-signals.ts'

/** What signals of the app tell. */
export interface AppEvent {
  /** The app. */
  readonly sender: object
}

/** What is told when the configuration was read. */
export interface AppConfigured extends AppEvent {
  /** The configuration: `app.conf`. */
  readonly source: object
}

/** The signals of an app: those about tasks, those about itself, and those of its workers. */
export interface AppSignals extends TaskSignals, WorkerSignals {
  /** Before the modules of `imports` and `include` are imported: import what else is needed. */
  readonly importModules: Signal<AppEvent>
  /** Before the configuration is first read, while it can still be changed: before the receiver's first `await`. */
  readonly onConfigure: Signal<AppEvent>
  readonly onAfterConfigure: Signal<AppConfigured>
  /** When all modules were imported and all tasks are there. */
  readonly onAfterFinalize: Signal<AppEvent>
}

/** The signals of an app, with nobody connected. */
export function createAppSignals(logger: Logger): AppSignals {
  return {
    ...createTaskSignals(logger),
    ...createWorkerSignals(logger),
    importModules: new Signal('import_modules', logger),
    onConfigure: new Signal('on_configure', logger),
    onAfterConfigure: new Signal('on_after_configure', logger),
    onAfterFinalize: new Signal('on_after_finalize', logger),
  }
}
