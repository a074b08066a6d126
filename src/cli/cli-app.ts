import type { Configuration } from '../config/configuration.ts'
import type { WorkerApp } from '../worker/worker-app.ts'

/** What commands need of an app; class `Celery` has it. */
export interface CliApp extends WorkerApp {
  /** Name of the app, as it was given to the constructor. */
  readonly main: string | undefined
  readonly conf: Configuration
  /** Names of all registered tasks. */
  readonly taskNames: readonly string[]
  /** Publishes a call of a task that needn't be known here. */
  sendTask(
    name: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
    options: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly id: string }>
  /** @param task whose own result backend is asked; default: the app's. */
  asyncResult(id: string, task?: string): CliResult
  /** Closes connections. */
  close(): Promise<void>
}

/** What commands need of a result. */
export interface CliResult {
  get(): Promise<unknown>
  traceback(): Promise<string | undefined>
}

/** An app and where it was found. */
export interface FoundApp {
  readonly app: CliApp
  /** `module#export` for child processes; undefined for the default app. */
  readonly reference: string | undefined
}
