/** Which app is meant where none is named: that of the running task, else the one that was made last. */
import { ImproperlyConfigured } from '../errors.ts'
import { currentTask } from './current-task.ts'
import type { TaskHost } from './ports.ts'
import type { CanvasHost } from './signature.ts'

let fallback: CanvasHost | undefined

/** The current app. @throws ImproperlyConfigured when there is none. */
export function currentHost(): CanvasHost {
  const host = findCurrentHost()
  if (host === undefined) {
    throw new ImproperlyConfigured("There is no app yet: make one with new Celery('name')")
  }
  return host
}

/** The same, or undefined when there is none. */
export function findCurrentHost(): CanvasHost | undefined {
  const host = currentTask()?.host
  return host !== undefined && isCanvasHost(host) ? host : fallback
}

/** Makes an app the current one outside of tasks. Celery: `set_default`, `set_current`. */
export function setCurrentHost(host: CanvasHost | undefined): void {
  fallback = host
}

function isCanvasHost(host: TaskHost): host is CanvasHost {
  return 'signatureFrom' in host && 'pipe' in host
}
