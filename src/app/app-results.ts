/**
 * Where the results of an app live: the backend that the settings name, and those that tasks have of their own, behind
 * the shell that all backends have.
 */
import type { Backend, ResultCodec } from '../backends/backend.ts'
import { isBackendReference } from '../backends/backend-names.ts'
import { createBackend } from '../backends/create-backend.ts'
import { ResultStore } from '../backends/result-store.ts'
import type { Configuration } from '../config/configuration.ts'
import type { Settings } from '../config/settings.ts'
import { snakeCase } from '../config/settings.ts'
import { ImproperlyConfigured } from '../errors.ts'
import type { SerializerRegistry } from '../messaging/serialization/registry.ts'
import type { Channel } from '../messaging/transport.ts'
import type { ErrorClasses } from '../protocol/error-classes.ts'
import type { ResultContext, ResultControl } from '../result/ports.ts'
import { createResultContext } from '../result/result-from-tuple.ts'
import { joinDenied } from '../task/current-task.ts'
import type { TaskBackend } from '../task/options.ts'
import type { Clock } from '../util/clock.ts'
import { toMilliseconds } from '../util/duration.ts'
import type { Logger } from '../util/logger.ts'
import { importReference } from '../util/modules.ts'

/** What `AppResults` works with. */
export interface AppResultsOptions {
  readonly conf: Configuration
  readonly serializers: SerializerRegistry
  readonly errorClasses: ErrorClasses
  readonly logger: Logger
  readonly clock: Clock
  readonly openChannel: () => Promise<Channel>
  readonly control: ResultControl
}

interface Current {
  /** What it was made of. */
  readonly key: string
  readonly context: ResultContext
  /** Of tasks that have a backend of their own. */
  readonly own: Map<TaskBackend, ResultContext>
}

/** See the module's description. A changed setting of results makes another store; the old one is closed. */
export class AppResults {
  readonly #options: AppResultsOptions
  #settings: Settings | undefined
  #current: Current | undefined
  #retired: Promise<void> = Promise.resolve()

  constructor(options: AppResultsOptions) {
    this.#options = options
  }

  /** The store, and what result objects need besides. */
  get context(): ResultContext {
    return this.#refresh().context
  }

  /** The same for a backend of a task's own; undefined: that of the app. */
  contextOf(backend: TaskBackend | undefined): ResultContext {
    const current = this.#refresh()
    const { resultBackend } = this.#options.conf.resolved()
    if (backend === undefined || backend === resultBackend) return current.context
    let context = current.own.get(backend)
    if (context === undefined) {
      context = this.#make({ ...this.#options.conf.resolved(), resultBackend: backend })
      current.own.set(backend, context)
    }
    return context
  }

  #refresh(): Current {
    const settings = this.#options.conf.resolved()
    if (this.#current !== undefined && settings === this.#settings) return this.#current
    const key = keyOf(settings)
    if (this.#current?.key !== key) {
      this.#retire()
      this.#current = { key, context: this.#make(settings), own: new Map() }
    }
    this.#settings = settings
    return this.#current
  }

  /** Waits for what is being stored, then closes the backend. It may be used again afterwards. */
  async close(): Promise<void> {
    this.#retire()
    await this.#retired
  }

