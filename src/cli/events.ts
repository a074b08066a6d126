/** `celery events`. */

import { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { addDaemonOptions } from './daemon-options.ts'
import { logLevel, seconds } from './option-values.ts'
import { addOption, environmentNote } from './options.ts'
import type { EventsCommandOptions } from './run-events.ts'

/** Declares the command. */
export function eventsCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('events').description(
    'Watch workers and tasks, if the workers send events (celery worker -E): on the screen, line by line, or by a camera.',
  )
  addOption(command, { group: 'Dumper:', flags: '--dump', help: 'print a line for each event' })
  addCameraOptions(command)
  addDaemonOptions(command, 'events')
  command.addHelpText(
    'after',
    () => `
Examples:
  $ celery -A tasks events
  $ celery -b redis://localhost events --dump
  $ celery -A tasks events --camera ./cam.ts#DumpCam --frequency 2 --detach --pidfile=/run/celery/cam.pid
${environmentNote(command)}`,
  )
  return command.action(async (options: EventsCommandOptions, self: Command) => {
    const { runEvents } = await import('./run-events.ts')
    await runEvents(contextOf(self), options)
  })
}

function addCameraOptions(command: Command): void {
  const group = 'Snapshots:'
  addOption(command, {
    group,
    flags: '-c, --camera <class>',
    help: 'take pictures of the state with this class: module#Class',
  })
  addOption(command, { group, flags: '--detach', help: 'run the camera in the background' })
  addOption(command, { group, flags: '-d', help: 'the same as --detach with a camera, else as --dump' })
  addOption(command, {
    group,
    flags: '-F, --frequency <seconds>',
    aliases: ['--freq'],
    help: 'time between two pictures',
    parse: seconds,
    default: '1.0',
  })
  addOption(command, {
    group,
    flags: '-r, --maxrate <rate>',
    help: 'most pictures, whatever the frequency: 10/s, 10/m, 10/h',
  })
  addOption(command, {
    group,
    flags: '-l, --loglevel <level>',
    help: 'least severity that is logged: DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL',
    parse: logLevel,
    default: 'WARNING' as const,
  })
}
