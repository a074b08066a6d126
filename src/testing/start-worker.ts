import type { Celery } from '../app/celery.ts'
import { TimeoutError } from '../errors.ts'
import type { Duration } from '../util/duration.ts'
import { Worker } from '../worker/worker.ts'
import type { UserWorkerOptions } from '../worker/worker-options.ts'
import { pingTask } from './test-app.ts'

/** How a worker for tests is started. */
export interface TestWorkerOptions extends UserWorkerOptions {
  /** Send it `celery.ping`, and wait for the `pong`. Default: true if the app has a result backend. */
  readonly performPingCheck?: boolean
  /** Seconds to wait for the `pong`. Default 10. */
  readonly pingTaskTimeout?: Duration
}

/**
 * Starts a worker inside of this process, for tests: one task at a time unless told otherwise. It is ready when the
 * promise settles, and stops, warm, when it is disposed of:
 *
 * ```ts
 * await using worker = await startWorker(app)
 * ```
 *
 * Celery: `celery.contrib.testing.worker.start_worker`.
 * @throws TimeoutError when it does not answer; what the start of a worker throws.
 */
export async function startWorker(app: Celery, options: TestWorkerOptions = {}): Promise<Worker> {
  const { performPingCheck = app.results.enabled, pingTaskTimeout = 10, ...others } = options
  const ping = pingTask(app)
  const worker = new Worker(app, { pool: 'solo', concurrency: 1, hostname: 'test@localhost', ...others })
  await worker.start()
  if (!performPingCheck) return worker
  try {
    const pong = await ping
      .applyAsync({ args: [], queue: others.queues?.[0] })
      .get({ timeout: pingTaskTimeout })
    if (pong !== 'pong') throw new TimeoutError(`The worker answered ${String(pong)} instead of pong`)
    return worker
  } catch (error) {
    await worker.stop('cold')
    throw error
  }
}
