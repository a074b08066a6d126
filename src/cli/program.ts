/** The program `celery`: global options, commands, and what becomes of errors. */

import { Command, CommanderError, type Option } from 'commander'
import type { FoundApp } from '../app/find-app.ts'
import { CeleryError } from '../errors.ts'
import { didYouMean } from '../util/text.ts'
import { CELERY_VERSION, versionBanner } from '../util/version.ts'
import type { CliIo, GlobalOptions } from './cli-context.ts'
import { CliContext } from './cli-context.ts'
import { loadCommands } from './commands.ts'
import { CliError, EXIT } from './exit-code.ts'
import { addOption, environmentNote, settleOptions } from './options.ts'
import { addUserOptions } from './user-options.ts'

/** Columns of the help where there is no terminal. */
const PLAIN_WIDTH = 100

/**
 * Runs one command line.
 *
 * @param argv without program and script.
 * @param found the app that is meant where none is named.
 * @returns the exit code.
 */
export async function runProgram(argv: readonly string[], io: CliIo, found?: FoundApp): Promise<number> {
  const contexts: CliContext[] = []
  const contextOf = (command: Command): CliContext => {
    const context = new CliContext(io, command.optsWithGlobals<GlobalOptions>(), found)
    contexts.push(context)
    return context
  }
  const program = createProgram(io)
  const traces = (): boolean =>
    Boolean(program.opts<GlobalOptions>().traceback ?? io.environment['CELERY_TRACE_APP'])
  program.hook('preSubcommand', async (_, command) => {
    const options = program.opts<GlobalOptions>()
    settleOptions(program, io.environment)
    prepareProcess(options, io)
    const tolerant = ['-h', '--help'].some((flag) => argv.includes(flag))
    await addUserOptions(command, { options, found, tolerant, trace: traces() })
  })
  try {
    await addCommands(program, argv, io, contextOf)
    await addPlugins(program, argv, io, contextOf)
    await program.parseAsync(argv, { from: 'user' })
    return contexts.at(-1)?.exitCode ?? EXIT.ok
  } catch (error) {
    return report(error, program, argv, io, traces())
  } finally {
    for (const context of contexts) await context.close()
  }
}

function createProgram(io: CliIo): Command {
  const program = new Command('celery')
    .description("Celeriac: Celery's distributed tasks, for Node.")
    .usage('[options] <command> [options of the command]')
    .version(
      `${versionBanner()}\nspeaks the message protocols 1 and 2 of Celery ${CELERY_VERSION}`,
      '--version',
      'print the version',
    )
    .argument('[command...]')
    .enablePositionalOptions()
  addGlobalOptions(program)
  program.addHelpText(
    'after',
    () => `
Options of the program stand before the command:
  $ celery -A tasks worker -l INFO
  $ celery -A tasks call tasks.add --args '[4, 4]'
${environmentNote(program)}`,
  )
  prepare(program, io)
  program.hook('preAction', (_, command) => {
    if (command !== program) settleOptions(command, io.environment)
  })
  return program.helpCommand(false).action((words: readonly string[]) => {
    const [word] = words
    if (word === undefined) {
      io.out(program.helpInformation())
      return
    }
    const names = program.commands.map((command) => command.name())
    throw new CliError(`There is no command '${word}'${didYouMean(word, names)}: ${names.join(', ')}`, {
      exitCode: EXIT.usage,
    })
  })
}

async function addCommands(
  program: Command,
  argv: readonly string[],
  io: CliIo,
  contextOf: (command: Command) => CliContext,
): Promise<void> {
  for (const declare of await loadCommands(program, argv)) {
    const command = declare(contextOf)
    for (const each of [command, ...command.commands]) prepare(each, io)
    if (command.commands.length > 0) command.helpCommand(false)
    program.addCommand(command)
  }
}

function prepare(command: Command, io: CliIo): void {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      getOutHelpWidth: () => (io.outIsTerminal ? process.stdout.columns : PLAIN_WIDTH),
    })
    .helpOption('-h, --help', 'print this help')
}

/** Looking for commands of other packages takes time, so it is done only for who doesn't want one of ours. */
async function addPlugins(
  program: Command,
  argv: readonly string[],
  io: CliIo,
  contextOf: (command: Command) => CliContext,
): Promise<void> {
  if (argv.includes('--version') || program.commands.some((command) => argv.includes(command.name()))) return
  const { pluginCommands } = await import('./plugins.ts')
  for (const command of await pluginCommands(process.cwd(), contextOf)) {
    prepare(command, io)
    program.addCommand(command)
  }
}

