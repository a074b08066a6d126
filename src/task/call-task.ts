/**
 * The way of every call from `delay()` to the broker: arguments are checked, options laid over each other, ids of the
 * workflow filled in, and the message handed to the publisher. Celery: `Task.apply_async` and `app.send_task`.
 */
import { PROPAGATE_STATES } from '../protocol/states.ts'
import { AsyncResult } from '../result/async-result.ts'
import { EagerResult } from '../result/eager-result.ts'
import { ResultPromise } from '../result/result-promise.ts'
import { repr } from '../util/repr.ts'
import { uuid } from '../util/uuid.ts'
import { currentWorkerTask } from './current-task.ts'
import type { RegisteredTask, TaskCall, TaskContext, TaskHost, WireOptions } from './ports.ts'

/** What is called. */
export interface CallTarget {
  readonly name: string
  /** The task if it is registered here; its options are defaults of the call's. */
  readonly task: RegisteredTask | undefined
  /** Send it even with `taskAlwaysEager`, as Celery's `send_task` does. Default false. */
  readonly neverEager?: boolean
}

type Kwargs = Readonly<Record<string, unknown>>

/**
 * Sends a call. With `taskAlwaysEager` a registered task runs here and now instead.
 * The promise settles when the broker has the message; it rejects with TypeError or InvalidArguments when the
 * arguments do not fit, and with OperationalError when publishing failed for good.
 */
export function callTask<T>(
  host: TaskHost,
  target: CallTarget,
  args: readonly unknown[],
  kwargs: Kwargs,
  options: WireOptions,
): ResultPromise<T> {
  const id = idOf(options)
  // First: if the settings cannot be read, that is thrown here, and there is no promise that nobody hears of.
  const early = earlyResult<T>(host, target, id, options)
  const sent = send<T>(host, target, { id, args, kwargs, options })
  return new ResultPromise(id, sent, early)
}

/** The result of a call that is being sent; undefined when it is none that comes from a backend. */
function earlyResult<T>(
  host: TaskHost,
  { name, task }: CallTarget,
  id: string,
  options: WireOptions,
): AsyncResult<T> | undefined {
  const ignored = options['ignore_result'] ?? task?.options.ignoreResult ?? false
  if (ignored !== false || host.settings.taskAlwaysEager) return undefined
  const context = host.resultContextOf(name)
  return context.store.enabled ? new AsyncResult<T>(id, context, { fresh: true }) : undefined
}

function idOf({ task_id: given }: WireOptions): string {
  if (given === undefined || given === null || given === '') return uuid()
  if (typeof given === 'string') return given
  throw new TypeError(`taskId must be a text, not ${repr(given)}`)
}

interface Call {
  readonly id: string
  readonly args: readonly unknown[]
  readonly kwargs: Kwargs
  readonly options: WireOptions
}

async function send<T>(host: TaskHost, target: CallTarget, call: Call): Promise<AsyncResult<T>> {
  const { name, task, neverEager = false } = target
  const { id, args, kwargs } = call
  if (typeof name !== 'string') throw new TypeError(`A task is called by its name, a text, not ${repr(name)}`)
  if (!Array.isArray(args)) throw new TypeError(`${name}: args must be a list, not ${typeof args}`)
  if (Array.isArray(kwargs)) throw new TypeError(`${name}: kwargs must be an object, not a list`)
  const checked = task?.check(args, kwargs)
  if (checked !== undefined) await checked
  const eager = host.settings.taskAlwaysEager && task?.runnable === true && !neverEager
  const parent = currentWorkerTask()
  const ready: TaskCall = { name, id, args, kwargs, task, options: completeOptions(host, task, call, parent) }
  if (eager) return eagerResult<T>(host, ready)

  const ignored = ready.options['ignore_result'] === true
  await host.publish(ready)
  const result = new AsyncResult<T>(id, host.resultContextOf(name), { ignored })
  if (parent !== undefined && call.options['add_to_parent'] !== false && parent.task.options.trail) {
    parent.request.children.push(result)
  }
  return result
}

/** Runs a call in place, whatever the settings say. Celery: `Task.apply`. */
export async function applyTask<T>(
  host: TaskHost,
  task: RegisteredTask,
  args: readonly unknown[],
  kwargs: Kwargs,
  options: WireOptions,
): Promise<EagerResult<T>> {
  const id = idOf(options)
  const call = { id, args, kwargs, options }
  return eagerResult<T>(host, {
    name: task.name,
    id,
    args,
    kwargs,
    task,
    options: completeOptions(host, task, call, currentWorkerTask()),
  })
}

async function eagerResult<T>(host: TaskHost, call: TaskCall): Promise<EagerResult<T>> {
  const { id, state, value, traceback } = await host.runEagerly(call)
  if (host.settings.taskEagerPropagates && PROPAGATE_STATES.has(state)) throw value
  return new EagerResult<T>({ id, state, value, traceback, name: call.name }, host.resultContext)
}

/** The task's own options, over them those of the call, and what follows from where the call is made. */
function completeOptions(
  { settings }: TaskHost,
  task: RegisteredTask | undefined,
  { args, kwargs, options }: Call,
  parent: TaskContext | undefined,
): WireOptions {
  const own = task?.options
  const shadow = own?.shadowName?.(args, kwargs)
  if (parent === undefined && shadow === undefined && isEmpty(options)) return own?.publish ?? options
  const complete: Record<string, unknown> = { ...own?.publish, ...options }
  if (shadow !== undefined) complete['shadow'] ??= shadow
  if (parent !== undefined) {
    const { request } = parent
    complete['root_id'] ??= request.rootId
    complete['parent_id'] ??= request.id
    if (settings.taskInheritParentPriority) complete['priority'] ??= request.deliveryInfo.priority
  }
  return complete
}

function isEmpty(options: WireOptions): boolean {
  for (const _ in options) return false
  return true
}
