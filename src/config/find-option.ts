import { findSettingName } from './normalize.ts'
import type { SettingRow } from './settings/setting-row.ts'
import type { SettingName } from './settings.ts'
import { settingRow } from './settings.ts'

/** Celery's namespaces of settings, in the order in which it searches them. */
const NAMESPACES: readonly string[] = [
  'beat',
  'broker',
  'cache',
  'cassandra',
  's3',
  'azureblockblob',
  'gcs',
  'control',
  'couchbase',
  'arangodb',
  'mongodb',
  'cosmosdbsql',
  'event',
  'redis',
  'result',
  'elasticsearch',
  'security',
  'database',
  'task',
  'worker',
]

/** A setting that was found by a part of its name. */
export interface FoundOption {
  /** `undefined` for settings without a prefix and those found by their whole name. */
  readonly namespace: string | undefined
  readonly setting: SettingName
  readonly row: SettingRow
}

/**
 * The setting that a name without its prefix means: `prefetch_multiplier` is `worker_prefetch_multiplier`. The
 * preferred namespace comes first, then the others in Celery's order, then the name as a whole. Celery: `find_option`.
 */
export function findOption(name: string, namespace: string): FoundOption | undefined {
  const key = name.toLowerCase()
  const namespaces = [namespace.toLowerCase(), undefined, ...NAMESPACES]
  for (const candidate of namespaces) {
    const setting = findSettingName(candidate === undefined ? key : `${candidate}_${key}`)
    if (setting !== undefined) return { namespace: candidate, setting, row: settingRow(setting) }
  }
  const setting = findSettingName(name)
  return setting && { namespace: undefined, setting, row: settingRow(setting) }
}