function addGlobalOptions(program: Command): void {
  const group = 'Options:'
  addOption(program, {
    group,
    flags: '-A, --app <module>',
    help: 'where the app is: a file, a folder or a package, with :export if it is not called app or celery',
    environment: 'APP',
  })
  addOption(program, {
    group,
    flags: '-b, --broker <url>',
    help: 'URL of the broker, instead of the configured one',
    environment: 'BROKER_URL',
  })
  addOption(program, {
    group,
    flags: '--result-backend <url>',
    help: 'URL of the result backend, instead of the configured one',
    environment: 'RESULT_BACKEND',
  })
  addOption(program, {
    group,
    flags: '--loader <class>',
    help: "Celery's loader of configurations; handed on in CELERY_LOADER",
    environment: 'LOADER',
  })
  addOption(program, {
    group,
    flags: '--config <module>',
    help: 'module with settings, for an app that configures none (default: celeryconfig)',
    environment: 'CONFIG_MODULE',
  })
  addOption(program, { group, flags: '--workdir <folder>', help: 'go to this folder first' })
  addOption(program, { group, flags: '-C, --no-color', help: 'no colours', environment: 'NO_COLOR' })
  addOption(program, { group, flags: '-q, --quiet', help: 'print less: no banner' })
  addOption(program, {
    group,
    flags: '--skip-checks',
    help: "skip the checks of Django (there are none here; accepted for Celery's sake)",
    environment: 'SKIP_CHECKS',
  })
  addOption(program, { group, flags: '--traceback', help: 'print the stack of errors' })
}

/** Puts global options where the app and child processes find them. */
function prepareProcess(options: GlobalOptions, { environment }: CliIo): void {
  if (options.workdir !== undefined) changeFolder(options.workdir)
  const exported: Readonly<Record<string, string | undefined>> = {
    CELERY_LOADER: options.loader,
    CELERY_BROKER_URL: options.broker,
    CELERY_RESULT_BACKEND: options.resultBackend,
    CELERY_CONFIG_MODULE: options.config,
    CELERY_SKIP_CHECKS: options.skipChecks ? 'true' : undefined,
  }
  for (const [name, value] of Object.entries(exported)) {
    if (value !== undefined) environment[name] = value
  }
}

function changeFolder(folder: string): void {
  try {
    process.chdir(folder)
  } catch (cause) {
    throw new CliError(`--workdir: there is no folder ${folder} to go to`, { exitCode: EXIT.usage, cause })
  }
}

/** Shows an error in the way it deserves, and gives the exit code. */
function report(
  error: unknown,
  program: Command,
  argv: readonly string[],
  io: CliIo,
  trace: boolean,
): number {
  if (error instanceof CommanderError) {
    // Commander has written its message already; help and version are no errors.
    if (error.exitCode === 0) return EXIT.ok
    const command = program.commands.find((each) => argv.includes(each.name()))
    // A command without one of its parts has printed its whole help.
    if (error.code === 'commander.help') return EXIT.usage
    const part = command?.commands.find((each) => argv.includes(each.name()))
    io.err(misplacedOption(error, program, command))
    io.err(`Usage: ${program.createHelp().commandUsage(part ?? command ?? program)}\n`)
    return EXIT.usage
  }
  const { stack, message } = error instanceof Error ? error : new Error(String(error))
  // Our own errors say what is wrong and what helps. Others are bugs, or errors of tasks: where they are from matters.
  const isOurs = error instanceof CliError || error instanceof CeleryError
  io.err(`${isOurs && !trace ? `${name(error)}${message}` : (stack ?? message)}\n`)
  return error instanceof CliError ? error.exitCode : EXIT.failure
}

function name(error: unknown): string {
  return error instanceof CeleryError ? `${error.name}: ` : ''
}

/** A global option behind the command is the mistake of everybody who knew Celery 4; the other way round happens, too. */
function misplacedOption(error: CommanderError, program: Command, command: Command | undefined): string {
  const [, flag] = /unknown option '([^'=]+)/.exec(error.message) ?? []
  if (flag === undefined || command === undefined) return ''
  const named = ({ short, long }: Option): boolean => flag === short || flag === long
  const global = program.options.find(named)
  if (global !== undefined) {
    return (
      `${flag} is an option of the program and stands before the command (since Celery 5.0):\n` +
      `  celery ${flag}${global.required ? ' …' : ''} ${command.name()} …\n`
    )
  }
  const own = command.options.find(named)
  if (own === undefined) return ''
  return (
    `${flag} is an option of ${command.name()} and stands behind it:\n` +
    `  celery … ${command.name()} ${flag}${own.required ? ' …' : ''}\n`
  )
}
