/**
 * The body of a task message, decoded: protocol 2 (a list), protocol 1 (an object with everything in it), and the
 * hybrid of both that old clients send (headers of 2, body of 1).
 */
import { InvalidTaskError } from '../errors.ts'
import { isRecord } from '../util/is-record.ts'
import type { SignatureData } from './signature.ts'
import { readSignature, readSignatures } from './signature.ts'
import type { TaskHeaders } from './task-headers.ts'
import { readTaskFields } from './task-headers.ts'

/** What follows a task. An undefined list is null on the wire, which says the same as an empty one. */
export interface TaskEmbed {
  /** Sent when it succeeded. Celery: `link`. */
  readonly callbacks: readonly SignatureData[] | undefined
  /** Sent or called when it failed. Celery: `link_error`. */
  readonly errbacks: readonly SignatureData[] | undefined
  /** What is left of the chain, **reversed**: the last one runs next. */
  readonly chain: readonly SignatureData[] | undefined
  /** Body of the chord to whose header the task belongs. */
  readonly chord: SignatureData | undefined
}

/** Arguments of a call and what follows it. */
export interface TaskBody {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly embed: TaskEmbed
}

/** A message of protocol 1, or a hybrid. */
export interface LegacyTask {
  readonly headers: TaskHeaders
  readonly body: TaskBody
  /** Whether times without offset are UTC; otherwise they are in the zone of the receiver. */
  readonly utc: boolean
}

/** The embed of a task that nothing follows. */
export const NO_EMBED: TaskEmbed = Object.freeze({
  callbacks: undefined,
  errbacks: undefined,
  chain: undefined,
  chord: undefined,
})

/**
 * Reads a decoded body that came with the headers of protocol 2. Unknown keys of the embed are ignored.
 *
 * @throws InvalidTaskError saying what is wrong.
 */
export function readTaskBody(value: unknown): TaskBody {
  if (Array.isArray(value)) {
    const embed: unknown = value[2]
    return {
      args: readArgs(value[0]),
      kwargs: readKwargs(value[1]),
      embed: embed === undefined || embed === null ? NO_EMBED : readEmbed(embed),
    }
  }
  if (isRecord(value) && 'args' in value) return readMap(value)
  throw new InvalidTaskError(
    'The body of a task message must be [args, kwargs, embed], or an object with args',
  )
}

/**
 * Reads a decoded body that describes the whole call: of protocol 1, or a hybrid, whose headers go first.
 *
 * @returns undefined when neither the headers nor the body name a task: it is no task message.
 * @throws InvalidTaskError saying what is wrong.
 */
export function readLegacyTask(
  value: unknown,
  headers: Readonly<Record<string, unknown>>,
): LegacyTask | undefined {
  if (!isRecord(value)) return undefined
  if (typeof value['task'] !== 'string' && typeof headers['task'] !== 'string') return undefined
  const fields: Record<string, unknown> = {}
  for (const name of BODY_FIELDS) {
    if (Object.hasOwn(value, name)) fields[name] = value[name]
  }
  return {
    headers: readTaskFields({ ...fields, ...headers }),
    body: readMap(value),
    utc: value['utc'] !== false,
  }
}

/** Fields of a body of protocol 1 that protocol 2 has in its headers. Some only hybrids have. */
const BODY_FIELDS = [
  'task',
  'id',
  'root_id',
  'parent_id',
  'group',
  'taskset',
  'group_index',
  'shadow',
  'eta',
  'expires',
  'retries',
  'timelimit',
  'argsrepr',
  'kwargsrepr',
  'origin',
] as const

function readMap(map: Readonly<Record<string, unknown>>): TaskBody {
  // Protocol 1 has no chain: what comes next is a callback of a callback.
  return {
    args: map['args'] === undefined ? [] : readArgs(map['args']),
    kwargs: map['kwargs'] === undefined ? {} : readKwargs(map['kwargs']),
    embed: readEmbed({ callbacks: map['callbacks'], errbacks: map['errbacks'], chord: map['chord'] }),
  }
}

function readArgs(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new InvalidTaskError('Task arguments must be a list')
  return value
}

function readKwargs(value: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new InvalidTaskError('Task keyword arguments is not a mapping')
  return value
}

function readEmbed(value: unknown): TaskEmbed {
  if (!isRecord(value)) throw new InvalidTaskError('The embed of a task message must be an object')
  const { callbacks, errbacks, chain, chord } = value
  if (isAbsent(callbacks) && isAbsent(errbacks) && isAbsent(chain) && isAbsent(chord)) return NO_EMBED
  return {
    callbacks: isAbsent(callbacks) ? undefined : readSignatures(callbacks, 'callbacks'),
    errbacks: isAbsent(errbacks) ? undefined : readSignatures(errbacks, 'errbacks'),
    chain: isAbsent(chain) ? undefined : readSignatures(chain, 'chain'),
    chord: isAbsent(chord) ? undefined : readSignature(chord, 'chord'),
  }
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null
}
