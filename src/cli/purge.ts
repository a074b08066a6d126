/** `celery purge`. */

import { Command } from 'commander'
import { pluralise } from '../util/text.ts'
import type { CliContext } from './cli-context.ts'
import { CliError } from './exit-code.ts'
import { commaList, someNames } from './option-values.ts'
import { addOption, environmentNote } from './options.ts'

interface PurgeOptions {
  readonly force?: boolean
  readonly queues?: readonly string[]
  readonly excludeQueues?: readonly string[]
}

/** Declares the command. */
export function purgeCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('purge').description(
    'Remove all waiting messages from the queues of tasks. They are gone: there is no undo.',
  )
  const group = 'Purging:'
  addOption(command, { group, flags: '-f, --force', help: "don't ask" })
  addOption(command, {
    group,
    flags: '-Q, --queues <names>',
    help: 'queues to empty (default: all that are configured)',
    parse: someNames,
  })
  addOption(command, {
    group,
    flags: '-X, --exclude-queues <names>',
    help: 'queues to leave alone',
    parse: commaList,
  })
  command.addHelpText('after', () => environmentNote(command))
  return command.action(async (options: PurgeOptions, self: Command) => await purge(contextOf(self), options))
}

async function purge(context: CliContext, options: PurgeOptions): Promise<void> {
  const { app } = await context.loadApp()
  await app.loadModules()
  const { queues = [], excludeQueues = [] } = options
  const names = app
    .consumedQueues({ select: queues, exclude: excludeQueues })
    .map(({ name }) => name)
    .toSorted()
  if (names.length === 0) return
  if (!options.force) await confirm(context, names)
  let total = 0
  for (const name of names) {
    const count = await app.purge([name])
    total += count
    if (count > 0 && names.length > 1) context.echo(`${name}: ${pluralise(count, 'message')}`)
  }
  const known = pluralise(names.length, 'known task queue')
  context.echo(
    total > 0 ? `Purged ${pluralise(total, 'message')} from ${known}.` : `No messages purged from ${known}.`,
  )
}

async function confirm(context: CliContext, names: readonly string[]): Promise<void> {
  const warning = context.style(['red', 'bold'], 'WARNING')
  const answer = await context.io.ask(
    `${warning}: This will remove all tasks from ${pluralise(names.length, 'queue')}: ${names.join(', ')}.\n` +
      '         There is no undo for this operation!\n\n' +
      '(to skip this prompt use the -f option)\nAre you sure you want to delete all tasks? [y/N]: ',
  )
  if (answer === undefined)
    throw new CliError('Nobody is there to answer; use -f to purge without being asked')
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new CliError('Aborted!')
}
