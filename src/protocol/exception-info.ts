/**
 * Errors on their way to other processes, and back.
 *
 * Nothing here throws, whatever was thrown or stored: an error that cannot be told of would hide the one that matters.
 */
import { types } from 'node:util'
import { RemoteError, TimeLimitExceeded } from '../errors.ts'
import { isRecord } from '../util/is-record.ts'
import { pythonString } from '../util/python-string.ts'
import { repr } from '../util/repr.ts'
import type { ErrorClasses, WireClass } from './error-classes.ts'
import { builtinClass, isNativeClass, JAVASCRIPT, moduleOfName, wireClassOf } from './error-classes.ts'
import type { ExceptionTriple } from './result-meta.ts'

/** Longer messages are cut: they are stored, sent in events and logged. */
const MAX_MESSAGE = 100_000
const MAX_NAME = 250

/**
 * An error as it is stored: `{exc_type, exc_message: [arguments], exc_module}`. Celery: `prepare_exception`.
 *
 * @param thrown whatever was thrown; what is no error travels as an `Error` that says what it was.
 * @param classes the user's own classes.
 */
export function describeException(thrown: unknown, classes?: ErrorClasses): ExceptionTriple {
  if (!isError(thrown)) {
    const message = typeof thrown === 'string' ? thrown : show(thrown)
    return triple({ type: 'Error', module: JAVASCRIPT }, message === '' ? [] : [cleanText(message)])
  }
  if (thrown instanceof RemoteError) {
    return triple({ type: thrown.name, module: thrown.module }, thrown.args.map(sendable))
  }
  const errorClass = peek(thrown, 'constructor')
  const registered = classes?.ofClass(errorClass)
  const args = registered?.toArgs === undefined ? undefined : attempt(registered.toArgs, thrown)
  const wire = registered?.wire ?? builtinWire(thrown, errorClass) ?? userClass(thrown, errorClass)
  return triple(wire, Array.isArray(args) ? args.map(sendable) : messageArgs(thrown))
}

/**
 * Makes an error of what is stored in `result` of a failed, revoked or retried task. Celery: `exception_to_python`.
 *
 * Known classes come back as such; all others as `RemoteError` under the name they have where they were thrown. No code
 * is looked up or loaded by name.
 */
export function readException(value: unknown, classes?: ErrorClasses): Error {
  if (isError(value)) return value
  if (!isRecord(value) || typeof value['exc_type'] !== 'string') {
    return new RemoteError(
      'Exception',
      'builtins',
      value === undefined || value === null ? [] : [plain(value)],
    )
  }
  const { exc_type: type, exc_module: module, exc_message: message } = value
  const wire = { type: type.slice(0, MAX_NAME), module: typeof module === 'string' ? module : 'builtins' }
  const args = (Array.isArray(message) ? message : isAbsent(message) ? [] : [message]).map((arg) =>
    plain(arg),
  )
  return makeError(wire, args, classes)
}

/** An error as Python shows it, `GoldenError('it broke', 42)`: for logs and events. */
export function exceptionRepr(thrown: unknown, classes?: ErrorClasses): string {
  return tripleRepr(describeException(thrown, classes))
}

/** See `exceptionRepr`. */
export function tripleRepr({ exc_type: type, exc_message: args }: ExceptionTriple): string {
  const shown = (Array.isArray(args) ? args : [args]).map((arg) =>
    typeof arg === 'string' ? pythonString(arg) : show(arg),
  )
  return `${type}(${shown.join(', ')})`
}

function makeError(wire: WireClass, args: readonly unknown[], classes: ErrorClasses | undefined): Error {
  const registered = attempt(() => classes?.make(wire, args), undefined)
  if (isError(registered)) return registered
  if (wire.type === 'UnpickleableExceptionWrapper' && wire.module === 'celery.utils.serialization') {
    return unwrap(args)
  }
  const known = builtinClass(wire)
  if (known === undefined) return new RemoteError(wire.type, wire.module, args)
  const [only] = args
  if (args.length === 0) return new known('')
  if (args.length === 1 && typeof only === 'string') return new known(only)
  if (known === TimeLimitExceeded && typeof only === 'number') return new TimeLimitExceeded(only)
  return new known(tripleRepr({ exc_type: wire.type, exc_message: args, exc_module: wire.module }))
}

