/** `celery beat`. */

import { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { addDaemonOptions } from './daemon-options.ts'
import { logLevel, positiveInteger } from './option-values.ts'
import { addOption, environmentNote } from './options.ts'
import type { BeatCommandOptions } from './run-beat.ts'

/** Declares the command. */
export function beatCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('beat')
    .description('Send periodic tasks when they are due, until it is told to stop.')
    .argument('[settings...]', 'settings for this beat, as key=value: beat.max_loop_interval=5')
  const group = 'Beat:'
  addOption(command, { group, flags: '--detach', help: 'run in the background' })
  addOption(command, {
    group,
    flags: '-s, --schedule <file>',
    help: 'where it remembers what ran: a file, or the URL of a Redis (default: celerybeat-schedule)',
  })
  addOption(command, {
    group,
    flags: '-S, --scheduler <class>',
    help: 'the scheduler: file, redis, memory, or module#Class (default: file)',
  })
  addOption(command, {
    group,
    flags: '--max-interval <seconds>',
    help: 'longest sleep between two looks at the schedule',
    parse: positiveInteger,
  })
  addOption(command, {
    group,
    flags: '-l, --loglevel <level>',
    help: 'least severity that is logged: DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL',
    parse: logLevel,
    default: 'WARNING' as const,
  })
  addDaemonOptions(command, 'beat')
  command.addHelpText(
    'after',
    () => `
Examples:
  $ celery -A tasks beat -l INFO
  $ celery -A tasks beat -s /var/lib/celery/schedule --pidfile=/run/celery/beat.pid
  $ celery -A tasks beat -S redis

Several beats may share a schedule: one of them sends, the others stand by and take over.

Signals:
  TERM, INT    note what ran, then exit
${environmentNote(command)}`,
  )
  return command.action(async (settings: string[], options: BeatCommandOptions, self: Command) => {
    const { runBeat } = await import('./run-beat.ts')
    await runBeat(contextOf(self), options, settings)
  })
}
