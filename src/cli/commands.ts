/**
 * The commands of the program `celery`. Each is a module that is loaded when its command is given: a worker has to be
 * ready soon, and what it takes to declare all the others takes longer than to declare its own.
 */
import type { Command } from 'commander'
import type { CliContext } from './cli-context.ts'

/** Makes a command; `contextOf` gives what it works with. */
export type DeclareCommand = (contextOf: (command: Command) => CliContext) => Command

/** In the order in which the help shows them. */
const COMMANDS: ReadonlyMap<string, () => Promise<DeclareCommand>> = new Map([
  ['worker', async () => (await import('./worker.ts')).workerCommand],
  ['beat', async () => (await import('./beat.ts')).beatCommand],
  ['inspect', async () => (await import('./inspect.ts')).inspectCommand],
  ['control', async () => (await import('./control.ts')).controlCommand],
  ['status', async () => (await import('./status.ts')).statusCommand],
  ['events', async () => (await import('./events.ts')).eventsCommand],
  ['multi', async () => (await import('./multi.ts')).multiCommand],
  ['call', async () => (await import('./call.ts')).callCommand],
  ['result', async () => (await import('./result.ts')).resultCommand],
  ['purge', async () => (await import('./purge.ts')).purgeCommand],
  ['migrate', async () => (await import('./migrate.ts')).migrateCommand],
  ['list', async () => (await import('./list.ts')).listCommand],
  ['amqp', async () => (await import('./amqp.ts')).amqpCommand],
  ['shell', async () => (await import('./shell.ts')).shellCommand],
  ['logtool', async () => (await import('./logtool.ts')).logtoolCommand],
  ['graph', async () => (await import('./graph.ts')).graphCommand],
  ['report', async () => (await import('./report.ts')).reportCommand],
  ['upgrade', async () => (await import('./upgrade.ts')).upgradeCommand],
])

/** The command that a command line names, alone, or all of them when it is none of ours or cannot be told. */
export function loadCommands(program: Command, argv: readonly string[]): Promise<readonly DeclareCommand[]> {
  const word = commandWord(program, argv)
  const one = word === undefined ? undefined : COMMANDS.get(word)
  return Promise.all(one === undefined ? [...COMMANDS.values()].map((load) => load()) : [one()])
}

/** The first word that is neither an option of the program nor the value of one. */
function commandWord(program: Command, argv: readonly string[]): string | undefined {
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? ''
    if (!word.startsWith('-')) return word
    const option = program.options.find(({ short, long }) => word === short || word === long)
    // Help is about all commands; several short options in one word are left to the parser.
    if (option === undefined && !word.includes('=')) return undefined
    if (option?.required) index += 1
  }
  return undefined
}
