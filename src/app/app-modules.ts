/** The modules of an app: those that hold its tasks, imported once, when a worker starts. Celery: its loader. */
import type { Settings } from '../config/settings.ts'
import type { SerializerRegistry } from '../messaging/serialization/registry.ts'
import { repr } from '../util/repr.ts'
import type { AppSignals } from './app-signals.ts'
import type { Discovery } from './module-loader.ts'
import { discover, importModule } from './module-loader.ts'

/** What `AppModules` works with. */
export interface AppModulesOptions {
  /** The app: sender of its signals. */
  readonly sender: object
  readonly settings: () => Settings
  readonly serializers: SerializerRegistry
  readonly signals: Pick<AppSignals, 'importModules' | 'onAfterFinalize'>
}

/** See the module's description. */
export class AppModules {
  readonly #options: AppModulesOptions
  readonly #discoveries: Discovery[] = []
  #loading: Promise<void> | undefined

  constructor(options: AppModulesOptions) {
    this.#options = options
  }

  /** @param relatedName module of each package; null: the package itself; default `tasks`. */
  autodiscover(packages: Discovery['packages'], relatedName: string | null = 'tasks'): void {
    if (!Array.isArray(packages) && typeof packages !== 'function') {
      throw new TypeError(`autodiscoverTasks takes a list of packages (['proj']), not ${repr(packages)}`)
    }
    this.#discoveries.push({ packages, relatedName })
  }

  /** Imports them all. Once: who calls it again gets the same promise. When it failed the next call tries again. */
  load(): Promise<void> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined
      throw error
    })
    return this.#loading
  }

  async #load(): Promise<void> {
    const { sender, serializers, signals, settings } = this.#options
    const { imports, include, acceptContent, resultAcceptContent, ...more } = settings()
    const { taskSerializer, resultSerializer } = more
    await serializers.ready(
      taskSerializer,
      resultSerializer,
      ...acceptContent,
      ...(resultAcceptContent ?? []),
    )
    await signals.importModules.send({ sender })
    for (const name of imports) await importModule(name, 'imports')
    for (const name of include) await importModule(name, 'include')
    for (const discovery of this.#discoveries) await discover(discovery)
    await signals.onAfterFinalize.send({ sender })
  }
}
