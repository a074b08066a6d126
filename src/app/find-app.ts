/**
 * From the name of a module to the app in it: what stands after `-A`, and what child processes are told.
 * Celery: `celery.app.utils.find_app`.
 *
 * `module`, `module:attribute` or `module#attribute`, where a module is a file (with or without its extension), a
 * folder, a package, or a path in Python's notation (`proj.tasks`), looked for from the working folder. In a module
 * the app is what is exported as `app` or `celery`; else, for a folder, what its module `celery`, `app` or `tasks` has;
 * else the first app that is exported, under whatever name.
 */

import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { ImproperlyConfigured } from '../errors.ts'
import { resolveModule } from '../util/modules.ts'
import { didYouMean } from '../util/text.ts'
import type { Celery } from './celery.ts'

/** An app and where it was found. */
export interface FoundApp {
  readonly app: Celery
  /** `module#export`, for child processes. */
  readonly reference: string
}

/** Why there is no app. */
export type AppLookupFailure =
  /** There is no such module; or only a folder, in which no module has an app. */
  | {
      readonly kind: 'no-module'
      readonly module: string
      readonly folder: string | undefined
      readonly cwd: string
    }
  /** The module was found but threw `error` when it was imported. */
  | { readonly kind: 'broken-module'; readonly module: string; readonly error: unknown }
  /** The module exports no app; or `attribute` is none, or is not there. */
  | {
      readonly kind: 'no-app'
      readonly module: string
      readonly attribute: string | undefined
      readonly attributeExists: boolean
      /** What the module exports besides its default. */
      readonly exports: readonly string[]
    }

/** What came of looking for an app. */
export type AppLookup = FoundApp | AppLookupFailure

type ModuleExports = Readonly<Record<string, unknown>>

/** A module that is there: what to import, and how people call it. */
interface FoundModule {
  readonly specifier: string
  readonly name: string
  /** The folder, if it is the index of one. */
  readonly folder: string | undefined
}

/** Exports that are looked at first. */
const USUAL_NAMES = ['app', 'celery'] as const
/** Modules of a folder in which an app may be. Celery knows the first. */
const USUAL_MODULES = ['celery', 'app', 'tasks'] as const

/** Ends a look-up from within. */
class Failed extends Error {
  readonly failure: AppLookupFailure

  constructor(failure: AppLookupFailure, options?: ErrorOptions) {
    super(failure.kind, options)
    this.failure = failure
  }
}

/**
 * Looks for the app; why there is none is part of the answer.
 * @param cwd folder from which it is looked for; default the working folder.
 */
export async function lookUpApp(reference: string, cwd: string = process.cwd()): Promise<AppLookup> {
  try {
    return await new AppFinder(cwd).find(reference)
  } catch (error) {
    if (error instanceof Failed) return error.failure
    throw error
  }
}

/**
 * Finds the app.
 * @param cwd folder from which it is looked for; default the working folder.
 * @throws ImproperlyConfigured when there is none; what the module throws.
 */
export async function findApp(reference: string, cwd?: string): Promise<FoundApp> {
  const lookup = await lookUpApp(reference, cwd)
  if ('app' in lookup) return lookup
  if (lookup.kind === 'broken-module') throw lookup.error
  throw new ImproperlyConfigured(describeFailure(lookup))
}

/** Says in a sentence why there is no app. */
export function describeFailure(
  failure: Exclude<AppLookupFailure, { readonly kind: 'broken-module' }>,
): string {
  if (failure.kind === 'no-module') {
    const { module, folder, cwd } = failure
    return folder === undefined
      ? `There is no module ${module}: looked for ${module}.ts, ${module}.js and the like, for a folder and for a package of that name, from ${cwd}`
      : `There is no module ${module}: the folder ${folder} has no module ${['index', ...USUAL_MODULES].join(', ')} with a Celery app`
  }
  const { module, attribute, attributeExists, exports } = failure
  const list = exports.length === 0 ? 'nothing' : exports.join(', ')
  if (attribute === undefined) return `The module ${module} exports no Celery app (it exports ${list})`
  if (attributeExists) return `${attribute} of the module ${module} is no Celery app`
  return `The module ${module} exports no ${attribute}${didYouMean(attribute, exports)} (it exports ${list})`
}

class AppFinder {
  readonly #cwd: string

  constructor(cwd: string) {
    this.#cwd = cwd
  }

