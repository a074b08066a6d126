/** What child processes and threads of a pool load: finds the user's app and runs its tasks. */
import { ImproperlyConfigured } from '../errors.ts'
import type { ExecutionHost } from '../execution/ports.ts'
import { loadTaskRunner } from '../execution/runner.ts'
import type { Runner } from '../pool/pool.ts'
import { isPlainObject } from '../util/is-record.ts'
import { findApp } from './find-app.ts'

/** What the worker tells its children: plain data. */
export interface ChildInit {
  /** The module of the app: as for `celery -A`. */
  readonly app: string
  /** Settings that were made at run time in the worker's process and matter in its children. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** Makes the runner of this process. Called by the pool. */
export function createRunner(init: unknown): Promise<Runner> {
  // Whoever reads the log of the worker may go: a task that prints must not take its process along.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignore)
  return loadTaskRunner(init, load)
}

function ignore(): void {}

async function load(init: unknown): Promise<{ readonly host: ExecutionHost; close(): Promise<void> }> {
  if (!isPlainObject(init) || typeof init['app'] !== 'string') {
    throw new ImproperlyConfigured('Processes of the pool must be told the module of the app')
  }
  const { app } = await findApp(init['app'])
  if (isPlainObject(init['settings'])) app.conf.update(init['settings'])
  await app.log.setupChild(process.env)
  await app.loadModules()
  const { workerProcessInit, workerProcessShutdown } = app.signals
  await workerProcessInit.send({ sender: undefined })
  return {
    host: app.executionHost(),
    close: async () => {
      await workerProcessShutdown.send({ sender: undefined, pid: process.pid, exitcode: 0 })
      await app.close()
      app.log.close()
    },
  }
}
