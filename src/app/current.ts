/** Which app is meant where none is named. Celery: `current_app`. */
import { findCurrentHost, setCurrentHost } from '../task/current-host.ts'
import { Celery } from './celery.ts'

/**
 * The app of the running code; else the one made last; else a default one, made now: with the settings of a module
 * `celeryconfig` in the working folder, and the embedded broker if there is nothing.
 */
export function currentApp(): Celery {
  const host = findCurrentHost()
  if (host instanceof Celery) return host
  const app = new Celery('default', { useDefaultConfigModule: true })
  setCurrentHost(app)
  return app
}
