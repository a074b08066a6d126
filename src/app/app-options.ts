import type { UserSettings } from '../config/settings.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
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
