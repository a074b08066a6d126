import type { UserAppOptions } from '../app/app-options.ts'
import { Celery } from '../app/celery.ts'
import type { Task } from '../task/task.ts'
import { silentLogger } from '../util/logger.ts'
import { uuid } from '../util/uuid.ts'

/** Celery: `celery.ping`. */
const PING = 'celery.ping'

/**
 * An app for tests: broker and results are in the memory of this process, and nobody else's; it logs nothing and is
 * not the current app. Celery: `TestApp`.
 * @param options override all that, and add settings.
 */
export function createTestApp(options: UserAppOptions = {}): Celery {
  const app = new Celery('celery.tests', {
    broker: `memory://${uuid()}`,
    backend: 'cache+memory://',
    logger: silentLogger,
    setAsCurrent: false,
    ...options,
  })
  pingTask(app)
  return app
}

/** The task `celery.ping` of an app, which answers `pong`. */
export function pingTask(app: Celery): Task<[], string> {
  return app.task(PING, () => 'pong')
}
