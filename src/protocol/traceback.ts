/**
 * Where an error came from, as text: what is stored as the `traceback` of a failed task.
 *
 * The text is the stack as Node prints it, with all causes. Two lines in Python's form stand before it, with the
 * innermost frame, because Python clients with `task_remote_tracebacks` refuse a text without any.
 */
import { errorMessage, errorName, isError, peek } from './exception-info.ts'

const PYTHON_HEADER = 'Traceback (most recent call last):'
const MAX_STACK = 20_000
const MAX_ERRORS = 10

/** The text for an error and its causes; for what is no error the empty text. It never throws. */
export function formatTraceback(thrown: unknown): string {
  if (!isError(thrown)) return ''
  const seen = new Set<unknown>()
  const frames = framesOf(thrown)
  const parts: string[] = []
  collect(thrown, '', seen, parts)
  const [, name = '<anonymous>', file = '<javascript>', line = '1'] = FRAME.exec(frames) ?? []
  return `${PYTHON_HEADER}\n  File "${file}", line ${line}, in ${name}\n${parts.join('\n')}\n`
}

/** Innermost frame of a stack: `    at name (file:line:column)` or `    at file:line:column`. */
const FRAME = /^\s+at (?:async )?(?:(.+?) \()?([^()\n]+?):(\d+):\d+\)?$/m

function collect(error: Error, prefix: string, seen: Set<unknown>, parts: string[]): void {
  if (seen.has(error) || seen.size >= MAX_ERRORS) {
    parts.push(`${prefix}${errorName(error)}: (shown already, or too many)`)
    return
  }
  seen.add(error)
  const message = errorMessage(error)
  parts.push(`${prefix}${errorName(error)}${message === '' ? '' : `: ${message}`}${framesOf(error)}`)
  const cause = peek(error, 'cause')
  if (isError(cause)) collect(cause, 'Caused by: ', seen, parts)
  const errors = peek(error, 'errors')
  if (!Array.isArray(errors)) return
  for (const one of errors.slice(0, MAX_ERRORS)) {
    if (isError(one)) collect(one, 'One of several: ', seen, parts)
  }
}

/** The lines of the stack behind the message, each with its line break before it. */
function framesOf(error: Error): string {
  const stack = peek(error, 'stack')
  if (typeof stack !== 'string') return ''
  const message = peek(error, 'message')
  // The message may hold lines that look like frames.
  const found = typeof message === 'string' ? stack.indexOf(message) : -1
  const start = stack.indexOf('\n    at ', found < 0 ? 0 : found + String(message).length)
  return start < 0 ? '' : stack.slice(start, start + MAX_STACK).trimEnd()
}

/** An error that was thrown in another process. */
export interface RemotelyThrown extends Error {
  /** The traceback as it was stored there. */
  readonly remoteTraceback: string
}

/**
 * Tells an error that came from elsewhere where it was thrown: under `remoteTraceback`, and at the end of its stack.
 *
 * @returns the error itself; a frozen one stays as it is.
 */
export function attachTraceback(error: Error, traceback: string | null | undefined): Error {
  if (!traceback) return error
  // Not enumerable: two errors with different traces are still deeply equal, and dumps are not printed twice.
  Reflect.defineProperty(error, 'remoteTraceback', { value: traceback, configurable: true, writable: true })
  const local = peek(error, 'stack')
  Reflect.defineProperty(error, 'stack', {
    value: `${typeof local === 'string' ? local : String(error)}\n--- remote traceback ---\n${traceback}`,
    configurable: true,
    writable: true,
  })
  return error
}

/** The traceback that `attachTraceback` left; undefined for errors of this process. */
export function remoteTraceback(error: unknown): string | undefined {
  const text = isError(error) ? peek(error, 'remoteTraceback') : undefined
  return typeof text === 'string' ? text : undefined
}
