/** `celery result`. */

import { inspect } from 'node:util'
import { Command } from 'commander'
import type { AsyncResult } from '../result/async-result.ts'
import { didYouMean } from '../util/text.ts'
import type { CliContext } from './cli-context.ts'
import { CliError } from './exit-code.ts'
import { addOption, environmentNote } from './options.ts'

interface ResultOptions {
  readonly task?: string
  readonly traceback?: boolean
}

/** Declares the command. */
export function resultCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('result')
    .description(
      'Wait for the result of a task, and print it. A task that failed ends the command with its error.',
    )
    .argument('<task_id>', 'id of the task, as `celery call` prints it')
  const group = 'Result:'
  addOption(command, {
    group,
    flags: '-t, --task <name>',
    help: 'name of the task, if it keeps its results in a backend of its own',
  })
  addOption(command, {
    group,
    flags: '--traceback',
    help: 'print the stack of the error instead, without waiting',
  })
  command.addHelpText('after', () => environmentNote(command))
  return command.action(async (id: string, options: ResultOptions, self: Command) => {
    const context = contextOf(self)
    const { app } = await context.loadApp()
    await app.loadModules()
    const { task } = options
    if (task !== undefined && app.tasks.get(task) === undefined) {
      throw new CliError(`There is no task '${task}'${didYouMean(task, app.taskNames)}`)
    }
    const result = app.asyncResult(id)
    const value = options.traceback ? await result.traceback() : await taskValue(result)
    context.echo(
      typeof value === 'string' ? value : inspect(value ?? null, { depth: null, maxArrayLength: null }),
    )
  })
}

/** The value; a task that failed ends the command with its error, of which the stack here is no part. */
async function taskValue(result: AsyncResult): Promise<unknown> {
  try {
    return await result.get()
  } catch (cause) {
    if (result.settled === undefined) throw cause
    throw new CliError(String(cause), { cause })
  }
}
