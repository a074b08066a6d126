import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import path from 'node:path'
import { CliError, EXIT } from './exit-code.ts'

/**
 * Writes the id of this process into a file that no second process can have: the text `pid` and a line break, mode
 * 0644. One left behind by a process that runs no more is taken over. Celery: `create_pidlock`.
 *
 * @param warn told when a pidfile is taken over.
 * @returns the function that removes it; it does so as well when the process exits.
 * @throws CliError, with exit code 73, when another process has it or it can't be made.
 */
export function createPidfile(file: string, warn: (message: string) => void): () => void {
  const absolute = path.resolve(file)
  const holder = readPid(absolute)
  if (holder !== undefined) {
    if (holder !== 'broken' && isRunning(holder)) {
      throw new CliError(
        `ERROR: Pidfile (${file}) already exists.\nSeems we're already running? (pid: ${holder})`,
        { exitCode: EXIT.cantCreate },
      )
    }
    warn(`${holder === 'broken' ? 'Broken' : 'Stale'} pidfile exists - Removing it.`)
    unlinkSync(absolute)
  }
  write(absolute)
  const remove = (): void => {
    process.off('exit', remove)
    if (readPid(absolute) === process.pid) unlinkSync(absolute)
  }
  process.once('exit', remove)
  return remove
}

function write(file: string): void {
  try {
    const descriptor = openSync(file, 'wx', 0o644)
    writeSync(descriptor, `${process.pid}\n`)
    closeSync(descriptor)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(`Cannot write the pidfile ${file}: ${reason}`, { exitCode: EXIT.cantCreate, cause })
  }
}

/** The process id in a pidfile; undefined: there is no such file. The line break at the end belongs to it. */
export function readPid(file: string): number | 'broken' | undefined {
  try {
    const match = /^(\d+)\n/.exec(readFileSync(file, 'utf8'))
    return match === null ? 'broken' : Number(match[1])
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Whether a process runs that isn't this one (which may well have the id of its predecessor in a container). */
function isRunning(pid: number): boolean {
  if (pid === process.pid || pid === 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // No such process, or one of somebody else's that can't be ours. As in Celery.
    return false
  }
}
