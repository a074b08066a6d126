import { isPlainObject } from '../util/is-record.ts'
import { censorSettings, humanizeSettings } from './describe-settings.ts'
import type { Environment } from './effective-settings.ts'
import { effectiveSettings, namesInEnvironment } from './effective-settings.ts'
import type { FoundOption } from './find-option.ts'
import { findOption } from './find-option.ts'
import type { SettingsSource, SourceOptions } from './load.ts'
import { defaultSource, settingsFromWords, sourceFromEnvironment, sourceFromObject } from './load.ts'
import type { SettingValues } from './normalize.ts'
import { findSettingName, normalizeSettings, requireSettingName } from './normalize.ts'
import { SettingAccessors } from './setting-accessors.ts'
import { takeSettingValue } from './setting-value.ts'
import type { SettingName, Settings, UserSettings } from './settings.ts'
import { settingNames, snakeCase } from './settings.ts'

/** What a `Configuration` is made of beyond settings. */
export interface ConfigurationOptions {
  /** Default `process.env`. Read when a snapshot is made, i.e. at the first read after a change. */
  readonly environment?: Environment
  /** Whether a `celeryconfig` in the working folder is used when nothing was configured: Celery's default app. */
  readonly useDefaultModule?: boolean
  /** Folder from which modules with settings are looked for; default the working folder. */
  readonly cwd?: string
  /** Called before the settings are first read, while they can still be changed. Celery: `on_configure`. */
  readonly beforeLoad?: () => void
  /** Called when they were. Celery: `on_after_configure`. */
  readonly afterLoad?: () => void
}

/** What `table` and `humanize` show. */
export interface TableOptions {
  /** Whether defaults are shown as well. Default false. */
  readonly withDefaults?: boolean
  /** Whether passwords and keys are replaced by asterisks. Default true. */
  readonly censored?: boolean
}

/** Defaults, or what makes them when they are needed. */
export type LazySettings = UserSettings | (() => UserSettings)

/**
 * The settings of an app. Celery: `app.conf`.
 *
 * They lie in layers, of which the upper hides the lower: built-in defaults, `addDefaults` (the last ones first), the
 * configured object or module, changes at run time (what the constructor was given counts as such) and, for the URLs
 * of broker and result backend, the environment. Nothing is loaded before the first read.
 *
 * Every setting is a property: `conf.taskSerializer = 'msgpack'`, in Celery's spelling too. Unknown ones are errors.
 */
export class Configuration extends SettingAccessors {
  readonly #environment: Environment
  readonly #options: ConfigurationOptions
  readonly #changes = new Map<SettingName, unknown>()
  /** What was changed before the configuration was loaded; it survives when another object is configured. */
  #changesBefore: SettingValues = new Map()
  #object: SettingValues = new Map()
  #source: SettingsSource | undefined
  readonly #pendingDefaults: (() => UserSettings)[] = []
  readonly #defaults: SettingValues[] = []
  #state: 'pending' | 'loading' | 'loaded' = 'pending'
  #snapshot: Settings | undefined
  #version = 0
  readonly #listeners = new Set<() => void>()
  readonly #warnings = new Set<string>()

  constructor(settings: UserSettings = {}, options: ConfigurationOptions = {}) {
    super()
    this.#environment = options.environment ?? process.env
    this.#options = options
    this.#change(this.#normalize(settings, 'Celery'))
    // A misspelt `conf.taskSerialiser = …` is an error, too.
    Object.preventExtensions(this)
  }

  /** Grows with each change, so that whoever derives something from settings can see whether it is out of date. */
  get version(): number {
    return this.#version
  }

  /** Whether the configured object or module has been read. Celery: `app.configured`. */
  get loaded(): boolean {
    return this.#state === 'loaded'
  }

