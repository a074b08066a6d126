/**
 * Which class of error is which on the wire.
 *
 * An error travels as the name and the module of its class and its arguments. Both sides look the class up by its name
 * and never load code for it. What we know:
 *
 * - Celery's, billiard's and kombu's errors are ours of the same name.
 * - `TypeError` and `SyntaxError` exist in both worlds and mean the same; their module is Python's `builtins`.
 * - Errors that only JavaScript has (`Error`, `RangeError`, a user's `PaymentError`) have the module `javascript`,
 *   which no Python process has, so that Python makes up a class of that name.
 * - All others become a `RemoteError` with the name they have over there, unless the user registered a class.
 */
import * as errors from '../errors.ts'

/** Module under which errors travel that only JavaScript has. */
export const JAVASCRIPT = 'javascript'

/** Name of a class on the wire. */
export interface WireClass {
  /** Python's qualified name, e.g. `Outer.InnerError`. */
  readonly type: string
  readonly module: string
}

/** How a user's class of errors travels. */
export interface ErrorClassOptions {
  /** Its name on the wire; default: the name of the class. */
  readonly type?: string
  /** Its module on the wire, e.g. `myapp.errors` if Python has the same class there; default `javascript`. */
  readonly module?: string
  /** The arguments that travel; default: the message. They must be values that the serializer takes. */
  readonly toArgs?: (error: Error) => readonly unknown[]
  /** Makes an error of what came; default: the class called with the first argument. */
  readonly fromArgs?: (args: readonly unknown[]) => Error
}

/** A class of errors that can be made of a message. */
export type ErrorClass = new (message: string) => Error

interface Registration {
  readonly wire: WireClass
  readonly toArgs: ((error: Error) => readonly unknown[]) | undefined
  readonly fromArgs: (args: readonly unknown[]) => Error
}

/** The classes that an app knows beyond the built-in ones. Classes that are not registered come back as `RemoteError`. */
export class ErrorClasses {
  readonly #byClass = new Map<unknown, Registration>()
  readonly #byName = new Map<string, Registration>()

  /** Registers a class, so that its errors come back as what they were. A later registration of a name wins. */
  register(errorClass: ErrorClass, options: ErrorClassOptions = {}): void {
    const wire = { type: options.type ?? errorClass.name, module: options.module ?? JAVASCRIPT }
    const registration: Registration = {
      wire,
      toArgs: options.toArgs,
      fromArgs: options.fromArgs ?? (([message]) => new errorClass(textOf(message))),
    }
    this.#byClass.set(errorClass, registration)
    this.#byName.set(nameOf(wire), registration)
  }

  /** The name on the wire of an error's class, and what makes arguments of the error; undefined: not registered. */
  ofClass(errorClass: unknown): Pick<Registration, 'wire' | 'toArgs'> | undefined {
    return this.#byClass.get(errorClass)
  }

  /** Makes an error of a registered class; undefined: not registered. @throws what the class's constructor throws. */
  make(wire: WireClass, args: readonly unknown[]): Error | undefined {
    return this.#byName.get(nameOf(wire))?.fromArgs(args)
  }
}

/** The name on the wire of a built-in class. */
export function wireClassOf(errorClass: unknown): WireClass | undefined {
  return WIRE_BY_CLASS.get(errorClass)
}

/** Whether a class is one of JavaScript itself. */
export function isNativeClass(errorClass: unknown): boolean {
  return NATIVE.has(errorClass)
}

/** The module of an error that JavaScript itself or a user's class named so. */
export function moduleOfName(type: string): string {
  return SHARED_WITH_PYTHON.has(type) ? 'builtins' : JAVASCRIPT
}

/** The built-in class of that name on the wire. */
export function builtinClass(wire: WireClass): ErrorClass | undefined {
  return CLASS_BY_WIRE.get(nameOf(wire))
}

const WITH_PYTHON = { TypeError, SyntaxError }
const SHARED_WITH_PYTHON: ReadonlySet<string> = new Set(Object.keys(WITH_PYTHON))
const JAVASCRIPT_ONLY = { Error, RangeError, ReferenceError, EvalError, URIError }
const NATIVE: ReadonlySet<unknown> = new Set<unknown>(Object.values({ ...WITH_PYTHON, ...JAVASCRIPT_ONLY }))

const BUILT_IN: readonly (readonly [module: string, classes: Readonly<Record<string, ErrorClass>>])[] = [
  [
    'celery.exceptions',
    {
      CeleryError: errors.CeleryError,
      ImproperlyConfigured: errors.ImproperlyConfigured,
      SecurityError: errors.SecurityError,
      TaskError: errors.TaskError,
      QueueNotFound: errors.QueueNotFound,
      IncompleteStream: errors.IncompleteStream,
      NotRegistered: errors.NotRegistered,
      AlreadyRegistered: errors.AlreadyRegistered,
      TimeoutError: errors.TimeoutError,
      MaxRetriesExceededError: errors.MaxRetriesExceededError,
      TaskRevokedError: errors.TaskRevokedError,
      InvalidTaskError: errors.InvalidTaskError,
      ChordError: errors.ChordError,
      TaskPredicate: errors.TaskPredicate,
      Retry: errors.Retry,
      Ignore: errors.Ignore,
      Reject: errors.Reject,
      BackendError: errors.BackendError,
      BackendGetMetaError: errors.BackendGetMetaError,
      BackendStoreError: errors.BackendStoreError,
    },
  ],
  [
    'billiard.exceptions',
    {
      SoftTimeLimitExceeded: errors.SoftTimeLimitExceeded,
      TimeLimitExceeded: errors.TimeLimitExceeded,
      WorkerLostError: errors.WorkerLostError,
      Terminated: errors.Terminated,
    },
  ],
  [
    'kombu.exceptions',
    {
      KombuError: errors.KombuError,
      OperationalError: errors.OperationalError,
      SerializationError: errors.SerializationError,
      EncodeError: errors.EncodeError,
      DecodeError: errors.DecodeError,
      ContentDisallowed: errors.ContentDisallowed,
      SerializerNotInstalled: errors.SerializerNotInstalled,
    },
  ],
  ['amqp.exceptions', { ConnectionError: errors.ConnectionError, ChannelError: errors.ChannelError }],
  ['builtins', WITH_PYTHON],
  [
    JAVASCRIPT,
    {
      ...JAVASCRIPT_ONLY,
      InvalidArguments: errors.InvalidArguments,
      BackendNotConfigured: errors.BackendNotConfigured,
      PublishError: errors.PublishError,
      // In Python it ends the process that reads it.
      WorkerTerminate: errors.WorkerTerminate,
    },
  ],
]

const WIRE_BY_CLASS = new Map<unknown, WireClass>()
const CLASS_BY_WIRE = new Map<string, ErrorClass>()
for (const [module, classes] of BUILT_IN) {
  for (const [type, errorClass] of Object.entries(classes)) {
    WIRE_BY_CLASS.set(errorClass, { type, module })
    CLASS_BY_WIRE.set(nameOf({ type, module }), errorClass)
  }
}

function nameOf({ module, type }: WireClass): string {
  return `${module}:${type}`
}

function textOf(value: unknown): string {
  return value === undefined ? '' : String(value)
}
