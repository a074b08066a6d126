import type { ChildPoolOptions } from '../children/child-pool.ts'
import { ChildPool } from '../children/child-pool.ts'
import { openThread } from './thread.ts'

/**
 * Runs jobs in threads of this process (`worker_threads`), each with an event loop and modules of its own. They start
 * faster and take less memory than processes, and can be ended by force just as well; but a native module that crashes
 * takes the whole worker with it. Celery: `-P threads`, which knows neither time limits nor `terminate`.
 */
export class ThreadsPool extends ChildPool {
  constructor(options: ChildPoolOptions = {}) {
    super(options, { implementation: 'threads', open: openThread, processes: false })
  }
}
