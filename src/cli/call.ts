/** `celery call`. */

import { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { CliError } from './exit-code.ts'
import { isoDate, isoDateOrSeconds, jsonDict, jsonList, seconds } from './option-values.ts'
import { addOption, environmentNote } from './options.ts'

interface CallOptions {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly eta?: Date
  readonly countdown?: string
  readonly expires?: Date | number
  readonly serializer?: string
  readonly queue?: string
  readonly exchange?: string
  readonly routingKey?: string
}

/** Declares the command. */
export function callCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('call')
    .description('Send a task by its name, and print the id of its result. The task need not be known here.')
    .argument('<name>', 'name of the task')
  addCallingOptions(command)
  const group = 'Routing:'
  addOption(command, { group, flags: '--queue <name>', help: 'queue to send it to' })
  addOption(command, { group, flags: '--exchange <name>', help: 'exchange to send it to' })
  addOption(command, { group, flags: '--routing-key <key>', help: 'routing key to send it with' })
  command.addHelpText(
    'after',
    () => `
Examples:
  $ celery -A tasks call tasks.add --args '[4, 4]'
  $ celery -b redis://localhost call tasks.crawl --kwargs '{"url": "https://example.org"}' --countdown 10
${environmentNote(command)}`,
  )
  return command.action(async (name: string, options: CallOptions, self: Command) => {
    const context = contextOf(self)
    const { app } = await context.loadApp()
    const { args, kwargs, ...others } = options
    const { id } = await app.sendTask(name, args, kwargs, others).catch(refuse)
    context.echo(id)
  })
}

/** What was typed does not fit the task: where in this program that was noticed is nothing to know. */
function refuse(error: unknown): never {
  if (!(error instanceof TypeError || error instanceof RangeError)) throw error
  throw new CliError(`${error.name}: ${error.message}`, { cause: error })
}

function addCallingOptions(command: Command): void {
  const group = 'Calling:'
  const none: readonly unknown[] = []
  addOption(command, {
    group,
    flags: '-a, --args <list>',
    help: 'positional arguments, in JSON',
    parse: jsonList,
    default: none,
  })
  addOption(command, {
    group,
    flags: '-k, --kwargs <dict>',
    help: 'named arguments, in JSON',
    parse: jsonDict,
    default: {},
  })
  addOption(command, {
    group,
    flags: '--eta <moment>',
    help: 'when it may run at the earliest, in ISO 8601',
    parse: isoDate,
  })
  addOption(command, {
    group,
    flags: '--countdown <seconds>',
    help: 'in how many seconds it may run at the earliest',
    parse: seconds,
  })
  addOption(command, {
    group,
    flags: '--expires <moment>',
    help: 'when it must not begin any more: a moment in ISO 8601, or seconds from now',
    parse: isoDateOrSeconds,
  })
  addOption(command, { group, flags: '--serializer <name>', help: 'serializer (default: task_serializer)' })
}
