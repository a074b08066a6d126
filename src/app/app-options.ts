import { findSettingName } from '../config/normalize.ts'
import type { UserSettings } from '../config/settings.ts'
import { ImproperlyConfigured } from '../errors.ts'
import type { Clock } from '../util/clock.ts'
import { isRecord } from '../util/is-record.ts'
import type { Logger } from '../util/logger.ts'
import { repr } from '../util/repr.ts'
import { didYouMean } from '../util/text.ts'
import type { TaskBaseOption } from './task-base-option.ts'

/** What the constructor of `Celery` takes besides the name: every setting, and what follows. */
export interface UserAppOptions extends UserSettings {
  /** URL of the broker: the setting `brokerUrl`. */
  readonly broker?: string | readonly string[] | undefined
  /** URL of the result backend: the setting `resultBackend`. */
  readonly backend?: string | undefined
  /** Make it the app that is meant where none is named. Default true. Celery: `set_as_current`. */
  readonly setAsCurrent?: boolean
  /** Settings that override those given otherwise. Celery: `changes`. */
  readonly changes?: UserSettings | undefined
  /** What tasks have in common unless they have a `base` of their own. Celery: `task_cls`. */
  readonly taskCls?: TaskBaseOption | undefined
  /** Default of the option `typing` of tasks. Default true. Celery: `strict_typing`. */
  readonly strictTyping?: boolean
  /** Object or module that holds the settings; see `configFromObject`. Celery: `config_source`. */
  readonly configSource?: object | string
  /** Only settings of `configSource` that begin with it count. */
  readonly namespace?: string
  /** Read a module `celeryconfig` of the working folder when nothing was configured. Default false. */
  readonly useDefaultConfigModule?: boolean
  /** Where it logs; default: warnings and errors to standard error. */
  readonly logger?: Logger | undefined
  /** Where the time comes from; default the system's clock. */
  readonly clock?: Clock | undefined
}

/** The options of the app apart from the settings. */
export interface AppOptions {
  readonly setAsCurrent: boolean
  readonly strictTyping: boolean
  readonly taskCls: TaskBaseOption | undefined
  readonly changes: UserSettings | undefined
  readonly configSource: object | string | undefined
  readonly namespace: string | undefined
  readonly useDefaultConfigModule: boolean
  readonly logger: Logger | undefined
  readonly clock: Clock | undefined
  readonly settings: UserSettings
}

/** Options that are no settings, for people who mistype them. */
const OWN_NAMES: readonly string[] = Object.keys({
  broker: true,
  backend: true,
  setAsCurrent: true,
  changes: true,
  taskCls: true,
  strictTyping: true,
  configSource: true,
  namespace: true,
  useDefaultConfigModule: true,
  logger: true,
  clock: true,
} satisfies Record<Exclude<keyof UserAppOptions, keyof UserSettings>, true>)

/**
 * Refuses what no compiler has looked at: `new Celery({ broker })`, `new Celery('tasks', 'redis://…')`, `{ brokr }`.
 * @throws TypeError, ImproperlyConfigured.
 */
export function checkAppArguments(main: unknown, user: unknown): void {
  const example = "new Celery('tasks', { broker: 'redis://localhost' })"
  if (main !== undefined && typeof main !== 'string') {
    throw new TypeError(`The first argument of Celery is the name of the app, not ${repr(main)}: ${example}`)
  }
  if (!isRecord(user)) {
    throw new TypeError(
      `The second argument of Celery holds its options, and is no ${typeof user}: ${example}`,
    )
  }
  for (const name of Object.keys(user)) {
    if (OWN_NAMES.includes(name) || findSettingName(name) !== undefined) continue
    const meant = didYouMean(name, OWN_NAMES)
    if (meant !== '') throw new ImproperlyConfigured(`Celery: there is no option '${name}'${meant}`)
  }
}

/** Tells the options of the app from the settings. */
export function normalizeAppOptions(user: UserAppOptions): AppOptions {
  const { broker, backend, setAsCurrent, strictTyping, configSource, namespace, ...more } = user
  const { useDefaultConfigModule, logger, clock, taskCls, changes, ...settings } = more
  return {
    setAsCurrent: setAsCurrent ?? true,
    strictTyping: strictTyping ?? true,
    configSource,
    namespace,
    useDefaultConfigModule: useDefaultConfigModule ?? false,
    logger,
    clock,
    taskCls,
    changes,
    settings: {
      ...settings,
      ...(broker === undefined ? {} : { brokerUrl: broker }),
      ...(backend === undefined ? {} : { resultBackend: backend }),
    },
  }
}
