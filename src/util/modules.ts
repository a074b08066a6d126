/** Loading code by name: optional packages, and what a setting or a command line refers to. */

import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ImproperlyConfigured } from '../errors.ts'
import { didYouMean } from './text.ts'

/** Why an optional package is needed and how to get it. */
export interface OptionalImport<Module> {
  /** Begins the error message, e.g. `The broker redis://…`. */
  readonly neededFor: string
  /** Loads it, written as `() => import('ioredis')` so that the compiler knows its type. */
  readonly load: () => Promise<Module>
  /** What to tell npm to install; default the package's own name. */
  readonly install?: string
}

/**
 * Imports a package that users install only if they need it.
 *
 * @throws ImproperlyConfigured when it is not installed: `… needs the package "ioredis": npm install ioredis`.
 */
export async function importOptional<Module>(
  packageName: string,
  { neededFor, load, install = packageName }: OptionalImport<Module>,
): Promise<Module> {
  try {
    return await load()
  } catch (cause) {
    if (!isMissing(cause, packageName)) throw cause
    throw new ImproperlyConfigured(
      `${neededFor} needs the package "${packageName}": npm install ${install}`,
      { cause },
    )
  }
}

/** Whether an error says that this very package is missing, rather than something that the package itself imports. */
function isMissing(error: unknown, packageName: string): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') return false
  return error.message.includes(`'${packageName}'`) || error.message.includes(`'${packageName}/`)
}

/** A reference to something that a module exports. */
export interface ExportReference {
  /** Package name, file path or URL. */
  readonly module: string
  /** Name of the export; undefined: none was given. */
  readonly name: string | undefined
}

/** Splits `module#export` (or Python's `module:export`). */
export function parseReference(reference: string): ExportReference {
  const hash = reference.lastIndexOf('#')
  if (hash >= 0) return { module: reference.slice(0, hash), name: reference.slice(hash + 1) || undefined }
  // Not the colon of `node:fs`, `file:///…` or `C:\…`.
  const match = /^(?!node:|data:|[A-Za-z]:[\\/])(.+):([\p{ID_Start}$_][\p{ID_Continue}$]*)$/u.exec(reference)
  const [, module = reference, name] = match ?? []
  return { module, name }
}

/** How `importReference` looks for things. */
export interface ImportReferenceOptions {
  /** Names the setting or option for the error message, e.g. `beatScheduler`. */
  readonly option: string
  /** Folder that relative paths and packages are looked up from; default the working folder. */
  readonly cwd?: string
}

/**
 * Loads what `module#export` refers to; without an export the module's default export, or else the module itself.
 *
 * @throws ImproperlyConfigured when there is no such module or export.
 */
export async function importReference(
  reference: string,
  { option, cwd = process.cwd() }: ImportReferenceOptions,
): Promise<unknown> {
  const { module, name } = parseReference(reference)
  const specifier = resolveModule(module, cwd)
  let loaded: Record<string, unknown>
  try {
    loaded = await import(specifier)
  } catch (cause) {
    if (!isMissing(cause, module) && !isMissingFile(cause, specifier)) throw cause
    throw new ImproperlyConfigured(`${option}: there is no module '${module}' (looked for from ${cwd})`, {
      cause,
    })
  }
  return exportOf(loaded, { module, name }, option)
}

/**
 * The same without waiting, for places that cannot.
 *
 * @throws ImproperlyConfigured when there is no such module or export, or it waits (`await`) while it is loaded.
 */
export function requireReference(
  reference: string,
  { option, cwd = process.cwd() }: ImportReferenceOptions,
): unknown {
  const { module, name } = parseReference(reference)
  const specifier = resolveModule(module, cwd)
  try {
    const file = specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier
    const loaded: Record<string, unknown> = createRequire(path.join(cwd, 'noop.js'))(file)
    return exportOf(loaded, { module, name }, option)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'MODULE_NOT_FOUND' && !existsSync(module)) {
      throw new ImproperlyConfigured(`${option}: there is no module '${module}' (looked for from ${cwd})`, {
        cause,
      })
    }
    if (code !== 'ERR_REQUIRE_ASYNC_MODULE') throw cause
    throw new ImproperlyConfigured(
      `${option}: '${module}' waits (await) while it is loaded: import it yourself, and hand over what it exports`,
      { cause },
    )
  }
}

function exportOf(
  loaded: Readonly<Record<string, unknown>>,
  { module, name }: ExportReference,
  option: string,
): unknown {
  if (name === undefined) return 'default' in loaded ? loaded['default'] : loaded
  if (!(name in loaded)) {
    throw new ImproperlyConfigured(
      `${option}: '${module}' exports no '${name}'${didYouMean(name, Object.keys(loaded))}`,
    )
  }
  return loaded[name]
}

function isMissingFile(error: unknown, specifier: string): boolean {
  if (!(error instanceof Error) || !('code' in error) || !('url' in error)) return false
  return error.code === 'ERR_MODULE_NOT_FOUND' && error.url === specifier
}

const EXTENSIONS = ['', '.ts', '.mts', '.js', '.mjs', '.cjs', '.cts', '/index.ts', '/index.js', '/index.mjs']

/**
 * What to give to `import()` for a file or package named by a user: a file relative to `cwd` wins (the extension may
 * be left out), then a package installed there, then the text as it is.
 */
export function resolveModule(module: string, cwd: string): string {
  if (/^(?:node|file|data):/.test(module)) return module
  for (const extension of EXTENSIONS) {
    const file = path.resolve(cwd, module + extension)
    if (existsSync(file) && statSync(file).isFile()) return pathToFileURL(file).href
  }
  if (/^\.{0,2}\//.test(module)) return pathToFileURL(path.resolve(cwd, module)).href
  try {
    const found = createRequire(path.join(cwd, 'noop.js')).resolve(module)
    return path.isAbsolute(found) ? pathToFileURL(found).href : module
  } catch {
    // Packages that can only be imported, and those that are installed beside Celeriac instead of beside the user.
    return module
  }
}
