import { checkTaskOptions } from '../task/check-options.ts'
import type { UserTaskOptions } from '../task/options.ts'
import { TaskRegistry } from '../task/registry.ts'
import type { CanvasHost } from '../task/signature.ts'
import type { Task, TaskParts } from '../task/task.ts'
import { createTask } from '../task/task.ts'
import { repr } from '../util/repr.ts'
import { createBuiltins } from './builtins.ts'
import type { DeclaredTask } from './declare-task.ts'
import { sharedTasks } from './shared-tasks.ts'
import type { TaskBaseOption } from './task-base-option.ts'
import { withBase } from './task-base-option.ts'

/** What holds for all tasks of an app. */
export interface AppTasksOptions {
  /** Default of the option `typing`. */
  readonly strictTyping: boolean
  /** Default of the option `base`. */
  readonly taskCls: TaskBaseOption | undefined
}

/** The tasks of an app: Celery's own, those that were declared, those that every app has, and those that run elsewhere. */
export class AppTasks {
  readonly #host: CanvasHost
  readonly #options: AppTasksOptions
  readonly #registry = new TaskRegistry<Task>()

  constructor(host: CanvasHost, options: AppTasksOptions) {
    this.#host = host
    this.#options = options
    for (const task of createBuiltins(host)) this.#registry.register(task)
  }

  /** By their names; shared tasks that were declared meanwhile included. */
  get registry(): TaskRegistry<Task> {
    for (const [name, declared] of sharedTasks) if (!this.#registry.has(name)) this.declare(declared)
    return this.#registry
  }

  /** The new task; or the one of that name, if there is one that is more than a name. */
  declare(declared: DeclaredTask, instance?: object): Task {
    const known = this.#registry.get(declared.name)
    if (known?.runnable === true) {
      if (known.body !== declared.body) {
        this.#host.logger.warn(`There is a task called '${declared.name}' already: the second one is ignored`)
      }
      return known
    }
    if (known !== undefined) this.#registry.unregister(known)
    const based = instance === undefined ? withBase(declared, this.#options.taskCls) : undefined
    const complete = based?.declared ?? declared
    // Not those of the task: they are annotated by the settings, which must not be read yet.
    const { handlers } = complete
    const task = this.#create(complete, instance ?? based?.instance)
    this.#registry.register(task)
    handlers.onBound?.(this.#host)
    return task
  }

  /** A task that has no body here. */
  declareRemote(name: string, options: UserTaskOptions): Task {
    const task = this.#create({ name, options, handlers: {}, body: undefined })
    if (!this.#registry.has(name)) this.#registry.register(task)
    return task
  }

  #create(declared: Omit<TaskParts, 'host' | 'instance' | 'strictTyping'>, instance?: object): Task {
    checkName(declared.name)
    checkTaskOptions(declared.name, { ...declared.options })
    return createTask({ ...declared, host: this.#host, instance, strictTyping: this.#options.strictTyping })
  }
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && name !== '') return
  throw new TypeError(`A task is called by its name, a text ('proj.tasks.add'), not ${repr(name)}`)
}
