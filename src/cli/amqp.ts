/** `celery amqp`. */

import { createInterface } from 'node:readline'
import { Command } from 'commander'
import { didYouMean } from '../util/text.ts'
import { AmqpSession } from './amqp/amqp-session.ts'
import type { AmqpVerb } from './amqp/amqp-verbs.ts'
import { AMQP_VERBS, usageOf } from './amqp/amqp-verbs.ts'
import type { CliContext } from './cli-context.ts'
import { CliError, EXIT } from './exit-code.ts'
import { environmentNote } from './options.ts'

/** Declares the command. */
export function amqpCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('amqp')
    .description(
      'Command the broker by hand, in words of AMQP. Without a command it reads them from standard input.',
    )
    .usage('[options] [command]')
    .argument('[command...]')
    .action(async (words: readonly string[], _options: object, self: Command) => {
      const [word] = words
      if (word !== undefined) throw unknownCommand(word)
      await readCommands(contextOf(self))
    })
  for (const verb of AMQP_VERBS) command.addCommand(verbCommand(verb, contextOf))
  command.addHelpText(
    'after',
    () => `
Flags in brackets are yes or no (default: no).

Examples:
  $ celery -A tasks amqp queue.declare celery yes
  $ celery -A tasks amqp queue.purge celery
  $ celery -A tasks amqp
  > basic.get celery
  > basic.ack 1
${environmentNote(command)}`,
  )
  return command
}

function unknownCommand(word: string): CliError {
  const names = AMQP_VERBS.map(({ name }) => name)
  return new CliError(`amqp: there is no command '${word}'${didYouMean(word, names)}: ${names.join(', ')}`, {
    exitCode: EXIT.usage,
  })
}

function verbCommand(verb: AmqpVerb, contextOf: (command: Command) => CliContext): Command {
  const command = new Command(verb.name).description(verb.help)
  command.arguments(usageOf(verb).split(' ').slice(1).join(' '))
  return command.action(async () => {
    const context = contextOf(command)
    await using session = await AmqpSession.open(context)
    if (!session.connected || !(await session.run(verb, command.args))) context.exitCode = EXIT.failure
  })
}

/** Runs what is typed, or what comes through a pipe; there the exit code says whether all of it worked. */
async function readCommands(context: CliContext): Promise<void> {
  await using session = await AmqpSession.open(context)
  const isTerminal = context.io.outIsTerminal && process.stdin.isTTY
  const input = createInterface({
    input: process.stdin,
    ...(isTerminal ? { output: process.stdout, completer } : {}),
    prompt: isTerminal ? '> ' : '',
  })
  let open = isTerminal
  input.once('close', () => {
    open = false
  })
  if (open) input.prompt()
  for await (const line of input) {
    const succeeded = await session.type(line)
    if (succeeded === undefined) break
    if (!succeeded && !isTerminal) context.exitCode = EXIT.failure
    if (open) input.prompt()
  }
  input.close()
}

function completer(line: string): [string[], string] {
  return [AMQP_VERBS.map(({ name }) => name).filter((name) => name.startsWith(line)), line]
}
