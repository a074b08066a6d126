/** What `celery inspect` and `celery control` have in common: commands by their names, arguments, options. */
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type { Celery } from '../app/celery.ts'
import { didYouMean } from '../util/text.ts'
import type { ArgumentType, Command as RemoteCommand } from '../worker/commands/command.ts'
import type { CliContext } from './cli-context.ts'
import { CliError, EXIT } from './exit-code.ts'
import { commaList, seconds, truth } from './option-values.ts'
import { addOption, environmentNote } from './options.ts'

/** Options of everything that asks workers. */
export interface RemoteOptions {
  readonly timeout: string | number
  readonly destination?: readonly string[]
  readonly json?: boolean
}

/** Adds them to a command. */
export function addRemoteOptions(command: Command): void {
  const group = 'Remote control:'
  addOption(command, {
    group,
    flags: '-t, --timeout <seconds>',
    help: 'how long to wait for one more reply',
    parse: (text): string | number => seconds(text),
    default: 1,
  })
  addOption(command, {
    group,
    flags: '-d, --destination <names>',
    help: 'names of the workers that are meant, separated by commas (default: all)',
    parse: nodeNames,
  })
  addOption(command, { group, flags: '-j, --json', help: 'print the replies as JSON' })
  command.addHelpText('after', () => environmentNote(command))
}

/** On the wire an empty list means everybody, so it must not come about by mistake. */
function nodeNames(text: string): string[] {
  const names = commaList(text)
  if (names.length === 0)
    throw new InvalidArgumentError('Give the names of workers: celery@host1,celery@host2.')
  return names
}

/** A word after `inspect` or `control`, with what follows it; or the wish to see what words there are. */
export interface RemoteCall {
  readonly app: Celery
  readonly command: RemoteCommand
  readonly args: Readonly<Record<string, unknown>>
}

/**
 * Reads what a command line wants of workers, once the app is loaded, because it may have commands of its own.
 * @returns undefined when nothing is to be sent, because the commands were listed.
 * @throws CliError, with exit code 2.
 */
export async function readRemoteCall(
  context: CliContext,
  kind: RemoteCommand['kind'],
  words: readonly string[],
  { list = false }: { readonly list?: boolean },
): Promise<RemoteCall | undefined> {
  const { app } = await context.loadApp()
  await app.loadModules()
  const { remoteCommands } = await import('../worker/commands/command-registry.ts')
  const visible = remoteCommands().filter((command) => command.visible)
  const commands = visible.filter((command) => command.kind === kind)
  if (list) {
    context.echo(listing(kind, commands))
    return undefined
  }
  const [name, ...texts] = words
  const names = commands.map((command) => command.name)
  if (name === undefined) {
    throw usage(`Missing argument 'COMMAND'. Available ${kind} commands: ${names.join(', ')}`)
  }
  const command = commands.find((each) => each.name === name)
  if (command === undefined) {
    const other = visible.find((each) => each.name === name)?.kind
    const hint = other === undefined ? didYouMean(name, names) : ` (did you mean "celery ${other} ${name}"?)`
    throw usage(`Command ${name} not recognized${hint}. Available ${kind} commands: ${names.join(', ')}`)
  }
  return { app, command, args: compileArguments(command, texts) }
}

/** Makes named arguments out of words. @throws CliError when there are too many or too few, or one makes no sense. */
function compileArguments(command: RemoteCommand, texts: readonly string[]): Record<string, unknown> {
  const { args, variadic, required } = command
  const values: Record<string, unknown> = {}
  for (const [index, [name, type]] of args.entries()) {
    const text = texts[index]
    if (text !== undefined) values[name] = argumentOf(command, name, type, text)
  }
  const more = texts.slice(args.length)
  if (variadic !== undefined) values[variadic] = more
  const isMissing = (name: string): boolean =>
    values[name] === undefined || (name === variadic && more.length === 0)
  if ((variadic === undefined && more.length > 0) || required.some(isMissing)) throw takes(command)
  return values
}

function argumentOf(command: RemoteCommand, name: string, type: ArgumentType, text: string): unknown {
  const value = parsers[type](text)
  if (value !== undefined) return value
  const wanted = { text: 'text', integer: 'a whole number', number: 'a number', flag: 'yes or no' }[type]
  throw usage(`Command '${command.name}': ${name} must be ${wanted}, not '${text}'`)
}

const parsers: Readonly<Record<ArgumentType, (text: string) => unknown>> = {
  text: (text) => text,
  integer: (text) => (/^[+-]?\d+$/.test(text) ? Number(text) : undefined),
  number: (text) => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined),
  flag: truth,
}

function takes({ name, signature, required }: RemoteCommand): CliError {
  if (signature !== undefined) return usage(`Command '${name}' takes arguments: ${signature}`)
  return usage(
    required.length === 0
      ? `Command '${name}' takes no arguments`
      : `Command '${name}' needs ${required.join(' and ')}, which a command line cannot give; send it by app.control`,
  )
}

function usage(message: string): CliError {
  return new CliError(`Error: ${message}`, { exitCode: EXIT.usage })
}

/** The commands in two columns, as help is laid out; a long signature has a line of its own. */
function listing(kind: RemoteCommand['kind'], commands: readonly RemoteCommand[]): string {
  const lines = commands.map(({ name, signature, help }) => {
    const term = signature === undefined ? name : `${name} ${signature}`
    return term.length <= TERM_WIDTH
      ? `  ${term.padEnd(TERM_WIDTH)}  ${help}`
      : `  ${term}\n  ${' '.repeat(TERM_WIDTH)}  ${help}`
  })
  return `${kind === 'inspect' ? 'Inspect' : 'Control'} Commands:\n${lines.join('\n')}`
}

const TERM_WIDTH = 30
