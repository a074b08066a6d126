/**
 * From what users write to what is kept: names in camel case, values checked.
 *
 * A setting may be named in camel case (`taskSerializer`), in Celery's snake case (`task_serializer`) or by its name of
 * before Celery 4 (`CELERY_TASK_SERIALIZER`). New and old names may not be mixed in one place, as in Celery. Unlike in
 * Celery, a name that is no setting is an error: misspelt settings are the usual reason why one "has no effect".
 */

import { ImproperlyConfigured } from '../errors.ts'
import { didYouMean } from '../util/text.ts'
import { takeSettingValue } from './setting-value.ts'
import type { SettingName } from './settings.ts'
import { isSettingName, oldNames, settingNames, settingRow, snakeCase } from './settings.ts'

/** Values of some settings, checked. */
export type SettingValues = ReadonlyMap<SettingName, unknown>

/** Settings of one place, e.g. of one module, ready to be used. */
export interface NormalizedSettings {
  readonly values: SettingValues
  /** What of it should be written differently, in whole sentences. */
  readonly warnings: readonly string[]
}

/** How `normalizeSettings` reads. */
export interface NormalizeOptions {
  /** Where the settings are from, for messages: `celeryconfig`, `conf.update`. */
  readonly origin: string
  /**
   * With a namespace only keys that begin with it and `_` are settings, and the rest of the key is the name: with
   * `CELERY` the key `CELERY_TASK_SERIALIZER` is `taskSerializer`. Other keys are somebody else's.
   */
  readonly namespace?: string | undefined
  /** Functions that aren't settings are passed over: what modules and classes hold beside their settings. */
  readonly skipFunctions?: boolean
}

const bySnakeCase: ReadonlyMap<string, SettingName> = new Map(
  settingNames.map((name) => [snakeCase(name), name] as const),
)
const byOldName: ReadonlyMap<string, SettingName> = new Map(
  settingNames.flatMap((name) => oldNames(name).map((old) => [old, name] as const)),
)

/** Read by Celery's Django integration alone: known, and without effect here. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['CELERY_DB_REUSE_MAX', 'DB_REUSE_MAX', 'db_reuse_max'])

/** The setting that goes by a name, in any of the three styles. */
export function findSettingName(name: string): SettingName | undefined {
  return isSettingName(name) ? name : (bySnakeCase.get(name) ?? byOldName.get(name))
}

/**
 * The setting that goes by a name.
 * @throws ImproperlyConfigured when there is none.
 */
export function requireSettingName(name: string, origin: string): SettingName {
  const found = findSettingName(name)
  if (found === undefined) throw unknownSettings([name], origin)
  return found
}

/**
 * Checks settings and brings their names into one style. Values that are `undefined` count as not given.
 *
 * @throws ImproperlyConfigured for unknown names, values of the wrong type, and old names mixed with new ones.
 */
export function normalizeSettings(
  source: Readonly<Record<string, unknown>>,
  { origin, namespace, skipFunctions = false }: NormalizeOptions,
): NormalizedSettings {
  const given = Object.entries(source).filter(([, value]) => value !== undefined)
  const named = namespace
    ? stripNamespace(given, namespace)
    : given.map(([key, value]) => ({ key, name: key, value }))
  if (!namespace)
    refuseMixture(
      named.map(({ name }) => name),
      origin,
    )

  const values = new Map<SettingName, unknown>()
  const givenBy = new Map<SettingName, string>()
  const unknown: string[] = []
  const warnings: string[] = []
  for (const { key, name, value } of named) {
    if (WITHOUT_EFFECT.has(name)) continue
    const setting = findSettingName(name)
    if (setting === undefined) {
      if (!(skipFunctions && typeof value === 'function')) unknown.push(key)
      continue
    }
    const other = givenBy.get(setting)
    if (other !== undefined) {
      // Both an old and a new name, for Celery of before and after version 4: the new one counts.
      if (byOldName.has(name)) continue
      if (!byOldName.has(other)) throw givenTwice(setting, other, key, origin)
    }
    givenBy.set(setting, name)
    values.set(setting, takeSettingValue(setting, value, origin))
    warnings.push(...warningsFor(setting, name, origin))
  }
  if (unknown.length > 0) throw unknownSettings(unknown, origin)
  return { values, warnings }
}

