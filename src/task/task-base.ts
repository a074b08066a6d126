import { TaskError } from '../errors.ts'
import type { Logger } from '../util/logger.ts'
import { currentTask } from './current-task.ts'
import type { UserTaskOptions } from './options.ts'
import type {
  Replacement,
  RetryOptions,
  TaskContext,
  TaskHandlers,
  TaskHost,
  TaskOutcomeInfo,
} from './ports.ts'
import type { TaskRequest } from './request.ts'

/**
 * A task as a class, for those that share something between their runs: one instance per process, made when the class
 * is registered, runs all calls. What belongs to one call is in `this.request`, never in a field.
 *
 * ```ts
 * class Crawl extends TaskBase<[url: string], Promise<string>> {
 *   readonly name = 'tasks.crawl'
 *   async run(url: string) { … }
 * }
 * export const crawl = app.registerTask(new Crawl())
 * ```
 *
 * Celery: subclasses of `Task`.
 */
export abstract class TaskBase<Args extends readonly unknown[] = readonly unknown[], Output = unknown>
  implements TaskHandlers
{
  /** The name under which it is called. */
  abstract readonly name: string
  /** Its options, besides the name. */
  readonly options: UserTaskOptions = {}

  /** The body. */
  abstract run(...args: Args): Output

  onBound?(app: TaskHost): unknown
  beforeStart?(self: TaskContext, info: TaskOutcomeInfo): unknown
  onSuccess?(self: TaskContext, value: unknown, info: TaskOutcomeInfo): unknown
  onRetry?(self: TaskContext, error: unknown, info: TaskOutcomeInfo): unknown
  onFailure?(self: TaskContext, error: unknown, info: TaskOutcomeInfo): unknown
  onReplace?(self: TaskContext, replacement: Replacement): unknown
  afterReturn?(self: TaskContext, state: string, value: unknown, info: TaskOutcomeInfo): unknown

  /** The call that runs. @throws TaskError outside of one. */
  get request(): TaskRequest {
    return this.running().request
  }

  /** See `TaskContext.signal`. @throws TaskError outside of a run. */
  get signal(): AbortSignal {
    return this.running().signal
  }

  /** @throws TaskError outside of a run. */
  get logger(): Logger {
    return this.running().logger
  }

  /** See `TaskContext.retry`. */
  retry(options?: RetryOptions): Promise<Error> {
    return this.running().retry(options)
  }

  /** See `TaskContext.updateState`. */
  updateState(state: string, meta?: unknown): Promise<void> {
    return this.running().updateState(state, meta)
  }

  /** The running call of this task. @throws TaskError when none runs. */
  protected running(): TaskContext {
    const running = currentTask()
    if (running === undefined) throw new TaskError(`Task ${this.name} is not running here`)
    return running
  }
}
