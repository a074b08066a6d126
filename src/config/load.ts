/** Where settings come from: an object, a module, a variable that names a module, words of the command line. */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import { ImproperlyConfigured } from '../errors.ts'
import { isPlainObject, isRecord } from '../util/is-record.ts'
import { parseReference, resolveModule } from '../util/modules.ts'
import { repr } from '../util/repr.ts'
import { didYouMean } from '../util/text.ts'
import type { Environment } from './effective-settings.ts'
import type { NormalizedSettings, SettingValues } from './normalize.ts'
import { findSettingName, normalizeSettings, requireSettingName } from './normalize.ts'
import { castExplicitly, castSettingValue, takeSettingValue } from './setting-value.ts'
import type { SettingName } from './settings.ts'

/** The module that is looked for when nothing else was said, as in Celery. */
const DEFAULT_CONFIG_MODULE = 'celeryconfig'

/** Settings that are read when they are first needed. */
export interface SettingsSource {
  /** For messages. */
  readonly origin: string
  /** @throws ImproperlyConfigured when they can't be found or are wrong. */
  read(): NormalizedSettings
}

/** How settings are looked for and read. */
export interface SourceOptions {
  /** Only keys that begin with it and `_` are settings. Celery: `namespace`. */
  readonly namespace?: string | undefined
  /** Whether a module that isn't there is passed over. Default false. */
  readonly silent?: boolean | undefined
  /** Folder from which modules are looked for; default the working folder. */
  readonly cwd?: string | undefined
}

const NOTHING: NormalizedSettings = { values: new Map(), warnings: [] }

/**
 * Settings from an object, a class or an instance of one (its fields and getters), or from a module: `'celeryconfig'`,
 * `'./config/celery.ts'`, `'proj.celeryconfig'`, `'module#export'` or Python's `'module:export'`. A module's settings
 * are its exports, or those of its default export; exports that begin with `_` and functions are passed over.
 */
export function sourceFromObject(source: object | string, options: SourceOptions = {}): SettingsSource {
  if (typeof source === 'string') return sourceFromModule(source, options)
  if (!isRecord(source) && typeof source !== 'function') {
    throw new ImproperlyConfigured(
      `configFromObject takes an object with settings or the name of a module that has them, not ${repr(source)}`,
    )
  }
  const { namespace } = options
  const origin = typeof source === 'function' ? `class ${source.name}` : 'configFromObject'
  return {
    origin,
    read: () => normalizeSettings(settingsOf(source), { origin, namespace, skipFunctions: !isDict(source) }),
  }
}

/**
 * Settings from the module that a variable of the environment names.
 * @throws ImproperlyConfigured when it is empty, unless `silent`.
 */
export function sourceFromEnvironment(
  variable: string,
  environment: Environment,
  options: SourceOptions = {},
): SettingsSource | undefined {
  const module = environment[variable]
  if (module) return sourceFromModule(module, options)
  if (options.silent) return undefined
  throw new ImproperlyConfigured(
    `The environment variable ${variable} isn't set; it must name the module that holds the settings`,
  )
}

/**
 * Settings that nobody named: those of the module in `CELERY_CONFIG_MODULE` or else, if asked for, of a `celeryconfig`
 * in the working folder if there is one.
 *
 * @param warn told when neither is there though somebody seems to want it.
 */
export function defaultSource(
  environment: Environment,
  {
    useDefaultModule,
    warn,
    cwd,
  }: {
    readonly useDefaultModule: boolean
    readonly warn: (message: string) => void
    readonly cwd?: string | undefined
  },
): SettingsSource | undefined {
  const module = environment['CELERY_CONFIG_MODULE']
  if (module) return sourceFromModule(module, { cwd })
  if (!useDefaultModule) return undefined
  const source = sourceFromModule(DEFAULT_CONFIG_MODULE, { cwd, silent: true })
  return {
    origin: source.origin,
    read: () => {
      const settings = source.read()
      if (settings === NOTHING) warnOfNothing(environment, cwd, warn)
      return settings
    },
  }
}

/** Most who have no module don't want one: who has one in Python does, and who sets Celery's variable to hear of it. */
function warnOfNothing(environment: Environment, cwd = process.cwd(), warn: (message: string) => void): void {
  const python = pythonFile(DEFAULT_CONFIG_MODULE, cwd)
  if (python !== undefined && !environment['CELERY_BROKER_URL']) warn(inPython(python))
  else if (environment['C_WNOCONF']) {
    warn(`There is no module '${DEFAULT_CONFIG_MODULE}'; nothing is configured`)
  }
}

/**
 * Settings from words `key=value` of the command line. A key may be `namespace.key`, `namespace_key`, `.key` or `_key`
 * (with the command's own namespace in front), or the name in camel case. A value is cast to the type of its setting,
 * or as it says: `(int)5`; lists and dicts are written in JSON.
 *
 * @param namespace of the command: `worker`, `beat`, or `celery` for none.
 */
export function settingsFromWords(words: readonly string[], namespace: string): SettingValues {
  const values = new Map<SettingName, unknown>()
  for (const word of words) {
    const equals = word.indexOf('=')
    if (equals <= 0) {
      throw new ImproperlyConfigured(`'${word}' is no setting: write key=value, e.g. broker.pool_limit=5`)
    }
    const key = word.slice(0, equals)
    const text = word.slice(equals + 1)
    const origin = `Setting '${key}'`
    const name = findSettingName(key) ?? requireSettingName(qualifiedKey(key, namespace), 'Command line')
    const explicit = castExplicitly(text, origin)
    values.set(
      name,
      explicit === undefined
        ? castSettingValue(name, text, origin)
        : takeSettingValue(name, explicit.value, origin),
    )
  }
  return values
}

