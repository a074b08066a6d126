/** Looks at options of tasks that no compiler has seen: misspelt names and wrong kinds are told where a task is declared. */
import { ImproperlyConfigured } from '../errors.ts'
import { toMilliseconds } from '../util/duration.ts'
import { isPlainObject, isRecord, isStringArray } from '../util/is-record.ts'
import { parseRate } from '../util/rate.ts'
import { repr } from '../util/repr.ts'
import { camelCase, didYouMean } from '../util/text.ts'
import { isTaskOption, TASK_OPTIONS, type TaskOptionKind } from './option-names.ts'
import type { UserTaskOptions } from './options.ts'
import type { RetryOptions } from './ports.ts'

interface Kind {
  readonly fits: (value: unknown) => boolean
  /** What it is, for the message. */
  readonly name: string
}

const KINDS: Readonly<Partial<Record<TaskOptionKind, Kind>>> = {
  flag: { fits: (value) => typeof value === 'boolean', name: 'true or false' },
  text: { fits: (value) => typeof value === 'string', name: 'a text' },
  number: { fits: (value) => typeof value === 'number' && value >= 0, name: 'a number, not below 0' },
  texts: { fits: isStringArray, name: "a list of texts (['x', 'y'])" },
  classes: { fits: isListOfClasses, name: 'a list of classes of errors ([TypeError])' },
  object: { fits: isRecord, name: 'an object' },
  backoff: {
    fits: (value) => typeof value === 'boolean' || (typeof value === 'number' && value >= 0),
    name: 'true, false or a number of seconds',
  },
  function: { fits: (value) => typeof value === 'function', name: 'a function' },
  schema: { fits: isSchema, name: 'a Standard Schema of the list of arguments (z.tuple([…]))' },
}

/** What `retryKwargs` may hold. */
const RETRY_OPTIONS: Readonly<Record<keyof NonNullable<UserTaskOptions['retryKwargs']>, TaskOptionKind>> = {
  maxRetries: 'number',
  countdown: 'duration',
}

/**
 * Checks the names and kinds of a task's options.
 * @throws ImproperlyConfigured, TypeError: with the task, the option, its value and what it should be.
 */
export function checkTaskOptions(task: string, options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!isTaskOption(name)) {
      const meant = meantBy(name, TASK_OPTIONS)
      throw new ImproperlyConfigured(
        `Task ${task}: there is no option '${name}'${meant}; what is yours belongs into attributes`,
      )
    }
    if (value === undefined || value === null) continue
    checkKind(`Task ${task}: ${name}`, TASK_OPTIONS[name], value)
    if (name === 'retryKwargs' && isRecord(value)) checkRetryOptions(`Task ${task}: retryKwargs`, value)
  }
}

function checkRetryOptions(place: string, options: Readonly<Record<string, unknown>>): void {
  const kinds: ReadonlyMap<string, TaskOptionKind> = new Map(Object.entries(RETRY_OPTIONS))
  for (const [name, value] of Object.entries(options)) {
    const kind = kinds.get(name)
    if (kind === undefined) {
      throw new ImproperlyConfigured(`${place}: there is no option '${name}'${meantBy(name, RETRY_OPTIONS)}`)
    }
    if (value !== undefined && value !== null) checkKind(`${place}: ${name}`, kind, value)
  }
}

const RETRY_CALL_OPTIONS: Readonly<Record<keyof RetryOptions, true>> = {
  countdown: true,
  eta: true,
  error: true,
  args: true,
  kwargs: true,
  maxRetries: true,
  throw: true,
  queue: true,
  options: true,
}

/**
 * Checks the names of what `self.retry()` is given.
 * @throws TypeError for `retry(error)`; ImproperlyConfigured for options that there are not, such as Python's `exc`.
 */
export function checkRetryCall(options: unknown): void {
  if (!isPlainObject(options)) {
    throw new TypeError(`retry() takes an object of options, such as { error }, not ${repr(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(RETRY_CALL_OPTIONS, name)) continue
    const meant = meantBy(name === 'exc' ? 'error' : name, RETRY_CALL_OPTIONS)
    throw new ImproperlyConfigured(
      `retry(): there is no option '${name}'${meant}; options of the call belong into options`,
    )
  }
}

/** Names in Celery's spelling are near those in ours. */
function meantBy(name: string, known: object): string {
  return didYouMean(camelCase(name), Object.keys(known))
}

function checkKind(place: string, kind: TaskOptionKind, value: unknown): void {
  if (kind === 'duration' || kind === 'rate') {
    if (typeof value !== 'number' && typeof value !== 'string' && !isRecord(value)) {
      throw new TypeError(`${place} must not be ${repr(value)}`)
    }
    if (kind === 'duration') toMilliseconds(value, place)
    else if (isRecord(value)) throw new TypeError(`${place} must be a number or a text such as '10/m'`)
    else parseRate(value, place)
    return
  }
  const expected = KINDS[kind]
  if (expected?.fits(value) === false)
    throw new TypeError(`${place} must be ${expected.name}, not ${repr(value)}`)
}

/** Classes of errors and what else stands behind `instanceof`. */
function isListOfClasses(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'function')
}

function isSchema(value: unknown): boolean {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') && '~standard' in value
  )
}
