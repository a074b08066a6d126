/** All settings in one table, and the types that follow from it. */

import type { Duration } from '../util/duration.ts'
import type { CamelCaseRetryPolicy, Reference, SpecialValues } from './setting-values.ts'
import { beatSettings } from './settings/beat.ts'
import { brokerSettings } from './settings/broker.ts'
import { celeriacSettings } from './settings/celeriac.ts'
import { controlSettings } from './settings/control.ts'
import { eventSettings } from './settings/event.ts'
import { generalSettings } from './settings/general.ts'
import { resultSettings } from './settings/result.ts'
import { securitySettings } from './settings/security.ts'
import type { SettingRow, SettingType } from './settings/setting-row.ts'
import { storeSettings } from './settings/stores.ts'
import { taskSettings } from './settings/task.ts'
import { workerSettings } from './settings/worker.ts'

type General = typeof generalSettings
type Beat = typeof beatSettings
type Broker = typeof brokerSettings
type Control = typeof controlSettings
type Event = typeof eventSettings
type Result = typeof resultSettings
type Stores = typeof storeSettings
type Security = typeof securitySettings
type Task = typeof taskSettings
type Worker = typeof workerSettings
type Celeriac = typeof celeriacSettings

/** The table: name of the setting → what there is to say about it. */
export interface SettingsTable
  extends General,
    Beat,
    Broker,
    Control,
    Event,
    Result,
    Stores,
    Security,
    Task,
    Worker,
    Celeriac {}

/** Name of a setting, in camel case. */
export type SettingName = keyof SettingsTable

/** `taskSerializer` → `task_serializer`. */
export type SnakeCase<Name extends string> = Name extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${SnakeCase<Tail>}`
  : ''

/** What the table's words for types mean once values are normalized. */
interface PlainValues {
  readonly string: string
  readonly int: number
  readonly float: number
  readonly bool: boolean
  readonly list: readonly unknown[]
  readonly texts: readonly string[]
  readonly dict: Readonly<Record<string, unknown>>
  readonly options: Readonly<Record<string, unknown>>
  /** Seconds. */
  readonly duration: number
  readonly bytes: Uint8Array
  readonly class: Reference
  readonly function: (...args: never[]) => unknown
  readonly any: unknown
}

/** What users may write where it is more than what becomes of it. */
interface LooseValues {
  readonly duration: Duration
  readonly bytes: string | Uint8Array
  readonly texts: string | readonly string[] | ReadonlySet<string>
}

type TypeOf<Row extends SettingRow> = Row['type'] extends readonly SettingType[]
  ? Row['type'][number]
  : Row['type'] extends SettingType
    ? Row['type']
    : never

type ChoiceOf<Row extends SettingRow> = Row extends {
  readonly choices: infer Choices extends readonly unknown[]
}
  ? Choices[number]
  : never

type NullOf<Row extends SettingRow> = Row['default'] extends null
  ? null
  : Row extends { readonly nullable: true }
    ? null
    : never

type PlainValue<Name extends SettingName> = [ChoiceOf<SettingsTable[Name]>] extends [never]
  ? Name extends keyof SpecialValues
    ? SpecialValues[Name]
    : PlainValues[TypeOf<SettingsTable[Name]>]
  : ChoiceOf<SettingsTable[Name]>

type LooseValue<Name extends SettingName> =
  | PlainValue<Name>
  | (TypeOf<SettingsTable[Name]> & keyof LooseValues extends infer Type extends keyof LooseValues
      ? LooseValues[Type]
      : never)
  | (Name extends 'taskPublishRetryPolicy' ? CamelCaseRetryPolicy : never)

/** Settings in camel case as users give them. `undefined` counts as not given. */
export type CamelCaseSettings = {
  readonly [Name in keyof SettingsTable]?: LooseValue<Name> | NullOf<SettingsTable[Name]> | undefined
}

/** Settings in Celery's snake case as users give them. */
export type SnakeCaseSettings = {
  readonly [Name in keyof SettingsTable as SnakeCase<Name>]?:
    | LooseValue<Name>
    | NullOf<SettingsTable[Name]>
    | undefined
}

/**
 * Settings as users give them: all optional, in camel case or in Celery's snake case. Lengths of time are seconds,
 * texts with a unit (`'5m'`) or parts (`{ minutes: 5 }`).
 */
export type UserSettings = CamelCaseSettings & SnakeCaseSettings

/** Settings that always have a value in the end, though the table's default is `null`: it follows from others. */
interface EffectiveValues {
  /** URLs separated by `;`. */
  readonly brokerUrl: string
  /** URLs separated by `;`. */
  readonly brokerReadUrl: string
  /** URLs separated by `;`. */
  readonly brokerWriteUrl: string
  readonly brokerConnectionRetryOnStartup: boolean
  readonly taskDefaultExchange: string
  readonly taskDefaultRoutingKey: string
  /** Name of the time zone. */
  readonly timezone: string
}

/**
 * Settings as the other rooms read them: every one has a value, lengths of time are seconds, bytes are bytes, and what
 * follows from other settings or from the environment is worked out.
 */
export type Settings = {
  readonly [Name in keyof SettingsTable]: Name extends keyof EffectiveValues
    ? EffectiveValues[Name]
    : PlainValue<Name> | NullOf<SettingsTable[Name]>
}

/** The table itself. */
const settingsTable: SettingsTable = {
  ...generalSettings,
  ...beatSettings,
  ...brokerSettings,
  ...controlSettings,
  ...eventSettings,
  ...resultSettings,
  ...storeSettings,
  ...securitySettings,
  ...taskSettings,
  ...workerSettings,
  ...celeriacSettings,
}

/** Names of all settings, in camel case, in the order of the table. */
export const settingNames: readonly SettingName[] = Object.keys(settingsTable).filter(isSettingName)

/** Whether a text is the name of a setting in camel case. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingsTable, name)
}

/** The line of a setting. */
export function settingRow(name: SettingName): SettingRow {
  return settingsTable[name]
}

/** Celery's name of a setting: `taskSerializer` → `task_serializer`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Names of before Celery 4, in capitals. */
export function oldNames(name: SettingName): readonly string[] {
  const { old } = settingRow(name)
  if (old === undefined) return [snakeCase(name).toUpperCase()]
  return typeof old === 'string' ? [old] : old
}
