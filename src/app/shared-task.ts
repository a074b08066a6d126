import { checkTaskOptions } from '../task/check-options.ts'
import type { TaskSelf } from '../task/context.ts'
import type { Task } from '../task/task.ts'
import { currentApp } from './current.ts'
import type { Bound, OutputOf, ParametersOf, Unbound } from './declare-task.ts'
import { readDeclaration } from './declare-task.ts'
import { sharedTasks } from './shared-tasks.ts'

/**
 * A task for every app, those that are there and those that come: for libraries, which do not know the app. Calling
 * it, `delay` and so on mean the current app's. Celery: `shared_task`.
 */
export function sharedTask<F extends CallableFunction>(
  name: string,
  body: F,
): Task<ParametersOf<F>, OutputOf<F>>
export function sharedTask<Args extends readonly unknown[], Output>(
  name: string,
  options: Bound,
  body: (self: TaskSelf, ...args: Args) => Output,
): Task<Args, Output>
export function sharedTask<F extends CallableFunction>(
  name: string,
  options: Unbound,
  body: F,
): Task<ParametersOf<F>, OutputOf<F>>
export function sharedTask(...declaration: readonly unknown[]): unknown {
  const declared = readDeclaration(declaration, undefined)
  // Apps check what they declare; none may be there for a long time.
  checkTaskOptions(declared.name, { ...declared.options })
  sharedTasks.set(declared.name, declared)
  const current = (): Task => currentApp().tasks.require(declared.name)
  return new Proxy(() => undefined, {
    apply: (_target, _self, args: unknown[]) => current()(...args),
    get: (_target, key) => {
      const task = current()
      const value: unknown = Reflect.get(task, key, task)
      return typeof value === 'function' ? value.bind(task) : value
    },
    has: (_target, key) => Reflect.has(current(), key),
  })
}