interface NamedValue {
  readonly key: string
  readonly name: string
  readonly value: unknown
}

function stripNamespace(entries: readonly (readonly [string, unknown])[], namespace: string): NamedValue[] {
  const prefix = `${namespace.replace(/_+$/, '')}_`
  return entries
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => ({ key, name: key.slice(prefix.length).toLowerCase(), value }))
}

/** Django's name of `timezone`, which is no matter of style. */
const DJANGO_TIMEZONE = 'TIME_ZONE'

function isOldName(name: string): boolean {
  return byOldName.has(name) && name !== DJANGO_TIMEZONE
}

/** The style that most names have decides; the others must be renamed, unless the setting is there under both names. */
function refuseMixture(names: readonly string[], origin: string): void {
  const old = names.filter(isOldName)
  const modern = names.filter((name) => !byOldName.has(name) && findSettingName(name) !== undefined)
  if (old.length === 0 || modern.length === 0) return
  const toOld = old.length > modern.length
  const camel = modern.some((name) => name !== snakeCase(name))
  const convert = (name: string): string => {
    const setting = findSettingName(name)
    if (setting === undefined) return name
    if (toOld) return oldNames(setting)[0] ?? name
    return camel ? setting : snakeCase(setting)
  }
  const have = new Set(names)
  const wrong = (toOld ? modern : old).filter((name) => !have.has(convert(name))).sort()
  if (wrong.length === 0) return
  const renames = wrong.map((name) => `  ${name.padEnd(36)} -> ${convert(name)}`)
  throw new ImproperlyConfigured(
    `${origin}: settings with old names and settings with new names can't be mixed. ` +
      `Rename these to the ${toOld ? 'old' : 'new'} style${toOld ? ', or better all others to the new one' : ''}:\n` +
      renames.join('\n'),
  )
}

function warningsFor(setting: SettingName, name: string, origin: string): string[] {
  const warnings: string[] = []
  if (isOldName(name)) {
    warnings.push(
      `${origin}: ${name} is the old name of ${snakeCase(setting)}; Celery 6 won't know it any more`,
    )
  }
  const { deprecated } = settingRow(setting)
  if (deprecated !== undefined) {
    warnings.push(`${origin}: ${snakeCase(setting)} is deprecated since Celery 6; use ${deprecated} instead`)
  }
  return warnings
}

function givenTwice(
  setting: SettingName,
  first: string,
  second: string,
  origin: string,
): ImproperlyConfigured {
  return new ImproperlyConfigured(
    `${origin}: ${setting} is given twice, as ${first} and as ${second}; remove one`,
  )
}

function unknownSettings(keys: readonly string[], origin: string): ImproperlyConfigured {
  const complaints = keys.map(
    (key) => `there is no setting '${key}'${hint(key) ?? didYouMean(key, namesInTheStyleOf(key))}`,
  )
  return new ImproperlyConfigured(`${origin}: ${complaints.join('; ')}`)
}

/** Settings of Django projects have a prefix, which Celery is told of: `namespace='CELERY'`. */
function hint(key: string): string | undefined {
  const setting = key.startsWith('CELERY_') ? bySnakeCase.get(key.slice(7).toLowerCase()) : undefined
  if (setting === undefined) return undefined
  return ` (it is ${setting}; with the prefix it is one for configFromObject(…, { namespace: 'CELERY' }))`
}

function namesInTheStyleOf(key: string): Iterable<string> {
  if (key === key.toUpperCase()) return byOldName.keys()
  return key.includes('_') ? bySnakeCase.keys() : settingNames
}
