/** `celery logtool`. */

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { CliError } from './exit-code.ts'
import { LogAudit } from './logtool/log-audit.ts'
import { environmentNote } from './options.ts'

type Print = (text: string) => void

interface LogCommand {
  readonly name: string
  readonly help: string
  /** @returns the audit that is fed; `end` prints what there is to say after the last line. */
  readonly start: (print: Print) => { readonly audit: LogAudit; readonly end?: () => void }
}

const COMMANDS: readonly LogCommand[] = [
  {
    name: 'stats',
    help: 'count the tasks, by how they ended and by name',
    start: (print) => {
      const audit = new LogAudit()
      return { audit, end: () => print(audit.report()) }
    },
  },
  {
    name: 'traces',
    help: 'print the stacks of errors, with the line before each',
    start: (print) => ({ audit: new LogAudit({ onTrace: print }) }),
  },
  {
    name: 'errors',
    help: 'print the lines of tasks that failed',
    start: (print) => ({ audit: new LogAudit({ onError: print }) }),
  },
  {
    name: 'incomplete',
    help: 'print the ids of tasks that were received and did not end',
    start: (print) => {
      const audit = new LogAudit()
      const end = (): void => {
        for (const id of audit.incomplete()) print(`Did not complete: ${id}`)
      }
      return { audit, end }
    },
  },
  {
    name: 'debug',
    help: 'print the lines that are about no task',
    start: (print) => ({ audit: new LogAudit({ onOther: print }) }),
  },
]

/** Declares the command. */
export function logtoolCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('logtool').description(
    "Look for something in the logs of workers, Python's included.",
  )
  for (const { name, help, start } of COMMANDS) {
    const part = new Command(name)
      .description(`${help.charAt(0).toUpperCase()}${help.slice(1)}.`)
      .argument('[files...]', 'log files, in the order in which they were written (default: standard input)')
      .action(async (files: readonly string[], _options: object, self: Command) => {
        const context = contextOf(self)
        const { audit, end } = start((text) => context.echo(text))
        for await (const line of linesOf(files)) audit.feed(line)
        end?.()
      })
    command.addCommand(part)
  }
  command.addHelpText(
    'after',
    () => `
Examples:
  $ celery logtool stats worker1.log worker2.log
  $ journalctl -u celery -o cat | celery logtool incomplete
${environmentNote(command)}`,
  )
  return command
}

async function* linesOf(files: readonly string[]): AsyncGenerator<string> {
  const sources = files.length === 0 ? ['-'] : files
  for (const file of sources) {
    const input = file === '-' ? process.stdin : createReadStream(file, 'utf8')
    try {
      yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new CliError(`Cannot read the log ${file}: ${reason}`, { cause })
    }
  }
}
