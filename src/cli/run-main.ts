/** The command line as a process: its streams, its warnings, its end. */

import { processIo } from './process-io.ts'
import { runProgram } from './program.ts'

/** Runs the command line of this process, and ends it even if something of the user's is still open. */
export async function main(argv: readonly string[]): Promise<void> {
  hideExperimentalWarnings()
  const code = await runProgram(argv, processIo())
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  process.exit(code)
}

/** Node 22 calls experimental what the embedded broker and `.ts` modules need; nobody can do anything about it. */
function hideExperimentalWarnings(): void {
  const emit = process.emitWarning.bind(process)
  const hidden = /SQLite|Type Stripping|execve/i
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (hidden.test(String(warning)) && rest.flat().some(isExperimental)) return
    Reflect.apply(emit, process, [warning, ...rest])
  }
}

function isExperimental(value: unknown): boolean {
  if (value === 'ExperimentalWarning') return true
  return (
    typeof value === 'object' && value !== null && 'type' in value && value.type === 'ExperimentalWarning'
  )
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}
