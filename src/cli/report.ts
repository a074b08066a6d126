/** `celery report`. */

import { Command } from 'commander'
import { bugReport } from '../app/bug-report.ts'
import type { CliContext } from './cli-context.ts'
import { environmentNote } from './options.ts'

/** Declares the command. */
export function reportCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('report').description(
    'Print versions, platform and settings (without passwords), as reports of bugs should have them.',
  )
  command.addHelpText('after', () => environmentNote(command))
  return command.action(async (_options: object, self: Command) => {
    const context = contextOf(self)
    const { app, reference } = await context.loadApp()
    await app.loadModules()
    context.echo(bugReport(app, reference))
  })
}
