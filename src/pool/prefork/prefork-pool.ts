import type { ChildPoolOptions } from '../children/child-pool.ts'
import { ChildPool } from '../children/child-pool.ts'
import { openChildProcess } from './child-process.ts'

/** Runs jobs in child processes: what a job does, a crash included, harms its own process only. */
export class PreforkPool extends ChildPool {
  constructor(options: ChildPoolOptions = {}) {
    super(options, { implementation: 'prefork', open: openChildProcess, processes: true })
  }
}
