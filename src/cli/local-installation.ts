import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/**
 * The command of the copy of this package that is installed for a folder, if it is another one than this.
 *
 * A command that was installed globally must not run an app that was made by the project's own copy: two copies of a
 * package don't know each other's classes.
 *
 * @returns what to import; undefined: this is the right copy, or the only one.
 */
export function findLocalCommand(cwd: string, ownUrl: string = import.meta.url): string | undefined {
  const manifest = findManifest(cwd)
  if (manifest === undefined) return undefined
  const own = realpathSync(fileURLToPath(new URL('../..', ownUrl)))
  const local = realpathSync(path.dirname(manifest))
  const command = path.join(local, 'dist/cli/main.js')
  return local !== own && existsSync(command) ? pathToFileURL(command).href : undefined
}

function findManifest(cwd: string): string | undefined {
  try {
    return createRequire(path.join(cwd, 'noop.js')).resolve('celeriac/package.json')
  } catch {
    // Not installed for that folder.
    return undefined
  }
}
