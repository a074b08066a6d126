/**
 * Do these arguments fit that task? Asked before a call is sent (so that the caller hears of it) and before the body
 * runs (because messages come from anywhere).
 */
import { InvalidArguments } from '../errors.ts'
import { didYouMean, pluralise } from '../util/text.ts'
import type { StandardIssue, StandardResult, StandardSchema } from './standard-schema.ts'

/** What is known of the parameters of a task, `self` not counted. */
export interface Parameters {
  readonly task: string
  /** Their names; undefined when the task declares none: then only its body knows. */
  readonly names: readonly string[] | undefined
  /** How many of the named ones must be given. */
  readonly required: number
}

/**
 * Reads the option `params` of a task: names in order, a `?` after those that may be left out.
 * @param length JavaScript's `length` of the body without `self`: parameters before the first with a default.
 */
export function readParameters(
  task: string,
  params: readonly string[] | undefined,
  length: number,
): Parameters {
  if (params === undefined) return { task, names: undefined, required: 0 }
  const optional = params.findIndex((name) => name.endsWith('?'))
  return {
    task,
    names: params.map((name) => (name.endsWith('?') ? name.slice(0, -1) : name)),
    required: Math.min(length, optional < 0 ? params.length : optional),
  }
}

/**
 * Positional and named arguments as one list. Named ones need declared names; a task without them gets them as one
 * object after the positional ones.
 * @throws TypeError when a name is unknown, given twice, or a required argument is missing.
 */
export function bindArguments(
  parameters: Parameters,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): readonly unknown[] {
  const given = Object.keys(kwargs)
  if (given.length === 0) return args
  const { names, task } = parameters
  if (names === undefined) return [...args, kwargs]
  const bound = [...args]
  for (const name of given) {
    const index = names.indexOf(name)
    if (index < 0) {
      throw new TypeError(`${task}() got an unexpected named argument '${name}'${didYouMean(name, names)}`)
    }
    if (index < args.length) throw new TypeError(`${task}() got more than one value for argument '${name}'`)
    bound[index] = kwargs[name]
  }
  return bound
}

/**
 * Checks the number and names of arguments, if the task declares its parameters. Celery: `typing`.
 * @throws TypeError naming the task and what is wrong.
 */
export function checkArguments(
  parameters: Parameters,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): void {
  const { task, names, required } = parameters
  if (names === undefined) return
  if (args.length > names.length) {
    throw new TypeError(`${task}() takes ${count(required, names.length)} but ${args.length} were given`)
  }
  bindArguments(parameters, args, kwargs)
  const missing = names.slice(args.length, required).filter((name) => !Object.hasOwn(kwargs, name))
  if (missing.length > 0) {
    throw new TypeError(
      `${task}() is missing ${missing.length === 1 ? 'the argument' : 'the arguments'} ` +
        missing.map((name) => `'${name}'`).join(', '),
    )
  }
}

function count(required: number, most: number): string {
  return required === most ? pluralise(most, 'argument') : `from ${required} to ${most} arguments`
}

/**
 * Checks the list of arguments with a schema and answers what the schema made of it: a promise only if the schema does.
 * @throws InvalidArguments with all that the schema found.
 */
export function validateInput(
  task: string,
  schema: StandardSchema,
  args: readonly unknown[],
): readonly unknown[] | Promise<readonly unknown[]> {
  const result = schema['~standard'].validate(args)
  return result instanceof Promise
    ? result.then((checked) => acceptedArguments(task, checked))
    : acceptedArguments(task, result)
}

function acceptedArguments(task: string, result: StandardResult<unknown>): readonly unknown[] {
  if (result.issues === undefined) {
    const { value } = result
    if (!Array.isArray(value)) {
      throw new InvalidArguments(`The input schema of ${task} must describe the list of its arguments`)
    }
    return value
  }
  const issues = result.issues.map((issue) => ({ message: issue.message, path: pathOf(issue) }))
  const [first] = issues
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  throw new InvalidArguments(
    `${task}() got invalid arguments: ${first === undefined ? 'no reason given' : `${first.path}: ${first.message}`}${more}`,
    issues,
  )
}

function pathOf({ path = [] }: StandardIssue): string {
  const keys = path.map((part) => (typeof part === 'object' ? part.key : part))
  return keys.length === 0 ? 'arguments' : `arguments[${keys.map(String).join('][')}]`
}
