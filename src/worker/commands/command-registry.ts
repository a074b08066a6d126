/**
 * All commands of remote control by their names: those of Celery, and those that programs add. Like Celery's `Panel`
 * there is one for the process: commands are declared where tasks are, before there is a worker.
 */
import { ImproperlyConfigured } from '../../errors.ts'
import type { Command, CommandFunction, CommandOptions } from './command.ts'
import { controls, inspects } from './command.ts'
import { eventCommands } from './event-commands.ts'
import { limitCommands } from './limit-commands.ts'
import { poolCommands } from './pool-commands.ts'
import { queueCommands } from './queue-commands.ts'
import { revokeCommands } from './revoke-commands.ts'
import { taskCommands } from './task-commands.ts'
import { workerCommands } from './worker-commands.ts'

const BUILT_IN: readonly Command[] = [
  ...workerCommands,
  ...taskCommands,
  ...revokeCommands,
  ...limitCommands,
  ...queueCommands,
  ...poolCommands,
  ...eventCommands,
]

const added = new Map<string, Command>()

/** All commands, in alphabetical order. */
export function remoteCommands(): readonly Command[] {
  const own = BUILT_IN.filter(({ name }) => !added.has(name))
  return [...own, ...added.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** The command that has that name or alias. */
export function findCommand(name: string): Command | undefined {
  return (
    added.get(name) ?? [...added.values(), ...BUILT_IN].find((one) => one.name === name || one.alias === name)
  )
}

/**
 * Adds a command that changes something, for `celery control` and `app.control.broadcast`. It takes the place of one of
 * the same name. Celery: `@control_command`.
 *
 * @example
 * controlCommand({ name: 'forget_cache', args: [['region', 'text']], signature: '[region]' }, (state, args) => {
 *   cache.forget(args.text('region'))
 *   return { ok: 'cache forgotten' }
 * })
 * @param run its answer (or promise) is the reply; what it throws becomes an error reply.
 * @throws ImproperlyConfigured when it has no name.
 */
export function controlCommand(options: CommandOptions, run: CommandFunction): void {
  add(controls(options, run))
}

/** Adds a command that asks something, for `celery inspect`. Otherwise as `controlCommand`. Celery: `@inspect_command`. */
export function inspectCommand(options: CommandOptions, run: CommandFunction): void {
  add(inspects(options, run))
}

function add(command: Command): void {
  if (!command.name) throw new ImproperlyConfigured('A command of remote control needs a name')
  added.set(command.name, command)
}
