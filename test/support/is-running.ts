import { readFileSync } from 'node:fs'

/**
 * Whether a process runs. One that has ended and was not waited for by its parent does not: where process 1 of a
 * container waits for nobody, orphans stay like that for ever.
 */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
  return process.platform !== 'linux' || stateOf(pid) !== 'Z'
}

/** The letter in `/proc/<pid>/stat`; Z when it has gone meanwhile. */
function stateOf(pid: number): string | undefined {
  try {
    // The name of the program stands in parentheses before it, and may have some itself.
    return /^.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
  } catch (error) {
    // ESRCH: it went while the file was read.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) {
      return 'Z'
    }
    throw error
  }
}