  async find(reference: string): Promise<FoundApp> {
    const { module: name, attribute } = splitReference(reference)
    const module = this.#findModule(name)
    if (module !== undefined) {
      const found = await this.#lookInto(module, attribute)
      if (found !== undefined) return found
      throw await this.#noApp(module, attribute)
    }
    const folder = this.#findFolder(name)
    const inFolder = folder === undefined ? undefined : await this.#lookIntoFolder(folder, name, attribute)
    if (inFolder !== undefined) return inFolder
    const dotted = attribute === undefined ? await this.#findDottedAttribute(name) : undefined
    if (dotted !== undefined) return dotted
    throw new Failed({ kind: 'no-module', module: name, folder, cwd: this.#cwd })
  }

  /** A file, a package, or a path in Python's notation. */
  #findModule(name: string): FoundModule | undefined {
    for (const candidate of pathsOf(name)) {
      const specifier = resolveModule(candidate, this.#cwd)
      if (/^(?:node|data):/.test(specifier)) return { specifier, name, folder: undefined }
      if (!specifier.startsWith('file:')) continue
      const file = fileURLToPath(specifier)
      if (!isFile(file)) continue
      const isIndex = path.dirname(file) === path.resolve(this.#cwd, candidate)
      return { specifier, name, folder: isIndex ? path.dirname(file) : undefined }
    }
    return undefined
  }

  #findFolder(name: string): string | undefined {
    return pathsOf(name)
      .map((each) => path.resolve(this.#cwd, each))
      .find((folder) => existsSync(folder) && statSync(folder).isDirectory())
  }

  async #lookIntoFolder(
    folder: string,
    name: string,
    attribute: string | undefined,
  ): Promise<FoundApp | undefined> {
    for (const usual of USUAL_MODULES) {
      const specifier = resolveModule(path.join(folder, usual), this.#cwd)
      if (!isFile(fileURLToPath(specifier))) continue
      const found = await this.#lookInto(
        { specifier, name: `${name}/${usual}`, folder: undefined },
        attribute,
      )
      if (found !== undefined) return found
    }
    return undefined
  }

  /** `tasks.app`: the attribute of a module, in Python's notation. */
  async #findDottedAttribute(name: string): Promise<FoundApp | undefined> {
    const dot = name.lastIndexOf('.')
    if (dot <= 0) return undefined
    const module = this.#findModule(name.slice(0, dot))
    return module && (await this.#lookInto(module, name.slice(dot + 1)))
  }

  /** The app in a module. An index of a folder may leave it to other modules of the folder. */
  async #lookInto(module: FoundModule, attribute: string | undefined): Promise<FoundApp | undefined> {
    const exports = await this.#import(module)
    if (attribute !== undefined) {
      const value = valueAt(exports, attribute)
      if (isApp(value)) return { app: value, reference: `${module.specifier}#${attribute}` }
      return isModule(value) ? appAmong(value, module.specifier, `${attribute}.`) : undefined
    }
    const names = module.folder === undefined ? undefined : USUAL_NAMES
    const found = appAmong(exports, module.specifier, '', names)
    if (found !== undefined || module.folder === undefined) return found
    return (
      (await this.#lookIntoFolder(module.folder, module.name, undefined)) ??
      appAmong(exports, module.specifier)
    )
  }

  async #import({ specifier, name }: FoundModule): Promise<ModuleExports> {
    try {
      return withDefault(await import(specifier))
    } catch (error) {
      throw new Failed({ kind: 'broken-module', module: name, error }, { cause: error })
    }
  }

  async #noApp(module: FoundModule, attribute: string | undefined): Promise<Failed> {
    const exports = await this.#import(module)
    return new Failed({
      kind: 'no-app',
      module: module.name,
      attribute,
      attributeExists: attribute !== undefined && valueAt(exports, attribute) !== undefined,
      exports: Object.keys(exports).filter((name) => name !== 'default'),
    })
  }
}

/** Splits `module:attribute`, where the attribute may be a path (`config.app`); the colon of a drive is none. */
function splitReference(reference: string): {
  readonly module: string
  readonly attribute: string | undefined
} {
  const match = /^(?!(?:node|data):)(.{2,}|[^A-Za-z])[:#]([\p{ID_Start}$_][\p{ID_Continue}$.]*)$/u.exec(
    reference,
  )
  const [, module = reference, attribute] = match ?? []
  return { module, attribute }
}

/** A name as a path, and what it is as a path if it is in Python's notation. */
function pathsOf(name: string): string[] {
  return /^[\w$]+(?:\.[\w$]+)+$/.test(name) ? [name, name.replaceAll('.', '/')] : [name]
}

/** The exports of a module; those of a CommonJS module, whose names Node doesn't always know, included. */
function withDefault(exports: ModuleExports): ModuleExports {
  const inner = exports['default']
  const isCommonJs = 'module.exports' in exports || '__esModule' in exports
  return isCommonJs && typeof inner === 'object' && inner !== null ? { ...inner, ...exports } : exports
}

function valueAt(exports: ModuleExports, attribute: string): unknown {
  let value: unknown = exports
  for (const name of attribute.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Reflect.get(value, name)
  }
  return value
}

function appAmong(
  exports: ModuleExports,
  specifier: string,
  prefix: string = '',
  names: readonly string[] = [...USUAL_NAMES, ...Object.keys(exports)],
): FoundApp | undefined {
  for (const name of names) {
    const value = exports[name]
    if (isApp(value)) return { app: value, reference: `${specifier}#${prefix}${name}` }
  }
  return undefined
}

function isModule(value: unknown): value is ModuleExports {
  return typeof value === 'object' && value !== null && !isApp(value)
}

/** Methods by which an app is known. Not its class: that of another copy of the package is another one. */
const METHODS_OF_APPS = ['task', 'sendTask', 'loadModules', 'runnerSource'] as const

function isApp(value: unknown): value is Celery {
  if (typeof value !== 'object' || value === null || !('conf' in value && 'tasks' in value)) return false
  return METHODS_OF_APPS.every((name) => typeof Reflect.get(value, name) === 'function')
}

function isFile(file: string): boolean {
  return existsSync(file) && statSync(file).isFile()
}