  /** What should be written differently: old names, deprecated settings. Celery: `maybe_warn_deprecated_settings`. */
  get warnings(): readonly string[] {
    this.#load()
    return [...this.#warnings]
  }

  /** All settings, resolved: one frozen object until something changes. What hot paths read. */
  resolved(): Settings {
    this.#load()
    this.#snapshot ??= effectiveSettings(this.#merged(), this.#environment)
    return this.#snapshot
  }

  /** Calls a function after each change, once per call of `update`. Gives the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The value of a setting, under any of its names. @throws ImproperlyConfigured when there is no such setting. */
  get<Name extends SettingName>(name: Name): Settings[Name]
  get(name: string): unknown
  get(name: string): unknown {
    return this.resolved()[requireSettingName(name, 'conf.get')]
  }

  /** The first of these settings that isn't `null`. Celery: `conf.first`. */
  first(...names: string[]): unknown {
    return names.map((name) => this.get(name)).find((value) => value !== null)
  }

  /** The setting that a name without prefix means, e.g. `prefetch_multiplier`. Celery: `conf.find_option`. */
  findOption(name: string, namespace: string = 'celery'): FoundOption | undefined {
    return findOption(name, namespace)
  }

  /**
   * The value of the setting that a name without prefix means. Celery: `conf.find_value_for_key`.
   * @throws ImproperlyConfigured when there is no such setting.
   */
  findValue(name: string, namespace?: string): unknown {
    return this.get(this.findOption(name, namespace)?.setting ?? name)
  }

  /** The value of the setting whose name is made of these parts. Celery: `conf.get_by_parts('task', 'serializer')`. */
  getByParts(...parts: string[]): unknown {
    return this.get(parts.filter((part) => part !== '').join('_'))
  }

  /** Changes one setting. Unknown names and values of the wrong type are refused. */
  set(name: string, value: unknown): void {
    const setting = requireSettingName(name, 'conf.set')
    this.#change(new Map([[setting, takeSettingValue(setting, value, 'conf')]]))
  }

  /** Changes several settings at once. */
  update(settings: UserSettings): void {
    this.#change(this.#normalize(settings, 'conf.update'))
  }

  /** Sets it unless somebody has, and gives its value. Celery: `conf.setdefault`. */
  setDefault(name: string, value: unknown): unknown {
    if (!this.has(name)) this.set(name, value)
    return this.get(name)
  }

  /** Takes a change at run time back; what lies below shows again. Gives the value it had. Celery: `conf.pop`. */
  unset(name: string): unknown {
    const setting = requireSettingName(name, 'conf.unset')
    const value = this.get(setting)
    if (this.#changes.delete(setting)) this.#changed()
    return value
  }

  /** Whether somebody has set it: defaults don't count. Celery: `conf.value_set_for`. */
  has(name: string): boolean {
    const setting = findSettingName(name)
    return setting !== undefined && setting in this.withoutDefaults()
  }

  /**
   * Takes the settings from an object, a class, an instance or a module (see `sourceFromObject`), read when they are
   * first needed. It takes the place of what was configured before, and of what was changed at run time since then.
   *
   * @param force read it now. Celery: `config_from_object`.
   */
  configFromObject(
    source: object | string,
    options: SourceOptions & { readonly force?: boolean } = {},
  ): void {
    this.#configure(sourceFromObject(source, { cwd: this.#options.cwd, ...options }), options.force)
  }

  /**
   * Takes the settings from the module that a variable of the environment names. Celery: `config_from_envvar`.
   * @throws ImproperlyConfigured when it names none, unless `silent`. Gives whether it named one.
   */
  configFromEnvvar(variable: string, options: SourceOptions & { readonly force?: boolean } = {}): boolean {
    const source = sourceFromEnvironment(variable, this.#environment, { cwd: this.#options.cwd, ...options })
    if (source === undefined) return false
    this.#configure(source, options.force)
    return true
  }

  /** Changes settings by words `key=value`; see `settingsFromWords`. Celery: `config_from_cmdline`. */
  configFromWords(words: readonly string[], namespace: string = 'celery'): void {
    this.#change(settingsFromWords(words, namespace))
  }

  /** Gives settings other defaults, which everything else hides. Those added last win. Celery: `add_defaults`. */
  addDefaults(defaults: LazySettings): void {
    this.#pendingDefaults.push(typeof defaults === 'function' ? defaults : () => defaults)
    if (this.#state === 'loaded') this.#evaluateDefaults()
    this.#changed()
  }

  /** Reads the environment again at the next read. */
  refresh(): void {
    this.#changed()
  }

  /** The settings that somebody has set. */
  withoutDefaults(): Partial<Settings> {
    const settings = this.resolved()
    const names = new Set([...this.#merged().keys(), ...namesInEnvironment(this.#environment)])
    const chosen = settingNames.filter((name) => names.has(name))
    return Object.fromEntries(chosen.map((name) => [name, settings[name]]))
  }

  /**
   * What was changed at run time, the command line included, as far as it is plain data: what a worker tells its child
   * processes, which load the app by themselves and then `update` it. Celery: `changes` of a pickled app.
   */
  plainChanges(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#changes].filter(([, value]) => isPlainData(value)))
  }

  /** Settings by Celery's names, fit to be shown. */
  table({ withDefaults = false, censored = true }: TableOptions = {}): Record<string, unknown> {
    const settings = withDefaults ? this.resolved() : this.withoutDefaults()
    const table = Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [snakeCase(name), value]),
    )
    return censored ? censorSettings(table) : table
  }

  /** Settings as a text with one of them per line. */
  humanize(options: TableOptions = {}): string {
    return humanizeSettings(this.table(options))
  }

  /** Names (Celery's) and values of all settings. */
  [Symbol.iterator](): Iterator<[string, unknown]> {
    return Object.entries(this.table({ withDefaults: true, censored: false }))[Symbol.iterator]()
  }

  #normalize(settings: Readonly<Record<string, unknown>>, origin: string): SettingValues {
    const { values, warnings } = normalizeSettings(settings, { origin })
    for (const warning of warnings) this.#warnings.add(warning)
    return values
  }

  #change(values: SettingValues): void {
    for (const [name, value] of values) this.#changes.set(name, value)
    if (values.size > 0) this.#changed()
  }

  #changed(): void {
    this.#snapshot = undefined
    this.#version++
    for (const listener of this.#listeners) listener()
  }

  #configure(source: SettingsSource, force = false): void {
    this.#source = source
    if (this.#state === 'loaded') {
      this.#changes.clear()
      for (const [name, value] of this.#changesBefore) this.#changes.set(name, value)
    }
    this.#object = new Map()
    this.#state = 'pending'
    this.#changed()
    if (force) this.#load()
  }

  /** Reads what was configured. While that goes on (the module may ask for settings itself) the rest is there. */
  #load(): void {
    if (this.#state !== 'pending') return
    this.#state = 'loading'
    try {
      this.#options.beforeLoad?.()
      const source = this.#source ?? this.#defaultSource()
      if (source !== undefined) {
        const { values, warnings } = source.read()
        this.#object = values
        for (const warning of warnings) this.#warnings.add(warning)
      }
      this.#evaluateDefaults()
    } catch (error) {
      this.#state = 'pending'
      throw error
    }
    this.#changesBefore = new Map(this.#changes)
    this.#state = 'loaded'
    this.#changed()
    this.#options.afterLoad?.()
  }

  #defaultSource(): SettingsSource | undefined {
    return defaultSource(this.#environment, {
      useDefaultModule: this.#options.useDefaultModule ?? false,
      cwd: this.#options.cwd,
      warn: (message) => process.emitWarning(message),
    })
  }

  #evaluateDefaults(): void {
    for (;;) {
      const [defaults] = this.#pendingDefaults
      if (defaults === undefined) return
      this.#defaults.push(this.#normalize(defaults(), 'addDefaults'))
      this.#pendingDefaults.shift()
    }
  }

  #merged(): SettingValues {
    const merged = new Map<SettingName, unknown>()
    for (const layer of [...this.#defaults, this.#object, this.#changes]) {
      for (const [name, value] of layer) merged.set(name, value)
    }
    return merged
  }
}

/** Whether a value keeps its meaning when it is sent to another process. */
function isPlainData(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return true
  if (Array.isArray(value)) return value.every(isPlainData)
  return isPlainObject(value) && Object.values(value).every(isPlainData)
}
