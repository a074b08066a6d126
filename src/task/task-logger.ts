import type { LogFields, Logger, LogLevel } from '../util/logger.ts'
import { silentLogger } from '../util/logger.ts'
import { findCurrentHost } from './current-host.ts'
import { currentTask } from './current-task.ts'
import type { TaskContext } from './ports.ts'

/**
 * A logger for the modules of tasks, to be made once at their top: its messages carry the name and id of the task that
 * runs (fields `task_name` and `task_id`), and go to the logger of that task's app, as `celery.task.<name>`. Celery:
 * `get_task_logger`.
 */
export function getTaskLogger(name: string): Logger {
  const children = new WeakMap<Logger, Logger>()
  return new TaskLogger(() => {
    const app = findCurrentHost()?.logger ?? silentLogger
    let child = children.get(app)
    if (child === undefined) {
      child = app.child('task').child(name)
      children.set(app, child)
    }
    return child
  }, currentTask)
}

/** The logger of one run. */
export function loggerOfRun(run: TaskContext, app: Logger): Logger {
  const target = app.child('task')
  return new TaskLogger(
    () => target,
    () => run,
  )
}

/** Adds what is known of the running task to the fields of messages. */
class TaskLogger implements Logger {
  readonly #target: () => Logger
  readonly #run: () => TaskContext | undefined

  constructor(target: () => Logger, run: () => TaskContext | undefined) {
    this.#target = target
    this.#run = run
  }

  get name(): string {
    return this.#target().name
  }

  debug(message: string, fields?: LogFields): void {
    const target = this.#target()
    if (target.isEnabled('DEBUG')) target.debug(message, this.#with(fields))
  }

  info(message: string, fields?: LogFields): void {
    const target = this.#target()
    if (target.isEnabled('INFO')) target.info(message, this.#with(fields))
  }

  warn(message: string, fields?: LogFields): void {
    this.#target().warn(message, this.#with(fields))
  }

  error(message: string, fields?: LogFields): void {
    this.#target().error(message, this.#with(fields))
  }

  critical(message: string, fields?: LogFields): void {
    this.#target().critical(message, this.#with(fields))
  }

  isEnabled(level: LogLevel): boolean {
    return this.#target().isEnabled(level)
  }

  child(name: string): Logger {
    const child = this.#target().child(name)
    return new TaskLogger(() => child, this.#run)
  }

  #with(fields: LogFields | undefined): LogFields | undefined {
    const run = this.#run()
    if (run === undefined) return fields
    return { ...fields, task_name: run.task.name, task_id: run.request.id }
  }
}
