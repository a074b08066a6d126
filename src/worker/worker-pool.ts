import { ImproperlyConfigured } from '../errors.ts'
import { createPool } from '../pool/create-pool.ts'
import type { Pool } from '../pool/pool.ts'
import { systemClock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { importReference } from '../util/modules.ts'
import type { AutoscalerOptions } from './autoscaler.ts'
import { Autoscaler } from './autoscaler.ts'
import type { WorkerOptions } from './worker-options.ts'

/** Makes the pool of a worker; with autoscaling it begins at its smallest. @throws ImproperlyConfigured. */
export async function createWorkerPool(options: WorkerOptions, logger: Logger): Promise<Pool> {
  const pool = await createPool(options.pool, {
    concurrency: options.autoscale?.min ?? options.concurrency,
    tasksPerProcess: options.tasksPerProcess,
    maxTasksPerChild: options.maxTasksPerChild,
    maxMemoryPerChild: options.maxMemoryPerChild,
    aliveTimeout: options.procAliveTimeout,
    warn: (message) => logger.warn(`pool: ${message}`),
  })
  if (pool.features.isolates && options.appModule === undefined) {
    throw new ImproperlyConfigured(
      `The pool '${pool.info().implementation}' runs tasks in processes or threads of their own, which must be told the module that exports ` +
        "the app: new Worker(app, { appModule: './tasks.ts' }), or start it with celery -A tasks worker",
    )
  }
  if (options.autoscale !== undefined && !pool.features.resizes) {
    throw new ImproperlyConfigured(
      `The pool '${pool.info().implementation}' cannot change its size, so there is no autoscaling with it`,
    )
  }
  return pool
}

/** Makes what grows and shrinks the pool; undefined when nothing does. @throws ImproperlyConfigured. */
export async function createAutoscaler(
  { autoscale, autoscaler }: WorkerOptions,
  parts: Pick<AutoscalerOptions, 'pool' | 'quantity' | 'changed' | 'logger'>,
): Promise<Autoscaler | undefined> {
  if (autoscale === undefined) return undefined
  const found =
    typeof autoscaler === 'string'
      ? await importReference(autoscaler, { option: 'workerAutoscaler' })
      : (autoscaler ?? Autoscaler)
  const options: AutoscalerOptions = { ...parts, ...autoscale, clock: systemClock }
  const made: unknown = typeof found === 'function' ? Reflect.construct(found, [options]) : undefined
  if (made instanceof Autoscaler) return made
  throw new ImproperlyConfigured(
    'workerAutoscaler: must be a class that extends Autoscaler of celeriac/worker',
  )
}
