/**
 * Not running a task again that has succeeded: a worker that acknowledges late may die between storing a result and
 * acknowledging the message, which then comes again. Celery: `worker_deduplicate_successful_tasks`.
 */
import type { ResultMeta } from '../protocol/result-meta.ts'
import { SUCCESS } from '../protocol/states.ts'
import type { RegisteredTask } from '../task/ports.ts'
import type { TaskRequest } from '../task/request.ts'
import { LimitedSet } from '../util/limited-set.ts'
import type { ExecutionHost } from './ports.ts'

/** See the module's description. */
export class Deduplication {
  readonly #host: ExecutionHost
  readonly #successful: LimitedSet<string> | undefined

  constructor(host: ExecutionHost) {
    this.#host = host
    const { deduplicate, tasks } = host
    this.#successful =
      deduplicate === undefined
        ? undefined
        : new LimitedSet({ maxLength: deduplicate.max, expires: deduplicate.expires, clock: tasks.clock })
  }

  /** Remembers a task that has succeeded here. */
  succeeded(id: string): void {
    this.#successful?.add(id)
  }

  /** Whether a job could be a duplicate at all; asks nobody. */
  concerns(task: RegisteredTask, redelivered: boolean): boolean {
    return redelivered && task.options.acksLate && this.#successful !== undefined
  }

  /** What a job is a duplicate of: `'known'` when that happened in this process, else what the backend has stored. */
  async find({ id, task }: TaskRequest): Promise<'known' | ResultMeta | undefined> {
    if (this.#successful?.has(id) === true) return 'known'
    const { store: results } = this.#host.tasks.resultContextOf(task)
    if (!results.enabled) return undefined
    try {
      const { features } = await results.backend()
      const meta = features.persistent ? await results.load(id) : undefined
      return meta?.status === SUCCESS ? meta : undefined
    } catch (error) {
      // In doubt it runs: that is what redelivery is for.
      this.#host.tasks.logger.warn(`Whether task ${id} has succeeded already could not be found out`, {
        error,
      })
      return undefined
    }
  }
}
