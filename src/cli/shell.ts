/** `celery shell`. */

import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { start } from 'node:repl'
import { PassThrough } from 'node:stream'
import { Command } from 'commander'
import type { Celery } from '../app/celery.ts'
import { chord } from '../canvas/chord.ts'
import { chain } from '../canvas/compose-chain.ts'
import { group } from '../canvas/group.ts'
import { chunks, xmap, xstarmap } from '../task/item-calls.ts'
import { Deferred } from '../util/deferred.ts'
import type { CliContext } from './cli-context.ts'
import { EXIT } from './exit-code.ts'
import { addOption, environmentNote } from './options.ts'

interface ShellOptions {
  readonly withoutTasks?: boolean
  readonly python?: boolean
  readonly ipython?: boolean
  readonly bpython?: boolean
  readonly eventlet?: boolean
  readonly gevent?: boolean
}

/** Declares the command. */
export function shellCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('shell').description(
    "Start Node's shell with the app, its tasks and the canvas at hand. Statements may wait (await).",
  )
  const group = 'Shell:'
  addOption(command, { group, flags: '-T, --without-tasks', help: 'leave the tasks out' })
  for (const flags of ['-I, --ipython', '-B, --bpython', '--python', '--eventlet', '--gevent']) {
    addOption(command, { group, flags, help: "has no effect: Node's shell is the one there is" })
  }
  command.addHelpText(
    'after',
    () => `
At hand are app (also called celery), tasks (all of them, by name), each task by the last part of its name, and
chain, group, chord, chunks, xmap, xstarmap, signature, subtask.

Examples:
  $ celery -A tasks shell
  > await add.delay(2, 2).get()
  $ echo 'await group([add.s(1, 1), add.s(2, 2)]).delay().get()' | celery -A tasks shell
${environmentNote(command)}`,
  )
  return command.action(async (options: ShellOptions, self: Command) => await shell(contextOf(self), options))
}

async function shell(context: CliContext, options: ShellOptions): Promise<void> {
  const { app } = await context.loadApp()
  await app.loadModules()
  const absent = (['ipython', 'bpython', 'eventlet', 'gevent'] as const).find((name) => options[name])
  if (absent !== undefined) context.io.err(`--${absent}: the shell here is Node's\n`)
  const symbols = shellSymbols(app, { tasks: options.withoutTasks !== true })
  if (context.io.outIsTerminal && process.stdin.isTTY) {
    const server = start({ prompt: 'celery> ', useGlobal: true })
    Object.assign(server.context, symbols)
    await once(server, 'exit')
  } else if (!(await runLines(symbols, context.io.err))) context.exitCode = EXIT.failure
}

/** Runs standard input line by line, each when the one before is done. Answers whether none failed. */
async function runLines(
  symbols: Readonly<Record<string, unknown>>,
  complain: (text: string) => void,
): Promise<boolean> {
  const input = new PassThrough()
  const server = start({ prompt: '', input, output: process.stdout, useGlobal: true, ignoreUndefined: true })
  Object.assign(server.context, symbols)
  const exit = once(server, 'exit')
  const prompt = server.displayPrompt.bind(server)
  let succeeded = true
  let ready = new Deferred()
  server.displayPrompt = (preserveCursor) => {
    prompt(preserveCursor)
    ready.resolve()
  }
  let over = false
  void exit.then(() => {
    over = true
  })
  for await (const line of createInterface({ input: process.stdin })) {
    ready = new Deferred()
    input.write(`${line}\n`)
    await Promise.race([ready.promise, exit])
    succeeded &&= server.lastError === undefined
    if (over) break
  }
  // The shell asks for more of a statement with another prompt.
  if (!over && server.getPrompt() !== '') {
    complain('\nThe input ends within a statement, which did not run\n')
    succeeded = false
  }
  input.end()
  await exit
  return succeeded
}

/**
 * What is at hand in the shell. A task that is called like something that is built in, here or in JavaScript, is found
 * in `tasks` alone.
 */
function shellSymbols(app: Celery, wanted: { readonly tasks: boolean }): Record<string, unknown> {
  const names = wanted.tasks ? app.tasks.names().filter((name) => !(shortName(name) in globalThis)) : []
  const signature = app.signature.bind(app)
  return {
    ...Object.fromEntries(names.map((name) => [shortName(name), app.tasks.get(name)])),
    ...{ app, celery: app, tasks: app.tasks },
    ...{ chain, chord, group, chunks, xmap, xstarmap, signature, subtask: signature },
  }
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