/** Celery wraps what pickle cannot take, whatever the serializer: `[module, class name, arguments, text]`. */
function unwrap([module, type, args]: readonly unknown[]): Error {
  return new RemoteError(
    String(type),
    String(module),
    Array.isArray(args) ? args.map((arg) => plain(arg)) : [],
  )
}

function triple({ type, module }: WireClass, args: readonly unknown[]): ExceptionTriple {
  return { exc_type: type, exc_message: args, exc_module: module }
}

/** The name of a built-in class; undefined for one of JavaScript's whose error was given a name of its own. */
function builtinWire(error: object, errorClass: unknown): WireClass | undefined {
  const wire = wireClassOf(errorClass)
  if (wire === undefined || !isNativeClass(errorClass)) return wire
  return errorName(error, errorClass) === wire.type ? wire : undefined
}

function userClass(error: object, errorClass: unknown): WireClass {
  const type = errorName(error, errorClass)
  return { type, module: moduleOfName(type) }
}

/** The name of an error: the one it gives itself, else that of its class. */
export function errorName(error: object, errorClass: unknown = peek(error, 'constructor')): string {
  const own = peek(error, 'name')
  if (typeof own === 'string' && own !== '' && own !== 'Error') return cleanText(own).slice(0, MAX_NAME)
  const name = typeof errorClass === 'function' ? peek(errorClass, 'name') : undefined
  return typeof name === 'string' && name !== '' ? name.slice(0, MAX_NAME) : 'Error'
}

/** The message of an error; empty when it has none. */
export function errorMessage(error: object): string {
  const message = peek(error, 'message')
  return typeof message === 'string' ? cleanText(message) : message === undefined ? '' : show(message)
}

function messageArgs(error: object): readonly unknown[] {
  if (error instanceof TimeLimitExceeded && error.limit !== undefined) return [error.limit]
  const message = errorMessage(error)
  return message === '' ? [] : [message]
}

/** Whether something is an error, of this or another realm. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || attempt(() => value instanceof Error, undefined) === true
}

/** Reads a property that may be a getter that throws. */
export function peek(object: object, key: string): unknown {
  return attempt(() => Reflect.get(object, key), undefined)
}

function attempt<Argument, Result>(
  run: (argument: Argument) => Result,
  argument: Argument,
): Result | undefined {
  try {
    return run(argument)
  } catch {
    // The purpose: code of strangers (getters, proxies, constructors) may fail, our report goes on without it.
    return undefined
  }
}

/** What every serializer takes and Python can read: lone surrogates are replaced, too long texts cut. */
function cleanText(text: string): string {
  const cut = text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}...` : text
  return cut.toWellFormed()
}

/**
 * An argument as it is sent: what is no data becomes a text. What only some serializers refuse stays; whoever knows the
 * serializer makes a text of that (`backends/sendable-errors.ts`). Celery: `ensure_serializable`.
 */
function sendable(value: unknown): unknown {
  if (value === undefined) return null
  if (typeof value === 'bigint') return value
  return plain(value, (_, item: unknown) => (typeof item === 'bigint' ? Number(item) : item))
}

/** An argument as plain data; what is none becomes a text. */
function plain(value: unknown, replacer?: (key: string, item: unknown) => unknown): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value
  const text =
    typeof value === 'object' ? attempt(() => JSON.stringify(value, replacer), undefined) : undefined
  return text === undefined ? show(value) : value
}

/** A value for people, even if it is a proxy that throws at every touch. */
function show(value: unknown): string {
  return attempt(() => repr(value, { maxLength: 1000 }), undefined) ?? '<unrepresentable>'
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null
}
