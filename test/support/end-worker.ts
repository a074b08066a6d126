import type { Celery } from '../../src/index.ts'
import type { Worker } from '../../src/worker/worker.ts'
import type { CleanupContext } from './cleanup.ts'
import { onCleanup } from './cleanup.ts'

/** Ends a worker of this process by force when the test is over, then its app. */
export function endWorker(t: CleanupContext, worker: Worker, app: Celery): void {
  onCleanup(
    t,
    async () => {
      await worker.stop('cold')
      await app.close()
    },
    () => undefined,
  )
}
