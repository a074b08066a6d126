/** Reading the ways to declare a task: name, options and body in the combinations that `app.task` takes. */
import { ImproperlyConfigured } from '../errors.ts'
import { HANDLER_NAMES } from '../task/option-names.ts'
import type { UserTaskOptions } from '../task/options.ts'
import type { TaskHandlers } from '../task/ports.ts'
import type { StandardSchema } from '../task/standard-schema.ts'
import type { TaskBase } from '../task/task-base.ts'
import { isPlainObject, isRecord } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'
import type { TaskBaseOption } from './task-base-option.ts'

/** Options of a task together with what is called around its runs. */
export interface TaskDeclaration extends UserTaskOptions, TaskHandlers {
  /** What it has in common with others. Default: `taskCls` of the app. Celery: `base`. */
  readonly base?: TaskBaseOption
  /** Makes another function of the body before the task is made. Celery: `filter`. */
  readonly filter?: (body: (...args: never[]) => unknown) => (...args: never[]) => unknown
}

/** Options of a task whose function does not get the running call. */
export type Unbound = TaskDeclaration & { readonly bind?: false }

/** Options of a task whose function gets the running call first. */
export type Bound = TaskDeclaration & { readonly bind: true }

/** A schema of the list of arguments, which gives the function its types: callers give `In`, the function gets `Args`. */
export interface InputOf<In extends readonly unknown[], Args extends readonly unknown[]> {
  readonly input: StandardSchema<In, Args>
}

/** The parameters of a function. */
export type ParametersOf<F> = F extends (...args: infer Args) => unknown ? Args : never

/** What a function returns, promise or not. */
export type OutputOf<F> = F extends (...args: never[]) => infer Output ? Output : never

/** A task as it was declared. */
export interface DeclaredTask {
  readonly name: string
  readonly options: UserTaskOptions
  readonly handlers: TaskHandlers
  readonly body: (...args: never[]) => unknown
  readonly base?: TaskBaseOption | undefined
}

/**
 * Reads the arguments of `app.task`: `(name, body)`, `(name, options, body)`, `(options, body)` or `(body, options?)`.
 * @param nameOf makes a name of that of the function when none is given; undefined: one must be.
 * @throws TypeError, ImproperlyConfigured.
 */
export function readDeclaration(
  declaration: readonly unknown[],
  nameOf: ((functionName: string) => string) | undefined,
): DeclaredTask {
  const body = declaration.find(isFunction)
  const given = declaration.find((part) => typeof part === 'string')
  const options = declaration.find(isPlainObject) ?? {}
  if (body === undefined) throw new TypeError("A task needs a function: app.task('name', (x) => …)")
  const isKnown = (part: unknown): boolean =>
    part === undefined || part === body || part === given || part === options
  const alien = declaration.find((part) => !isKnown(part))
  if (!declaration.every(isKnown)) {
    const text = typeof alien === 'function' ? 'a second function' : repr(alien)
    throw new TypeError(`A task is declared as app.task('name', { options }, (x) => …), without ${text}`)
  }
  const { base, filter, ...rest }: TaskDeclaration = options
  const declared = readOptions(rest)
  const own = given ?? declared.options.name
  const name = typeof own === 'string' && own !== '' ? own : nameFrom(body, nameOf)
  mustBeFunctions(name, { filter, ...declared.handlers })
  if (base !== undefined && typeof base !== 'function' && !isRecord(base)) {
    throw new TypeError(
      `Task ${name}: base must be a class or an object of options and handlers, not ${repr(base)}`,
    )
  }
  return { ...declared, name, body: filter === undefined ? body : filter(body), base }
}

/** Reads a class-based task. @throws TypeError when it is none. */
export function readTaskBase(task: TaskBase & { run(...args: never[]): unknown }): DeclaredTask {
  if (!isRecord(task) || typeof task.run !== 'function') {
    throw new TypeError(
      `registerTask takes an instance of a class with a method run (registerTask(new Crawl())), not ${repr(task)}`,
    )
  }
  return { name: task.name, options: task.options, handlers: task, body: task.run }
}

function mustBeFunctions(task: string, functions: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(functions)) {
    if (value !== undefined && typeof value !== 'function') {
      throw new TypeError(`Task ${task}: ${name} must be a function, not ${repr(value)}`)
    }
  }
}

function nameFrom(
  body: (...args: never[]) => unknown,
  nameOf: ((functionName: string) => string) | undefined,
): string {
  if (body.name === '' || nameOf === undefined) {
    throw new ImproperlyConfigured(
      "A task needs a name by which others call it: app.task('proj.tasks.add', …)",
    )
  }
  return nameOf(body.name)
}

function readOptions(given: TaskDeclaration): Pick<DeclaredTask, 'options' | 'handlers'> {
  const options: Record<string, unknown> = { ...given }
  const handlers: Record<string, unknown> = {}
  for (const name of HANDLER_NAMES) {
    if (given[name] === undefined) continue
    handlers[name] = given[name]
    delete options[name]
  }
  return { options, handlers }
}

function isFunction(value: unknown): value is (...args: never[]) => unknown {
  return typeof value === 'function'
}
