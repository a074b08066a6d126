/** Properties for all settings, in both spellings: `conf.taskSerializer`, `conf.task_serializer`. */

import { requireSettingName } from './normalize.ts'
import type { SettingName, Settings, SnakeCase } from './settings.ts'
import { settingNames, snakeCase } from './settings.ts'

/**
 * Settings as properties that can be read and assigned. What is read is always complete; lengths of time are seconds
 * (assigning a text with a unit is a matter for `update`, which takes what users write).
 */
export type SettingProperties = { -readonly [Name in keyof Settings]: Settings[Name] } & {
  -readonly [Name in keyof Settings as SnakeCase<Name>]: Settings[Name]
}

/** What the properties read from and write to. */
interface PropertyStore {
  resolved(): Settings
  set(name: SettingName, value: unknown): void
}

/**
 * Where an assignment arrives that none of the properties takes: a misspelt setting, or one under its old name. It
 * stands behind the properties, so that names that are right cost nothing.
 */
const otherNames: object = new Proxy(Object.create(Object.prototype), {
  set: (_target, name, value, settings) =>
    Reflect.set(Object(settings), requireSettingName(String(name), 'conf'), value),
})

class Accessors {}

Object.setPrototypeOf(Accessors.prototype, otherNames)

for (const name of settingNames) {
  for (const property of new Set([name, snakeCase(name)])) {
    Object.defineProperty(Accessors.prototype, property, {
      configurable: true,
      get(this: PropertyStore): unknown {
        return this.resolved()[name]
      },
      set(this: PropertyStore, value: unknown): void {
        this.set(name, value)
      },
    })
  }
}

/** Base of `Configuration`: has a property for every setting, which calls `resolved` and `set` of the class. */
export const SettingAccessors: new () => SettingProperties = withProperties(Accessors)

function withProperties(type: new () => object): new () => SettingProperties {
  if (!hasProperties(type)) throw new Error('A setting has no property')
  return type
}

function hasProperties(type: new () => object): type is new () => SettingProperties {
  return settingNames.every((name) => name in type.prototype && snakeCase(name) in type.prototype)
}
