/** The tasks of the demo: what a project's own `tasks.ts` looks like. */
import { Celery } from '../src/index.ts'

export const app = new Celery('examples.tasks')

class Unreliable extends Error {}

export const add = app.task('tasks.add', (x: number, y: number) => x + y)

export const mul = app.task('tasks.mul', (x: number, y: number) => x * y)

export const xsum = app.task('tasks.xsum', (numbers: readonly number[]) =>
  numbers.reduce((sum, number) => sum + number, 0),
)

/** Says which process ran it. */
export const whoami = app.task('tasks.whoami', () => process.pid)

/** Fails at the first two attempts. */
export const flaky = app.task(
  'tasks.flaky',
  { bind: true, autoretryFor: [Unreliable], defaultRetryDelay: '100ms', maxRetries: 5 },
  (self) => {
    if (self.request.retries < 2) throw new Unreliable(`attempt ${self.request.retries + 1} failed`)
    return `attempt ${self.request.retries + 1} worked`
  },
)

export const divide = app.task('tasks.divide', (x: number, y: number) => {
  if (y === 0) throw new RangeError(`${x} cannot be divided by zero`)
  return x / y
})
