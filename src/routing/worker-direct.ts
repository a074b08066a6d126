import { Exchange, Queue } from '../messaging/entity.ts'

/** Celery: `WORKER_DIRECT_EXCHANGE`. */
const WORKER_DIRECT_EXCHANGE = 'C.dq2'

/**
 * The queue that only one worker takes from, if its setting `workerDirect` is on:
 * `task.applyAsync([], { queue: workerDirect('w1@host') })`. Celery: `celery.utils.nodenames.worker_direct`.
 *
 * @param hostname node name of the worker.
 */
export function workerDirect(hostname: string): Queue {
  const exchange = new Exchange(WORKER_DIRECT_EXCHANGE, { type: 'direct' })
  return new Queue(`${hostname}.dq2`, { exchange, routingKey: hostname })
}
