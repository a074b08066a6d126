/**
 * What the setting `taskAnnotations` says about a task: options and handlers that override its own, and functions that
 * wrap its methods. Celery: `celery.app.annotations`.
 *
 * An annotation is an object of names (`*` means all tasks) with what they are to get; or an object with the methods
 * `annotate(task)` and `annotateAny()`; or the name of one (`module#export`, a class is instantiated). Of a list the
 * first that has something for the name of the task counts, and over it the first that has something for all.
 */
import { ImproperlyConfigured } from '../errors.ts'
import { isPlainObject } from '../util/is-record.ts'
import { requireReference } from '../util/modules.ts'
import { repr } from '../util/repr.ts'
import { camelCase, didYouMean } from '../util/text.ts'
import { checkTaskOptions } from './check-options.ts'
import { HANDLER_NAMES, isHandlerName, isTaskOption } from './option-names.ts'
import type { UserTaskOptions } from './options.ts'
import type { TaskHandlers } from './ports.ts'

/** A task as annotations see it. */
export interface AnnotatedTask {
  readonly name: string
  /** As they were declared. */
  readonly options: UserTaskOptions
}

type AnyFunction = (...args: never[]) => unknown

/** Makes another function of one: Celery's `@name`. */
type Wrapper = (original: AnyFunction) => AnyFunction

/** What annotations have to say about one task. */
export interface TaskAnnotations {
  readonly options: UserTaskOptions
  readonly handlers: TaskHandlers
  /** By the name of a handler, or `run`. */
  readonly wrappers: ReadonlyMap<string, Wrapper>
}

/** @throws ImproperlyConfigured when an annotation is none, or an option cannot have such a value. */
export function annotationsFor(annotations: unknown, task: AnnotatedTask): TaskAnnotations {
  if (annotations === null || annotations === undefined) return NONE
  const list: readonly unknown[] = Array.isArray(annotations) ? annotations : [annotations]
  const sources = list.map(resolved)
  const found = [
    firstOf(sources, (source) => ofTask(source, task)),
    firstOf(sources, (source) => ofAll(source)),
  ]
  return sort(Object.assign({}, ...found), task.name)
}

const NONE: TaskAnnotations = { options: {}, handlers: {}, wrappers: new Map() }

/** Annotations by reference are loaded once. */
const loaded = new Map<string, unknown>()

function resolved(annotation: unknown): object {
  const value = typeof annotation === 'string' ? load(annotation) : annotation
  if (typeof value === 'object' && value !== null) return value
  throw new ImproperlyConfigured(
    `taskAnnotations: ${String(annotation)} is no annotation; write { 'name of a task': { option: value } }`,
  )
}

function load(reference: string): unknown {
  if (!loaded.has(reference)) {
    const value = requireReference(reference, { option: 'taskAnnotations' })
    loaded.set(reference, typeof value === 'function' ? Reflect.construct(value, []) : value)
  }
  return loaded.get(reference)
}

type Found = Readonly<Record<string, unknown>>

function firstOf(sources: readonly object[], ask: (source: object) => unknown): Found {
  for (const source of sources) {
    const found = ask(source)
    if (isPlainObject(found)) return found
  }
  return {}
}

function ofTask(source: object, task: AnnotatedTask): unknown {
  const method = methodOf(source, 'annotate')
  return method === undefined ? ofMap(source, task.name) : Reflect.apply(method, source, [task])
}

function ofAll(source: object): unknown {
  const method = methodOf(source, 'annotateAny') ?? methodOf(source, 'annotate_any')
  return method === undefined ? ofMap(source, '*') : Reflect.apply(method, source, [])
}

function ofMap(source: object, name: string): unknown {
  return isPlainObject(source) && Object.hasOwn(source, name) ? source[name] : undefined
}

function methodOf(source: object, name: string): AnyFunction | undefined {
  const method: unknown = Reflect.get(source, name)
  return isFunction(method) ? method : undefined
}

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function'
}

/** Tells options, handlers, wrappers and the rest, which becomes an attribute of the task, by their names. */
function sort(found: Found, task: string): TaskAnnotations {
  const options: Record<string, unknown> = {}
  const handlers: Record<string, unknown> = {}
  const wrappers = new Map<string, Wrapper>()
  const attributes: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(found)) {
    const name = camelCase(key)
    if (name.startsWith('@')) wrappers.set(...wrapper(name.slice(1), value, task))
    else if (isHandlerName(name)) handlers[name] = handler(name, value, task)
    else if (isTaskOption(name)) options[name] = name === 'retryKwargs' ? inCamelCase(value) : value
    else attributes[key] = value
  }
  check(task, options)
  if (Object.keys(attributes).length > 0) options['attributes'] = attributes
  return { options, handlers, wrappers }
}

function check(task: string, options: Readonly<Record<string, unknown>>): void {
  try {
    checkTaskOptions(`${task} (taskAnnotations)`, options)
  } catch (cause) {
    if (cause instanceof TypeError) throw new ImproperlyConfigured(cause.message, { cause })
    throw cause
  }
}

function handler(name: string, value: unknown, task: string): unknown {
  if (isFunction(value)) return value
  throw new ImproperlyConfigured(
    `taskAnnotations: ${name} of task ${task} must be a function, not ${repr(value)}`,
  )
}

function wrapper(name: string, value: unknown, task: string): [string, Wrapper] {
  if (name !== 'run' && !isHandlerName(name)) {
    throw new ImproperlyConfigured(
      `taskAnnotations: '@${name}' of task ${task} cannot be wrapped${didYouMean(name, ['run', ...HANDLER_NAMES])}`,
    )
  }
  if (!isFunction(value)) {
    throw new ImproperlyConfigured(
      `taskAnnotations: '@${name}' of task ${task} must be a function that wraps one, not ${typeof value}`,
    )
  }
  return [
    name,
    (original) => {
      const wrapped: unknown = Reflect.apply(value, undefined, [original])
      if (isFunction(wrapped)) return wrapped
      throw new ImproperlyConfigured(`taskAnnotations: '@${name}' of task ${task} returned no function`)
    },
  ]
}

function inCamelCase(options: unknown): unknown {
  if (!isPlainObject(options)) return options
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [camelCase(key), value]))
}
