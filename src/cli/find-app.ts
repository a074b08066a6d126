/**
 * From what stands after `-A` to the app. Celery: `celery.app.utils.find_app`.
 *
 * `module`, `module:attribute` or `module#attribute`, where a module is a file (with or without its extension), a
 * folder, a package, or a path in Python's notation (`proj.tasks`), looked for from the working folder. In a module
 * the app is what is exported as `app` or `celery`; else, for a folder, what its module `celery`, `app` or `tasks` has;
 * else the first app that is exported, under whatever name.
 */

import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Celery } from '../app/celery.ts'
import { resolveModule } from '../util/modules.ts'
import { didYouMean } from '../util/text.ts'
import { CliError, EXIT } from './exit-code.ts'
import type { FoundApp } from './found-app.ts'

/** How `findApp` works. */
export interface FindAppOptions {
  /** Default: the working folder. */
  readonly cwd?: string
  /** Whether an error of the module is shown with its whole stack. */
  readonly trace?: boolean
}

type ModuleExports = Readonly<Record<string, unknown>>

/** A module that is there: what to import, and how people call it. */
interface FoundModule {
  readonly specifier: string
  readonly name: string
  /** The folder, if it is the index of one. */
  readonly folder: string | undefined
}

const HEAD = 'Unable to load celery application.'
/** Exports that are looked at first. */
const USUAL_NAMES = ['app', 'celery'] as const
/** Modules of a folder in which an app may be. Celery knows the first. */
const USUAL_MODULES = ['celery', 'app', 'tasks'] as const

/**
 * Finds the app.
 * @throws CliError, with exit code 2, when there is none.
 */
export async function findApp(
  reference: string | undefined,
  options: FindAppOptions = {},
): Promise<FoundApp> {
  return reference === undefined ? await defaultApp() : await new AppFinder(options).find(reference)
}

async function defaultApp(): Promise<FoundApp> {
  const { app } = await import('./default-app.ts')
  const module = new URL(`./default-app${path.extname(import.meta.url)}`, import.meta.url)
  return { app, reference: `${module.href}#app` }
}

class AppFinder {
  readonly #cwd: string
  readonly #trace: boolean

  constructor({ cwd = process.cwd(), trace = false }: FindAppOptions) {
    this.#cwd = cwd
    this.#trace = trace
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
    throw this.#noModule(name, folder)
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
    } catch (cause) {
      throw new CliError(
        `${HEAD}\nThe module ${name} was found, but it failed to load:\n${describeFailure(cause, this.#trace)}`,
        { exitCode: EXIT.usage, cause },
      )
    }
  }

  #noModule(name: string, folder: string | undefined): CliError {
    const looked =
      folder === undefined
        ? `Looked for ${name}.ts, ${name}.js and the like, for a folder and for a package of that name, from ${this.#cwd}.`
        : `The folder ${folder} has no module ${['index', ...USUAL_MODULES].join(', ')} with a Celery app.`
    return new CliError(
      `${HEAD}\nThere is no module ${name}. ${looked}\n` +
        'Name the file in which the app is made: celery -A path/to/tasks.ts worker',
      { exitCode: EXIT.usage },
    )
  }

  async #noApp(module: FoundModule, attribute: string | undefined): Promise<CliError> {
    const exports = await this.#import(module)
    const names = Object.keys(exports).filter((name) => name !== 'default')
    const list = names.length === 0 ? 'nothing' : names.join(', ')
    const isThere = attribute !== undefined && valueAt(exports, attribute) !== undefined
    const complaint =
      attribute === undefined
        ? `The module ${module.name} exports no Celery app (it exports ${list}).`
        : isThere
          ? `${attribute} of the module ${module.name} is no Celery app.`
          : `The module ${module.name} exports no ${attribute}${didYouMean(attribute, names)} (it exports ${list}).`
    return new CliError(`${HEAD}\n${complaint}\nExport one: export const app = new Celery('…')`, {
      exitCode: EXIT.usage,
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

/** The error of a module: what it says and where in the user's code it was thrown, or all of the stack. */
function describeFailure(error: unknown, trace: boolean): string {
  if (!(error instanceof Error)) return String(error)
  const stack = error.stack ?? String(error)
  if (trace) return stack
  // A syntax error shows the place before its message.
  const head = stack.slice(0, stack.search(/\n\s+at /) >>> 0)
  const place = stack.split('\n').find((line) => /^\s+at /.test(line) && !/node:|node_modules/.test(line))
  return place === undefined ? head : `${head}\n${place}`
}

function isFile(file: string): boolean {
  return existsSync(file) && statSync(file).isFile()
}
