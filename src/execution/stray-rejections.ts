/**
 * Promises of tasks that are rejected while nobody looks at them. Left to itself, Node ends the process for one, and with
 * it all other tasks there, although the task that made the promise may have ended long ago. Here it is a line in the
 * log, as in Python. What is rejected outside of tasks is left to Node, or to whoever else listens.
 */
import { exceptionRepr, isError } from '../protocol/exception-info.ts'
import { currentTask } from '../task/current-task.ts'

/** Several workers of one process must not tell the same twice. */
const hearers = new WeakSet<object>()

/** Hears of them from now on. Gives the function that ends it. */
export function hearStrayRejections(): () => void {
  const hear = (reason: unknown): void => {
    const listeners = process.listeners('unhandledRejection')
    if (listeners.find((listener) => hearers.has(listener)) !== hear) return
    const run = currentTask()
    if (run !== undefined) {
      // Anything may be thrown, things that no log can take among them.
      const error = isError(reason) ? reason : exceptionRepr(reason)
      run.logger.error('A promise of the task was rejected, and nothing awaits it', { error })
    } else if (listeners.every((listener) => hearers.has(listener))) {
      // As if nobody listened.
      throw reason
    }
  }
  hearers.add(hear)
  process.on('unhandledRejection', hear)
  return () => void process.off('unhandledRejection', hear)
}