  #retire(): void {
    const old = this.#current
    if (old === undefined) return
    this.#current = undefined
    this.#retired = this.#retired.then(async () => {
      await Promise.all([old.context, ...old.own.values()].map(({ store }) => store.close()))
    })
  }

  #make(settings: Settings): ResultContext {
    const { clock, errorClasses, control } = this.#options
    const { resultBackend } = settings
    const retry = settings.resultBackendAlwaysRetry
      ? {
          maxRetries: settings.resultBackendMaxRetries ?? Number.POSITIVE_INFINITY,
          base: settings.resultBackendBaseSleepBetweenRetriesMs,
          max: settings.resultBackendMaxSleepBetweenRetriesMs,
        }
      : undefined
    const store = new ResultStore({
      open: isDisabled(resultBackend) ? undefined : () => this.#open(settings),
      expires: expiresOf(settings),
      retry,
      cacheMax: settings.resultCacheMax ?? 0,
      clock,
      url: typeof resultBackend === 'string' ? resultBackend : '',
    })
    return createResultContext({ store, clock, errorClasses, control, joinDenied })
  }

  async #open(settings: Settings): Promise<Backend> {
    const { resultBackend } = settings
    const { openChannel, logger } = this.#options
    const url = typeof resultBackend === 'string' ? resultBackend : ''
    const options = {
      url,
      transportOptions: settings.resultBackendTransportOptions,
      codec: await this.#codec(settings),
      expires: expiresOf(settings),
      openChannel,
      settings: this.#backendSettings(),
      warn: (message: string) => logger.warn(message),
    }
    const [name = '', rest] = splitScheme(url)
    const override = settings.overrideBackends[name] ?? (isBackendReference(url) ? url : undefined)
    const own = typeof resultBackend === 'string' ? override : resultBackend
    if (own === undefined) return createBackend(options)
    const option = own === url ? 'resultBackend' : 'overrideBackends'
    const create = typeof own === 'string' ? await importReference(own, { option }) : own
    if (typeof create !== 'function') {
      throw new ImproperlyConfigured('A result backend must be a URL or a function that makes one of options')
    }
    const backend: unknown = await Reflect.apply(create, undefined, [{ ...options, url: rest ?? url }])
    if (isBackend(backend)) return backend
    throw new ImproperlyConfigured(
      'The function given as result backend makes no backend: it lacks save() or load()',
    )
  }

  async #codec(settings: Settings): Promise<ResultCodec> {
    const { serializers } = this.#options
    const name = settings.resultSerializer
    const accepted = settings.resultAcceptContent ?? settings.acceptContent
    await serializers.ready(name, ...accepted)
    const accept = serializers.acceptList([name, ...accepted])
    const { contentType, contentEncoding } = serializers.encode(null, name)
    return {
      contentType,
      contentEncoding,
      encode: (value) => serializers.encode(value, name).body,
      decode: (bytes, type = contentType, encoding = contentEncoding) =>
        serializers.decode(bytes, type, encoding, accept),
    }
  }

  /** Those that somebody has set, by Celery's names: a backend picks its own. */
  #backendSettings(): Readonly<Record<string, unknown>> {
    const given = Object.entries(this.#options.conf.withoutDefaults())
    return Object.fromEntries(given.map(([name, value]) => [snakeCase(name), value]))
  }
}

function expiresOf({ resultExpires }: Settings): number | undefined {
  return resultExpires === null || resultExpires === 0
    ? undefined
    : toMilliseconds(resultExpires, 'resultExpires')
}

/** What a backend is called, and of `own+http://…` the URL after that. Celery: `by_url`. */
function splitScheme(url: string): readonly [name: string | undefined, rest: string | undefined] {
  const [, name, rest] = /^([^:+/]+)(?:\+([^:]+:\/\/.*)|:\/\/.*)?$/s.exec(url) ?? []
  return [name, rest]
}

function isDisabled(backend: Settings['resultBackend']): boolean {
  return backend === null || backend === '' || (typeof backend === 'string' && /^disabled\b/.test(backend))
}

function isBackend(value: unknown): value is Backend {
  return (
    typeof value === 'object' &&
    value !== null &&
    'save' in value &&
    typeof value.save === 'function' &&
    'load' in value &&
    typeof value.load === 'function'
  )
}

/** The settings that a store is made of, as a text that differs when they do. */
function keyOf(settings: Settings): string {
  const entries = Object.entries(settings).filter(
    ([name]) => name.startsWith('result') || name === 'overrideBackends' || name === 'acceptContent',
  )
  return JSON.stringify(entries, (_, value: unknown) => (typeof value === 'function' ? String(value) : value))
}
