/** What child processes and threads of a pool load: finds the user's app and runs its tasks. */
import { ImproperlyConfigured } from '../errors.ts'
import type { ExecutionHost } from '../execution/ports.ts'
import { loadTaskRunner } from '../execution/runner.ts'
import type { Runner } from '../pool/pool.ts'
import { isPlainObject } from '../util/is-record.ts'
import { importReference } from '../util/modules.ts'

/** What the worker tells its children: plain data. */
export interface ChildInit {
  /** `module#export` of the app. */
  readonly app: string
  /** Settings that were made at run time in the worker's process and matter in its children. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** What is needed of an app; its class may be that of another copy of the package. */
interface RunnableApp {
  readonly conf: { update(settings: Readonly<Record<string, unknown>>): void }
  loadModules(): Promise<void>
  executionHost(): ExecutionHost
  close(): Promise<void>
}

/** Makes the runner of this process. Called by the pool. */
export function createRunner(init: unknown): Promise<Runner> {
  return loadTaskRunner(init, load)
}

async function load(init: unknown): Promise<{ readonly host: ExecutionHost; close(): Promise<void> }> {
  if (!isPlainObject(init) || typeof init['app'] !== 'string') {
    throw new ImproperlyConfigured('Processes of the pool must be told the module of the app')
  }
  const app = await importReference(init['app'], { option: 'app' })
  if (!isApp(app)) {
    throw new ImproperlyConfigured(`${init['app']} is no app: export one, export const app = new Celery('…')`)
  }
  if (isPlainObject(init['settings'])) app.conf.update(init['settings'])
  await app.loadModules()
  return { host: app.executionHost(), close: () => app.close() }
}

function isApp(value: unknown): value is RunnableApp {
  return (
    typeof value === 'object' &&
    value !== null &&
    'executionHost' in value &&
    typeof value.executionHost === 'function' &&
    'loadModules' in value &&
    'conf' in value
  )
}
