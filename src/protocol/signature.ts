/**
 * A signature as plain data: how a call travels inside messages. Celery: `Signature`, which is a `dict`.
 */
import { InvalidTaskError } from '../errors.ts'
import { isRecord } from '../util/is-record.ts'

/** Keys as on the wire; unknown ones are kept. */
export interface SignatureData {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** Options of `apply_async`, snake_case. */
  readonly options: Readonly<Record<string, unknown>>
  /** `null` for a plain task, else `chain`, `group`, `chord`, `chunks`, `xmap`, `xstarmap`. */
  readonly subtask_type: string | null
  readonly immutable: boolean
  readonly [key: string]: unknown
}

/** True for what looks like a signature: an object with `task` text. */
export function isSignatureData(value: unknown): value is SignatureData {
  return (
    typeof value === 'object' &&
    value !== null &&
    'task' in value &&
    typeof value.task === 'string' &&
    ('args' in value || 'kwargs' in value || 'options' in value)
  )
}

/**
 * Makes a signature out of what came from outside: what is missing gets its default, what is unknown stays.
 *
 * Signatures inside (the tasks of a chain, the body of a chord) are left as they are; who unfolds them reads them.
 *
 * @param where names the place for the error message, e.g. `callbacks[0]`.
 * @throws InvalidTaskError when it is no signature or a part of it has the wrong type.
 */
export function readSignature(value: unknown, where: string): SignatureData {
  if (!isRecord(value) || typeof value['task'] !== 'string') {
    throw new InvalidTaskError(`${where}: a signature must be an object that names its task`)
  }
  const { task, args, kwargs, options, subtask_type: type, immutable } = value
  if (!isAbsent(args) && !Array.isArray(args)) throw wrong(where, task, 'args', 'a list')
  if (!isAbsent(kwargs) && !isRecord(kwargs)) throw wrong(where, task, 'kwargs', 'an object')
  if (!isAbsent(options) && !isRecord(options)) throw wrong(where, task, 'options', 'an object')
  if (!isAbsent(type) && typeof type !== 'string') throw wrong(where, task, 'subtask_type', 'text or null')
  return {
    ...value,
    task,
    args: args ?? [],
    kwargs: kwargs ?? {},
    options: options ?? {},
    subtask_type: type ?? null,
    immutable: immutable === true,
  }
}

/**
 * Reads a list of signatures; absent ones are none, and a single one stands for a list of it, as in Celery.
 *
 * @throws InvalidTaskError see `readSignature`.
 */
export function readSignatures(value: unknown, where: string): readonly SignatureData[] {
  if (isAbsent(value)) return NONE
  if (!Array.isArray(value)) return [readSignature(value, where)]
  return value.map((item, index) => readSignature(item, `${where}[${index}]`))
}

const NONE: readonly SignatureData[] = []

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null
}

function wrong(where: string, task: string, key: string, wanted: string): InvalidTaskError {
  return new InvalidTaskError(`${where}: '${key}' of the signature of ${task} must be ${wanted}`)
}
