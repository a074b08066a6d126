/** Importing the user's modules, so that their tasks are registered. */
import path from 'node:path'
import { ImproperlyConfigured } from '../errors.ts'
import { importReference, resolveModule } from '../util/modules.ts'

/** Packages in which tasks are looked for. Celery: `autodiscover_tasks`. */
export interface Discovery {
  readonly packages: readonly string[] | (() => readonly string[])
  /** Module of each package; null: the package itself. */
  readonly relatedName: string | null
}

/**
 * Imports a module by name: a file (its extension may be left out), a package, or a path in Python's notation
 * (`proj.tasks`), looked for from the working folder.
 * @throws ImproperlyConfigured when there is none; what the module throws.
 */
export async function importModule(
  name: string,
  option: string,
  cwd: string = process.cwd(),
): Promise<unknown> {
  return importReference(findModule(name, cwd) ?? name, { option, cwd })
}

/** Imports the task modules of packages. A package without one is passed over; errors inside of one are not. */
export async function discover(
  { packages, relatedName }: Discovery,
  cwd: string = process.cwd(),
): Promise<void> {
  const names = typeof packages === 'function' ? packages() : packages
  for (const name of names) {
    const found = findModule(relatedName === null ? name : `${name}/${relatedName}`, cwd)
    if (found !== undefined) await importReference(found, { option: 'autodiscoverTasks', cwd })
    else if (relatedName === null) {
      throw new ImproperlyConfigured(
        `autodiscoverTasks: there is no module '${name}' (looked for from ${cwd})`,
      )
    }
  }
}

/** Where a module is; undefined: nowhere that we know of. */
function findModule(name: string, cwd: string): string | undefined {
  const dotted = /^[\w$]+(?:\.[\w$]+)+(?:\/[\w$]+)?$/.test(name) ? name.replaceAll('.', '/') : undefined
  for (const candidate of [name, dotted]) {
    if (candidate === undefined) continue
    const specifier = resolveModule(candidate, cwd)
    const missing =
      specifier === candidate || (specifier.startsWith('file:') && path.extname(specifier) === '')
    if (!missing) return specifier
  }
  return undefined
}
