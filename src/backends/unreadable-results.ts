import { BackendGetMetaError } from '../errors.ts'
import type { ResultMeta } from '../protocol/result-meta.ts'

/**
 * Of several results that were read in one trip, some cannot be understood: another program has written them, or in a
 * format that is not accepted. They are no reason to keep the others from those who wait for them.
 */
export class UnreadableResults extends BackendGetMetaError {
  /** What was found, in the order in which it was asked for; undefined also for what cannot be read. */
  readonly metas: readonly (ResultMeta | undefined)[]
  /** What is wrong, by id of the task. */
  readonly errors: ReadonlyMap<string, BackendGetMetaError>

  constructor(
    metas: readonly (ResultMeta | undefined)[],
    errors: ReadonlyMap<string, BackendGetMetaError>,
    { taskId, message, cause }: BackendGetMetaError,
  ) {
    const more = errors.size > 1 ? ` (and ${errors.size - 1} more)` : ''
    super(`${message}${more}`, { cause, taskId })
    this.name = 'BackendGetMetaError'
    this.metas = metas
    this.errors = errors
  }
}

/**
 * Reads the documents of several tasks, each for itself.
 *
 * @param read gives the document with that number; it throws whatever is wrong with it.
 * @throws UnreadableResults, with all the others, when some cannot be read.
 */
export function readEach(
  ids: readonly string[],
  read: (id: string, index: number) => ResultMeta | undefined,
): readonly (ResultMeta | undefined)[] {
  const errors = new Map<string, BackendGetMetaError>()
  const metas = ids.map((id, index) => {
    try {
      return read(id, index)
    } catch (cause) {
      errors.set(id, unreadableResult(id, cause))
      return undefined
    }
  })
  const [first] = errors.values()
  if (first !== undefined) throw new UnreadableResults(metas, errors, first)
  return metas
}

/** Says of which task it is that the result cannot be read, and why. */
export function unreadableResult(id: string, cause: unknown): BackendGetMetaError {
  if (cause instanceof BackendGetMetaError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new BackendGetMetaError(`The stored result of task ${id} is unreadable: ${reason}`, {
    cause,
    taskId: id,
  })
}
