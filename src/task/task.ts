import { NotRegistered } from '../errors.ts'
import { AsyncResult } from '../result/async-result.ts'
import type { EagerResult } from '../result/eager-result.ts'
import type { ResultPromise } from '../result/result-promise.ts'
import type { Parameters } from './arguments.ts'
import { bindArguments, checkArguments, readParameters, validateInput } from './arguments.ts'
import type { Anything, Bindable, Missing } from './bound-arguments.ts'
import type { ApplyOptions, CallArguments } from './call-arguments.ts'
import { NO_OPTIONS } from './call-options.ts'
import { applyTask, callTask } from './call-task.ts'
import { TaskSelf } from './context.ts'
import { currentTask, runInTask } from './current-task.ts'
import type { ChunksSignature } from './item-calls.ts'
import { chunks, xmap, xstarmap } from './item-calls.ts'
import type { TaskOptions, TaskSettings, UserTaskOptions } from './options.ts'
import type { RegisteredTask, TaskContext, TaskHandlers } from './ports.ts'
import type { TaskRequest } from './request.ts'
import { createTaskRequest } from './request.ts'
import type { ResolvedTask } from './resolve-task.ts'
import { resolveTask } from './resolve-task.ts'
import type { CanvasHost } from './signature.ts'
import { readCall, Signature } from './signature.ts'

/** What a task is made of. */
export interface TaskParts {
  readonly name: string
  readonly host: CanvasHost
  readonly options: UserTaskOptions
  readonly handlers: TaskHandlers
  /** The body; a remote task has none. With `bind` its first parameter is the running call. */
  readonly body: ((...args: never[]) => unknown) | undefined
  /** `this` of the body. */
  readonly instance: object | undefined
  /** Default of the option `typing`. */
  readonly strictTyping: boolean
}

type Kwargs = Readonly<Record<string, unknown>>

/** Lets a class make functions: the object that its constructor works on is the one that is handed in. */
class Callable {
  constructor(target: Callable) {
    // biome-ignore lint/correctness/noConstructorReturn: this is what it is for
    return target
  }
}

