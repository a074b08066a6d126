import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Folders with programs that an ordinary user has not in PATH. */
const MORE_FOLDERS: readonly string[] = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin']

/** The full path of a program, or undefined when it isn't installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...MORE_FOLDERS]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/**
 * Test options that skip a test when a server is not installed: `test('…', needs('redis-server'), async (t) => …)`.
 * Under `CI` nothing is skipped: the launcher then fails with a message.
 */
export function needs(...programs: readonly string[]): { skip: string | false } {
  const missing = programs.filter((program) => !findProgram(program))
  return { skip: missing.length > 0 && !isCi() ? `${missing.join(' and ')} not installed` : false }
}

/** The path of a program that has to be there. */
export function requireProgram(name: string): string {
  const path = findProgram(name)
  if (!path) {
    throw missingProgram(name)
  }
  return path
}

function missingProgram(name: string): Error {
  return new Error(
    `${name} is not installed, and this test needs it. On Debian, as root, \`npm test\` installs it; ` +
      'elsewhere install it with the package manager of the system.',
  )
}

function isCi(): boolean {
  return Boolean(process.env['CI'])
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
