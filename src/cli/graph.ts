/** `celery graph`. */

import { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { CliError, EXIT } from './exit-code.ts'

const PARTS: readonly string[] = ['worker', 'consumer']

/** Declares the command. */
export function graphCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('graph').description('Draw graphs, in the language of Graphviz.')
  const bootsteps = new Command('bootsteps')
    .description('What a worker starts, and in which order: its own parts, and the steps of app.steps.')
    .argument('[parts...]', 'worker, consumer, or both (default)')
    .action(async (parts: readonly string[], _options: object, self: Command) => {
      await printBootsteps(contextOf(self), parts)
    })
  bootsteps.addHelpText(
    'after',
    '\nExamples:\n  $ celery -A tasks graph bootsteps | dot -Tpng -o bootsteps.png',
  )
  return command.addCommand(bootsteps)
}

async function printBootsteps(context: CliContext, parts: readonly string[]): Promise<void> {
  const unknown = parts.find((part) => !PARTS.includes(part.toLowerCase()))
  if (unknown !== undefined) {
    throw new CliError(`'${unknown}' is no part of a worker: give worker, consumer, or nothing for both`, {
      exitCode: EXIT.usage,
    })
  }
  const { app } = await context.loadApp()
  await app.loadModules()
  const { workerGraph } = await import('../worker/worker-graph.ts')
  const wants = (part: string): boolean =>
    parts.length === 0 || parts.some((one) => one.toLowerCase() === part)
  context.io.out(workerGraph(app.steps, { worker: wants('worker'), consumer: wants('consumer') }))
}