/** What tasks can do; a `Task` is this and a function. */
export class TaskDefinition<Args extends readonly unknown[] = readonly unknown[], Output = unknown>
  extends Callable
  implements RegisteredTask
{
  readonly name: string
  readonly host: CanvasHost
  readonly #parts: TaskParts
  readonly #parameters: Parameters
  #settings: TaskSettings | undefined
  #resolved: ResolvedTask | undefined

  constructor(parts: TaskParts) {
    const call = (...args: unknown[]): unknown => this.#callDirectly(args)
    super(Object.setPrototypeOf(call, new.target.prototype))
    this.name = parts.name
    this.host = parts.host
    this.#parts = parts
    const length = (parts.body?.length ?? Number.POSITIVE_INFINITY) - (parts.options.bind === true ? 1 : 0)
    this.#parameters = readParameters(parts.name, parts.options.params, length)
  }

  /** Its options, with the settings for what it leaves open. */
  get options(): TaskOptions {
    return this.#resolve().options
  }

  /** What is called around its runs. */
  get handlers(): TaskHandlers {
    return this.#resolve().handlers
  }

  /** The app that it belongs to. Celery: `Task.app`. */
  get app(): CanvasHost {
    return this.host
  }

  /** Where its results are kept. Celery: `Task.backend`. */
  get backend(): CanvasHost['results'] {
    return this.host.resultContextOf(this.name).store
  }

  /** Whether it has a body here; a remote task has none. */
  get runnable(): boolean {
    return this.#parts.body !== undefined
  }

  /** The function that it runs. */
  get body(): TaskParts['body'] {
    return this.#parts.body
  }

  /** Made when it is first needed, and again when a setting has changed. */
  #resolve(): ResolvedTask {
    const { settings } = this.host
    if (this.#resolved === undefined || this.#settings !== settings) {
      this.#resolved = resolveTask(this.#parts, settings)
      this.#settings = settings
    }
    return this.#resolved
  }

  get arity(): number | undefined {
    const { body, options } = this.#parts
    if (this.#parameters.names !== undefined) return this.#parameters.names.length
    return body === undefined ? undefined : Math.max(0, body.length - (options.bind === true ? 1 : 0))
  }

  /** The running call of this task; undefined outside of it. */
  get request(): TaskRequest | undefined {
    const running = currentTask()
    return running?.task === this ? running.request : undefined
  }

  /** Sends a call. Celery: `delay`. */
  delay(...args: Args): ResultPromise<Awaited<Output>> {
    return callTask(this.host, { name: this.name, task: this }, args, NO_KWARGS, NO_OPTIONS)
  }

  /**
   * Sends a call with options: `applyAsync([4, 4], { queue: 'hipri', countdown: 10 })` or
   * `applyAsync({ args: [4, 4], queue: 'hipri' })`. Celery: `apply_async`.
   */
  applyAsync(...call: CallArguments<Args>): ResultPromise<Awaited<Output>> {
    const { args, kwargs = NO_KWARGS, options } = readCall(call)
    return callTask(this.host, { name: this.name, task: this }, args, kwargs, options)
  }

  /** Runs a call here and now, without a broker. Celery: `apply`. */
  apply(...call: CallArguments<Args>): Promise<EagerResult<Awaited<Output>>> {
    const { args, kwargs = NO_KWARGS, options } = readCall(call)
    return applyTask(this.host, this, args, kwargs, options)
  }

  /** A signature with the last arguments bound; what is missing goes in front. Celery: `s`. */
  s<Bound extends Bindable<Args>>(...bound: Bound): Signature<Missing<Args, Bound>, Awaited<Output>> {
    return new Signature(this.host, { task: this.name, args: bound })
  }

  /** A signature with all arguments bound, that ignores what is put in front. Celery: `si`. */
  si(...args: Args): Signature<Anything, Awaited<Output>> {
    return new Signature(this.host, { task: this.name, args, immutable: true })
  }

  /** A signature with arguments and options: `signature([4], { queue: 'hipri', kwargs: { y: 2 } })`. */
  signature(
    args: readonly unknown[] = [],
    options: ApplyOptions & { readonly immutable?: boolean } = {},
  ): Signature<Anything, Awaited<Output>> {
    const { immutable = false, ...rest } = options
    const { kwargs = NO_KWARGS, options: wire } = readCall([args, rest])
    return new Signature(this.host, { task: this.name, args, kwargs, options: wire, immutable })
  }

  /** One message that calls it with each item, one after the other: `[value, …]`. Celery: `map`. */
  map(items: Iterable<Args[0]>): Signature<Anything, Awaited<Output>[]> {
    return xmap(this.signature(), items)
  }

  /** One message that calls it with each list of arguments, one after the other. Celery: `starmap`. */
  starmap(items: Iterable<Readonly<Args>>): Signature<Anything, Awaited<Output>[]> {
    return xstarmap(this.signature(), items)
  }

  /** A message for every `size` lists of arguments: `[[value, …], …]`. Celery: `chunks`. */
  chunks(items: Iterable<Readonly<Args>>, size: number): ChunksSignature<Awaited<Output>> {
    return chunks(this.signature(), items, size)
  }

  /** The result of a call of this task, by its id. Celery: `Task.AsyncResult`. */
  AsyncResult(id: string): AsyncResult<Awaited<Output>> {
    return new AsyncResult(id, this.host.resultContextOf(this.name))
  }

  check(args: readonly unknown[], kwargs: Kwargs): Promise<void> | undefined {
    const { typing, input } = this.options
    if (typing) checkArguments(this.#parameters, args, kwargs)
    if (input === undefined) return undefined
    const bound = bindArguments(this.#parameters, args, kwargs)
    const valid = validateInput(this.name, input, bound)
    return valid instanceof Promise ? valid.then(() => undefined) : undefined
  }

  run(self: TaskContext, args: readonly unknown[], kwargs: Kwargs): unknown {
    const { typing, input, bind } = this.options
    if (typing) checkArguments(this.#parameters, args, kwargs)
    const bound = bindArguments(this.#parameters, args, kwargs)
    if (input === undefined) return this.#invoke(self, bound, bind)
    const valid = validateInput(this.name, input, bound)
    return valid instanceof Promise
      ? valid.then((args) => this.#invoke(self, args, bind))
      : this.#invoke(self, valid, bind)
  }

  override toString(): string {
    return `<Task ${this.name}>`
  }

  #invoke(self: TaskContext, args: readonly unknown[], bind: boolean): unknown {
    const { instance } = this.#parts
    const { body } = this.#resolve()
    if (body === undefined) {
      throw new NotRegistered(`Task ${this.name} runs elsewhere: here it is only known by its name`)
    }
    return Reflect.apply(body, instance, bind ? [self, ...args] : args)
  }

  /** Like a function: no message, no result backend, no retry. */
  #callDirectly(args: readonly unknown[]): unknown {
    const request = createTaskRequest({ id: '', task: this.name, args, calledDirectly: true })
    const self = new TaskSelf({ task: this, host: this.host, request })
    const { bind = false } = this.#parts.options
    return runInTask(self, () => this.#invoke(self, args, bind))
  }
}

/**
 * A task: called like a function it runs here and now; `delay` and `applyAsync` send it to a worker.
 *
 * `Args` are its arguments (without `self`), `Output` is what the function returns, promise or not.
 */
export interface Task<Args extends readonly unknown[] = readonly unknown[], Output = unknown>
  extends TaskDefinition<Args, Output> {
  (...args: Args): Output
}

const NO_KWARGS: Kwargs = Object.freeze({})

/** Makes a task. Its types are unknown here; `typedTask` gives it those of its declaration. */
export function createTask(parts: TaskParts): Task {
  const task: unknown = new TaskDefinition(parts)
  // The object that a task definition is made of is a function: `Callable` saw to it.
  return task as Task
}

/** A task with the types with which it was declared, where the compiler has checked them. */
export function typedTask<Args extends readonly unknown[], Output>(task: Task): Task<Args, Output> {
  const untyped: unknown = task
  return untyped as Task<Args, Output>
}
