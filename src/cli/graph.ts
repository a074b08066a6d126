/** `celery graph`. */

import { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { CliError, EXIT } from './exit-code.ts'
import { drawWorkers, workersPicture } from './graph-workers.ts'

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
  const workers = new Command('workers')
    .description('The workers, their processes, and the broker and backend they are connected to.')
    .argument(
      '[words...]',
      'nodes:a,b threads:2,2 (default: ask those that are online), wmax:4, tmax:3, generic, enumerate, ' +
        'backend:<url>, broker:<url>',
    )
    .action(async (words: readonly string[], _options: object, self: Command) => {
      const context = contextOf(self)
      const { app } = await context.loadApp()
      context.io.out(drawWorkers(await workersPicture(app, words)))
    })
  workers.addHelpText('after', '\nExamples:\n  $ celery -A tasks graph workers | dot -Tpng -o workers.png')
  return command.addCommand(bootsteps).addCommand(workers)
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
