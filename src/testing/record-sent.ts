import type { Celery } from '../app/celery.ts'

/** A task that was sent. */
export interface SentTask {
  readonly id: string
  readonly name: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
  readonly exchange: string
  /** Of the default exchange: the name of the queue. */
  readonly routingKey: string
}

/** Tasks that an app has sent, in order; grows. */
export interface SentTasks extends Disposable, Iterable<SentTask> {
  readonly all: readonly SentTask[]
  /** Those of one task. */
  of(name: string): readonly SentTask[]
}

/**
 * Records what an app sends from now on, until it is disposed of: for tests of code that calls tasks. Messages go to
 * the broker all the same; with an app of `createTestApp` nobody takes them.
 */
export function recordSent(app: Celery): SentTasks {
  const all: SentTask[] = []
  const stop = app.signals.afterTaskPublish.connect(({ sender, headers, body, exchange, routingKey }) => {
    const { id } = headers
    const [args, kwargs]: readonly unknown[] = Array.isArray(body) ? body : []
    all.push({
      id: typeof id === 'string' ? id : '',
      name: sender,
      args: Array.isArray(args) ? args : [],
      kwargs: { ...(typeof kwargs === 'object' ? kwargs : {}) },
      headers,
      exchange,
      routingKey,
    })
  })
  return {
    all,
    of: (name) => all.filter((sent) => sent.name === name),
    [Symbol.iterator]: () => all[Symbol.iterator](),
    [Symbol.dispose]: stop,
  }
}
