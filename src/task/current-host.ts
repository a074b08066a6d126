/** Which app is meant where none is named. Follows the code through promises, callbacks and timers. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { ImproperlyConfigured } from '../errors.ts'
import type { CanvasHost } from './signature.ts'

const scoped = new AsyncLocalStorage<CanvasHost>()
let fallback: CanvasHost | undefined

/** The app of the running code, else the one that was made last. @throws ImproperlyConfigured when there is none. */
export function currentHost(): CanvasHost {
  const host = findCurrentHost()
  if (host === undefined) {
    throw new ImproperlyConfigured("There is no app yet: make one with new Celery('name')")
  }
  return host
}

/** The same, or undefined when there is none. */
export function findCurrentHost(): CanvasHost | undefined {
  return scoped.getStore() ?? fallback
}

/** Makes an app the one that is meant where none is named. Celery: `set_default`, `set_current`. */
export function setCurrentHost(host: CanvasHost | undefined): void {
  fallback = host
}

/** Runs code for which an app is the one that is meant. */
export function runWithHost<T>(host: CanvasHost, code: () => T): T {
  return scoped.run(host, code)
}
