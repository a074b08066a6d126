/** How a command is sent to workers: as it is written, and as it is checked. */
import { ImproperlyConfigured } from '../errors.ts'
import type { Duration } from '../util/duration.ts'
import { toMilliseconds } from '../util/duration.ts'
import { isStringArray } from '../util/is-record.ts'
import { didYouMean } from '../util/text.ts'
import type { NodeReply } from './reply-collector.ts'

/** Celery's default: `timeout=1.0`. */
const DEFAULT_TIMEOUT = 1_000

/** Who is meant, and how long to wait. */
export interface UserRequestOptions {
  /** Names of the workers that are meant. Default: all. */
  readonly destination?: string | readonly string[] | undefined
  /** Pattern of the names of the workers that are meant; `destination` comes before it. */
  readonly pattern?: string | undefined
  /** How `pattern` is to be understood: `glob` (the default here) or `pcre`. */
  readonly matcher?: string | undefined
  /**
   * Seconds without a reply after which no more are expected, and after which the command has expired; null: never.
   * Default 1.
   */
  readonly timeout?: Duration | null | undefined
  /** Most replies; then the wait is over. Default: as many as `destination` names, else as many as come in time. */
  readonly limit?: number | undefined
  /** Told of each reply as it comes. Must not throw. */
  readonly callback?: ((reply: NodeReply) => void) | undefined
  /** Gives up waiting for replies, with the signal's reason. (`signal` is the one that ends tasks.) */
  readonly abort?: AbortSignal | undefined
}

/** How to send a command. */
export interface UserCommandOptions extends UserRequestOptions {
  /** Wait for replies. Default false: it is over when the broker has the command. */
  readonly reply?: boolean | undefined
}

/** A request that can be sent. Times in milliseconds. */
export interface RequestOptions {
  readonly destination: readonly string[] | undefined
  readonly pattern: string | undefined
  readonly matcher: string | undefined
  readonly timeout: number | undefined
  readonly limit: number | undefined
  readonly callback: ((reply: NodeReply) => void) | undefined
  readonly abort: AbortSignal | undefined
}

const KNOWN: ReadonlySet<string> = new Set(
  Object.keys({
    destination: true,
    pattern: true,
    matcher: true,
    timeout: true,
    limit: true,
    callback: true,
    abort: true,
    reply: true,
    arguments: true,
  } satisfies Record<keyof UserCommandOptions | 'arguments', true>),
)

/**
 * @throws TypeError, RangeError, ImproperlyConfigured when an option makes no sense or there is none of that name, so that
 *   no command reaches whom it is not meant for.
 */
export function normalizeRequestOptions(options: UserRequestOptions): RequestOptions {
  refuseUnknown(options)
  const { timeout, limit, callback, abort } = options
  const destination = readDestination(options.destination)
  const { pattern, matcher } = readPattern(options)
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
    throw new RangeError(`limit must be a whole number above 0, not ${String(limit)}`)
  }
  return {
    destination,
    pattern,
    matcher,
    timeout:
      timeout === null
        ? undefined
        : timeout === undefined
          ? DEFAULT_TIMEOUT
          : toMilliseconds(timeout, 'timeout'),
    limit: limit ?? destination?.length,
    callback,
    abort,
  }
}

/** A misspelt destination would mean everybody; so would Python's `shutdown(['celery@host'])`. */
function refuseUnknown(options: object): void {
  for (const name of Object.keys(options)) {
    if (KNOWN.has(name)) continue
    // What remains of a list, or of a text, in the place of options.
    if (name === '0') {
      throw new TypeError("Commands to workers take an object of options: { destination: ['celery@host'] }")
    }
    throw new ImproperlyConfigured(
      `Commands to workers have no option '${name}'${didYouMean(name, KNOWN)}: ${[...KNOWN].join(', ')}`,
    )
  }
}

function readDestination(destination: unknown): readonly string[] | undefined {
  if (destination === undefined || destination === null) return undefined
  const names = typeof destination === 'string' ? [destination] : destination
  if (!isStringArray(names)) {
    throw new TypeError(`destination must be a list of names of workers, not ${JSON.stringify(destination)}`)
  }
  if (names.length === 0) {
    // On the wire an empty list means everybody.
    throw new RangeError('destination is empty: name the workers that are meant, or leave it out to mean all')
  }
  return names
}

function readPattern({ pattern, matcher }: UserRequestOptions): Pick<RequestOptions, 'pattern' | 'matcher'> {
  if (pattern === undefined && matcher === undefined) return { pattern, matcher }
  if (typeof pattern !== 'string' || pattern === '') {
    throw new TypeError(`pattern must be a text to go with matcher, not ${JSON.stringify(pattern)}`)
  }
  if (matcher !== undefined && (typeof matcher !== 'string' || matcher === '')) {
    throw new TypeError(`matcher must be 'glob' or 'pcre', not ${JSON.stringify(matcher)}`)
  }
  return { pattern, matcher: matcher ?? 'glob' }
}
