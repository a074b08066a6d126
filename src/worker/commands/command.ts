import type { CommandArguments } from './command-arguments.ts'
import type { CommandState } from './command-state.ts'

/** How words of a command line become an argument. */
export type ArgumentType = 'text' | 'integer' | 'number' | 'flag'

/** What is told of a command besides what it does. */
export interface CommandOptions {
  /** By which it is called, in Celery's style: `pool_grow`. */
  readonly name: string
  /** Another name by which it can be called. */
  readonly alias?: string
  /** One sentence for lists of commands. */
  readonly help?: string
  /** Its arguments as a help text shows them, e.g. `<queue> [exchange]`. */
  readonly signature?: string
  /** Names and types of its arguments, in the order in which a command line gives them. */
  readonly args?: readonly (readonly [name: string, type: ArgumentType])[]
  /** Name of the argument that takes all further words, as a list. */
  readonly variadic?: string
  /** Arguments without which it cannot be called. Default: none. */
  readonly required?: readonly string[]
  /** Whether lists of commands show it. Default true. */
  readonly visible?: boolean
  /** Seconds that callers wait for replies unless they say otherwise. Default 1. */
  readonly defaultTimeout?: number
}

/** What a command does. What it answers, or its promise, is the reply; what it throws is an error reply. */
export type CommandFunction = (state: CommandState, args: CommandArguments) => unknown

/** A command of remote control. Celery: an entry of `Panel`. */
export interface Command
  extends Required<Pick<CommandOptions, 'name' | 'help' | 'visible' | 'defaultTimeout'>> {
  /** `inspect` commands ask, `control` commands change something. */
  readonly kind: 'inspect' | 'control'
  readonly alias: string | undefined
  readonly signature: string | undefined
  readonly args: readonly (readonly [name: string, type: ArgumentType])[]
  readonly variadic: string | undefined
  readonly required: readonly string[]
  readonly run: CommandFunction
}

/** Makes an `inspect` command. */
export function inspects(options: CommandOptions, run: CommandFunction): Command {
  return create('inspect', options, run)
}

/** Makes a `control` command. */
export function controls(options: CommandOptions, run: CommandFunction): Command {
  return create('control', options, run)
}

/** A reply: it was done. */
export function ok(value: unknown): { readonly ok: unknown } {
  return { ok: value }
}

/** A reply: it cannot be done, and why. */
export function nok(error: string): { readonly error: string } {
  return { error }
}

/** What a command answers that answers nothing, not even null. */
export const NO_REPLY: unique symbol = Symbol('no reply')

function create(kind: Command['kind'], options: CommandOptions, run: CommandFunction): Command {
  const { name, alias, help = '', signature, args = [], variadic, required = [] } = options
  const { visible = true, defaultTimeout = 1 } = options
  return { kind, name, alias, help, signature, args, variadic, required, visible, defaultTimeout, run }
}
