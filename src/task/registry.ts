import { AlreadyRegistered, NotRegistered } from '../errors.ts'
import { didYouMean } from '../util/text.ts'
import type { RegisteredTask, TaskLookup } from './ports.ts'

/** The tasks of an app by their names. Celery: `TaskRegistry`. */
export class TaskRegistry<T extends RegisteredTask = RegisteredTask> implements TaskLookup {
  readonly #tasks = new Map<string, T>()

  get size(): number {
    return this.#tasks.size
  }

  get(name: string): T | undefined {
    return this.#tasks.get(name)
  }

  has(name: string): boolean {
    return this.#tasks.has(name)
  }

  /** @throws NotRegistered when there is no task of that name. */
  require(name: string): T {
    const task = this.#tasks.get(name)
    if (task === undefined) {
      throw new NotRegistered(`No task is called '${name}'${didYouMean(name, this.#tasks.keys())}`)
    }
    return task
  }

  /** @throws AlreadyRegistered when another task has that name. */
  register(task: T): void {
    const known = this.#tasks.get(task.name)
    if (known !== undefined && known !== task) {
      throw new AlreadyRegistered(`There is a task called '${task.name}' already`)
    }
    this.#tasks.set(task.name, task)
  }

  /** @throws NotRegistered when there is no such task. */
  unregister(task: T | string): void {
    const name = typeof task === 'string' ? task : task.name
    this.require(name)
    this.#tasks.delete(name)
  }

  /** Names, without Celery's own tasks unless `builtins`. */
  names(options: { readonly builtins?: boolean } = {}): string[] {
    const names = [...this.#tasks.keys()]
    return (options.builtins ?? false) ? names : names.filter((name) => !name.startsWith('celery.'))
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#tasks.values()
  }
}
