import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { CliError } from './exit-code.ts'
import { readPid } from './pidfile.ts'

/** What is started in the background. */
export interface DetachOptions {
  /** The whole command line, without the program. */
  readonly argv: readonly string[]
  /** Gets what the process prints; undefined: nobody does. */
  readonly logfile: string | undefined
  /** The file in which it writes its process id. With it, this process waits until it has. */
  readonly pidfile: string | undefined
  /** Program to run instead of this Node. */
  readonly executable: string | undefined
}

/** Options that ask for a detached process; the process itself isn't given them. */
const DETACHING = new Set(['-D', '--detach'])
/** Milliseconds between two looks for the pid file. */
const LOOK = 50

/**
 * Runs the command again as a process of its own that outlives this one and its terminal. Celery: `--detach`.
 *
 * @returns its process id.
 * @throws CliError when it can't be started, or ends before it has its pid file (then with its exit code).
 */
export async function detach({ argv, logfile, pidfile, executable }: DetachOptions): Promise<number> {
  const before = pidfile === undefined ? undefined : readPid(path.resolve(pidfile))
  const output = logfile === undefined ? 'ignore' : openForOutput(logfile)
  const child = spawn(
    executable ?? process.execPath,
    [...process.execArgv, ...argv.filter((word) => !DETACHING.has(word))],
    // The variable stops those that are asked by `-DE` or the environment to detach.
    { detached: true, stdio: ['ignore', output, output], env: { ...process.env, C_FAKEFORK: '1' } },
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
  if (pidfile !== undefined) await untilWritten(child, pidfile, before, logfile)
  child.unref()
  return child.pid ?? 0
}

/** A process that has its pid file is on its way: it can be stopped, and no second one starts. */
async function untilWritten(
  child: ChildProcess,
  pidfile: string,
  before: ReturnType<typeof readPid>,
  logfile: string | undefined,
): Promise<void> {
  for (;;) {
    const pid = readPid(path.resolve(pidfile))
    if (pid === child.pid || (typeof pid === 'number' && pid !== before)) return
    if (child.exitCode !== null || child.signalCode !== null) {
      const where = logfile === undefined ? '' : `; ${logfile} may say why`
      throw new CliError(
        `The process in the background ended at once (${child.signalCode ?? child.exitCode})${where}`,
        { exitCode: child.exitCode || 1 },
      )
    }
    await pause(LOOK)
  }
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
