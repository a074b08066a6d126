import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'
import { CliError } from './exit-code.ts'

/** What is started in the background. */
export interface DetachOptions {
  /** The whole command line, without the program. */
  readonly argv: readonly string[]
  /** Gets what the process prints; undefined: nobody does. */
  readonly logfile: string | undefined
  /** Program to run instead of this Node. */
  readonly executable: string | undefined
}

/** Options that ask for a detached process; the process itself isn't given them. */
const DETACHING = new Set(['-D', '--detach'])

/**
 * Runs the command again as a process of its own that outlives this one and its terminal. Celery: `--detach`.
 *
 * @returns its process id.
 * @throws CliError when it can't be started.
 */
export async function detach({ argv, logfile, executable }: DetachOptions): Promise<number> {
  const output = logfile === undefined ? 'ignore' : openForOutput(logfile)
  const child = spawn(
    executable ?? process.execPath,
    [...process.execArgv, ...argv.filter((word) => !DETACHING.has(word))],
    { detached: true, stdio: ['ignore', output, output] },
  )
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(`Cannot start the process in the background: ${reason}`, { cause })
  } finally {
    if (typeof output === 'number') closeSync(output)
  }
  child.unref()
  return child.pid ?? 0
}

/** What the process prints before its log is set up shouldn't be lost, nor should a file that can't be written. */
function openForOutput(file: string): number {
  try {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true })
    return openSync(file, 'a')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(`Cannot write the log file ${file}: ${reason}`, { cause })
  }
}