function qualifiedKey(key: string, namespace: string): string {
  const flat = key.toLowerCase().replaceAll('.', '_')
  if (!flat.startsWith('_')) return flat
  return namespace === 'celery' ? flat.slice(1) : namespace + flat
}

function sourceFromModule(
  reference: string,
  { namespace, silent, cwd = process.cwd() }: SourceOptions,
): SettingsSource {
  return {
    origin: reference,
    read: () => {
      const found = loadReference(reference, cwd)
      if (found === undefined) {
        if (silent) return NOTHING
        throw new ImproperlyConfigured(missingModule(reference, cwd))
      }
      return normalizeSettings(fieldsOf(found), { origin: reference, namespace, skipFunctions: true })
    },
  }
}

/** What a reference leads to: a module, or something that a module exports. `undefined`: there is no such module. */
function loadReference(reference: string, cwd: string): object | undefined {
  const { module, name } = parseReference(reference)
  const direct = requireModule(module, cwd)
  if (direct !== undefined) return name === undefined ? direct : exportOf(direct, name, module)
  const dot = module.lastIndexOf('.')
  // Python's way to name an attribute: `proj.settings.Config`.
  if (name !== undefined || dot <= 0) return undefined
  const parent = requireModule(module.slice(0, dot), cwd)
  return parent === undefined ? undefined : exportOf(parent, module.slice(dot + 1), module.slice(0, dot))
}

function exportOf(module: Record<string, unknown>, name: string, moduleName: string): object {
  const value = module[name]
  if (typeof value === 'function' || isRecord(value)) return value
  throw new ImproperlyConfigured(
    name in module
      ? `'${name}' of '${moduleName}' is no object or class that could hold settings`
      : `'${moduleName}' exports no '${name}'${didYouMean(name, Object.keys(module))}`,
  )
}

/** Loads a module in place, without waiting, because settings are read where nothing can wait. */
function requireModule(module: string, cwd: string): Record<string, unknown> | undefined {
  const file = findModuleFile(module, cwd)
  if (file === undefined) return undefined
  try {
    const loaded: unknown = createRequire(path.join(cwd, 'noop.js'))(file)
    return isRecord(loaded) ? loaded : undefined
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_REQUIRE_ASYNC_MODULE') {
      throw new ImproperlyConfigured(
        `'${module}' waits (await) while it is loaded, so it can't be loaded by name: ` +
          'import it yourself and hand the object to configFromObject',
        { cause },
      )
    }
    throw cause
  }
}

/** The file of a module, of a `.json` too, or of Python's `package.module`. */
function findModuleFile(module: string, cwd: string): string | undefined {
  for (const candidate of new Set([module, module.replaceAll('.', '/')])) {
    const resolved = resolveModule(candidate, cwd)
    if (resolved.startsWith('file:')) {
      const file = fileURLToPath(resolved)
      // Simple settings in Python are JavaScript, too, and would be run as that.
      if (existsSync(file) && path.extname(file) !== '.py') return file
    }
    const json = path.resolve(cwd, `${candidate}.json`)
    if (existsSync(json)) return json
  }
  return undefined
}

function missingModule(reference: string, cwd: string): string {
  const { module } = parseReference(reference)
  const python = pythonFile(module, cwd)
  const hint = python === undefined ? '' : `; ${inPython(python)}`
  return `There is no module '${module}' with settings (looked for from ${cwd})${hint}`
}

/** The file of Python that is meant, there or not. */
function pythonFile(module: string, cwd: string): string | undefined {
  if (module.endsWith('.py')) return module
  return [`${module}.py`, `${module.replaceAll('.', '/')}.py`].find((file) =>
    existsSync(path.resolve(cwd, file)),
  )
}

function inPython(file: string): string {
  const stem = file.slice(0, -3)
  return `settings written in Python (${file}) can't be read: write ${stem}.ts, or .json, with the same names`
}

function settingsOf(source: object): Record<string, unknown> {
  return isDict(source) ? source : fieldsOf(source)
}

/** Whether an object was written down as such, and is no module (which has no prototype either). */
function isDict(source: object): source is Record<string, unknown> {
  return isPlainObject(source) && !types.isModuleNamespaceObject(source)
}

/** Exports of a module, static fields of a class, fields and getters of an instance, but for those with `_` in front. */
function fieldsOf(source: object): Record<string, unknown> {
  if ('default' in source && isRecord(source.default)) return settingsOf(source.default)
  const settings: Record<string, unknown> = {}
  const record: Record<string, unknown> = Object(source)
  for (const key of namesOf(source)) {
    if (!key.startsWith('_') && !UNRELATED.has(key)) settings[key] = record[key]
  }
  return settings
}

/** Names on modules, classes and instances that aren't fields of the user's. */
const UNRELATED: ReadonlySet<string> = new Set([
  'default',
  'module.exports',
  'constructor',
  'prototype',
  'length',
  'name',
])

function namesOf(source: object): Set<string> {
  const names = new Set<string>()
  let current: unknown = source
  while (
    (typeof current === 'object' || typeof current === 'function') &&
    current !== null &&
    current !== Object.prototype &&
    current !== Function.prototype
  ) {
    for (const name of Object.getOwnPropertyNames(current)) names.add(name)
    current = Object.getPrototypeOf(current)
  }
  return names
}
